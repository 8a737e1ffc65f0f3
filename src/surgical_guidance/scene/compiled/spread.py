"""Blood on a coarse map: where it is, how much more of it than before, and where it has been for longest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Flags = NDArray[np.bool_]


@compiled
def look(labels: NDArray[np.uint8], index: int, tools: Flags, blood: Flags, covered: Flags) -> bool:
    """Find blood and instruments on a coarse map.

    :param index: label of blood.
    :param tools: ``(256,)``, which labels are instruments.
    :param blood: of any size, filled with where blood is.
    :param covered: as large, filled with where instruments are.
    :return: whether there is any blood.
    """
    rows, columns = blood.shape
    found = False
    taken = np.empty(columns, np.int64)
    for column in range(columns):
        taken[column] = column * labels.shape[1] // columns
    for row in range(rows):
        from_row = row * labels.shape[0] // rows
        for column in range(columns):
            label = labels[from_row, taken[column]]
            blood[row, column] = label == index
            covered[row, column] = tools[label]
            found |= label == index
    return found


@compiled
def more(blood: Flags, covered: Flags, blood_then: Flags, covered_then: Flags) -> int:
    """Count how much more blood there is than there was, only where no instrument is or was in front [pixels]."""
    count = 0
    here, hides, there, hid = blood.ravel(), covered.ravel(), blood_then.ravel(), covered_then.ravel()
    for at in range(len(here)):  # without rows and branches: many pixels are taken at a time
        hidden = hides[at] | hid[at]
        count += (here[at] > hidden) - (there[at] > hidden)
    return count


@compiled
def grow_older(age: NDArray[np.float32], blood: Flags, covered: Flags, step: float) -> None:
    """Let blood grow older; what is covered keeps its age, and what is gone has none.

    :param age: of the blood in each pixel [s].
    :param step: [s].
    """
    rows, columns = age.shape
    for row in range(rows):
        for column in range(columns):
            if blood[row, column]:
                age[row, column] += np.float32(step)
            elif not covered[row, column]:
                age[row, column] = 0.0


@compiled
def oldest(
    age: NDArray[np.float32], blood: Flags, box: tuple[int, int, int, int], share: float
) -> tuple[float, float, float]:
    """Find where, in a box, blood has been for longest.

    :param box: first column, first row, and those after the last.
    :param share: of the greatest age, from which on it counts as that.
    :return: the greatest age [s], 0 where there is no blood; and the middle of the pixels that are about as old.
    """
    left, top, right, bottom = box
    greatest = np.float32(0.0)
    for row in range(top, min(bottom, age.shape[0])):
        for column in range(left, min(right, age.shape[1])):
            if blood[row, column]:
                greatest = max(greatest, age[row, column])
    x = y = count = 0
    for row in range(top, min(bottom, age.shape[0])):
        for column in range(left, min(right, age.shape[1])):
            if blood[row, column] and age[row, column] >= share * greatest:
                x += column
                y += row
                count += 1
    return float(greatest), x / max(count, 1), y / max(count, 1)
