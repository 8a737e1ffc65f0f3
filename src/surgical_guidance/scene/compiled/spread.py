"""Blood on a coarse map: where it is, how much more of it than before, and where it has been for longest."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Pixels = NDArray[np.uint8]

NOTHING, BLOOD, COVERED = range(3)
"""What a pixel of a coarse map shows; covered is what an instrument is in front of."""


@compiled
def look(labels: Pixels, kinds: Pixels, now: Pixels) -> bool:
    """Draw a coarse map of blood and instruments.

    :param kinds: ``(256,)``, what each label is.
    :param now: of any size, filled.
    :return: whether there is any blood.
    """
    rows, columns = now.shape
    any_blood = False
    taken = np.empty(columns, np.uintp)
    for column in range(columns):
        taken[column] = column * labels.shape[1] // columns
    for row in range(rows):
        line = labels[row * labels.shape[0] // rows]
        for column in range(columns):
            kind = kinds[line[taken[column]]]
            now[row, column] = kind
            any_blood |= kind == BLOOD
    return any_blood


@compiled
def rates(
    now: Pixels, past: Pixels, ages_s: NDArray[np.float64], window_s: tuple[float, float], found: NDArray[np.float64]
) -> int:
    """Find how fast blood has spread since moments before, only where no instrument is or was in front.

    :param past: ``(moments, rows, columns)``.
    :param ages_s: of the moments [s].
    :param window_s: least and greatest age of those that tell [s].
    :param found: of these, filled with the rates from its beginning on [share of the map / s].
    :return: how many they are.
    """
    known = 0
    here = now.ravel()
    for moment in range(len(past)):
        if not window_s[0] <= ages_s[moment] <= window_s[1]:
            continue
        there, more = past[moment].ravel(), np.int32(0)
        for at in range(len(here)):  # without rows and branches, in small numbers: many pixels are taken at a time
            change = np.int32(here[at]) - np.int32(there[at])
            more = np.int32(more + (change if here[at] | there[at] < COVERED else 0))
        found[known] = more / len(here) / ages_s[moment]
        known += 1
    return known


@compiled
def grow_older(age: NDArray[np.float32], now: Pixels, step: float) -> None:
    """Let blood grow older; what is covered keeps its age, and what is gone has none.

    :param age: of the blood in each pixel [s].
    :param step: [s].
    """
    ages, here, more = age.ravel(), now.ravel(), np.float32(step)
    for at in range(len(ages)):
        kept = ages[at] if here[at] else np.float32(0.0)
        ages[at] = kept + more if here[at] == BLOOD else kept


@compiled
def oldest(
    age: NDArray[np.float32], now: Pixels, contour: NDArray[np.float32], grid: tuple[float, float], share: float
) -> tuple[float, float, float]:
    """Find where, in the box of a part of it, blood has been for longest.

    :param contour: ``(n, 2)`` of the part, at least one point [px of the picture].
    :param grid: width and height of a coarse pixel [px of the picture].
    :param share: of the greatest age, from which on it counts as that.
    :return: the greatest age [s], 0 where there is no blood; and the middle of the pixels that are about as old.
    """
    left = right = contour[0, 0]
    top = bottom = contour[0, 1]
    for at in range(1, len(contour)):
        left, right = min(left, contour[at, 0]), max(right, contour[at, 0])
        top, bottom = min(top, contour[at, 1]), max(bottom, contour[at, 1])
    columns = range(_coarse(left, grid[0]), min(_coarse(right + 1, grid[0]) + 1, age.shape[1]))
    rows = range(_coarse(top, grid[1]), min(_coarse(bottom + 1, grid[1]) + 1, age.shape[0]))
    greatest = np.float32(0.0)
    for row in rows:
        for column in columns:
            if now[row, column] == BLOOD:
                greatest = max(greatest, age[row, column])
    x = y = count = 0
    for row in rows:
        for column in columns:
            if now[row, column] == BLOOD and age[row, column] >= share * greatest:
                x += column
                y += row
                count += 1
    return float(greatest), x / max(count, 1), y / max(count, 1)


@compiled
def _coarse(place: float, pitch: float) -> int:
    return max(int(math.floor(place) / pitch), 0)
