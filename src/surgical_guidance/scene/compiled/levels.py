"""What is known of a map: its mean, and what lies at places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Pixels = NDArray[np.uint8]


@compiled
def mean(levels: Pixels, inside: Pixels, every: int) -> float:
    """Give the mean of one row in every so many, 0 to 255; 0 where there is nothing.

    :param inside: as large, not 0 on the pixels that count; or ``(0, 0)``: all do.
    """
    total = count = 0
    rows, columns = levels.shape
    for row in range(0, rows, every):
        if inside.size == 0:
            line = 0
            for column in range(columns):
                line += levels[row, column]
            total += line
            count += columns
        else:
            line = marked = 0
            for column in range(columns):  # without a branch, so that many pixels are taken at a time
                there = inside[row, column] != 0
                line += levels[row, column] * there
                marked += there
            total += line
            count += marked
    return total / count if count else 0.0


@compiled
def marked_at(points: NDArray[np.float32], size: tuple[int, int], labels: Pixels, wanted: Pixels) -> NDArray[np.bool_]:
    """Tell which places of a picture have a wanted label.

    :param points: ``(n, 2)``, x and y [px of a picture that the map covers].
    :param size: rows and columns of that picture.
    :param wanted: ``(256,)``, by label; 0: it is not.
    """
    rows, columns = labels.shape
    marked, half = np.zeros(len(points), np.bool_), np.float32(0.5)
    for at in range(len(points)):
        x = np.rint((points[at, 0] + half) * np.float32(columns / size[1]) - half)
        y = np.rint((points[at, 1] + half) * np.float32(rows / size[0]) - half)
        if 0 <= x < columns and 0 <= y < rows:
            marked[at] = wanted[labels[int(y), int(x)]] != 0
    return marked
