"""Corners that are followed from picture to picture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Pixels = NDArray[np.uint8]
Points = NDArray[np.float32]


@compiled
def usable(
    corners: Points, moved: NDArray[np.float64], size: tuple[int, int], labels: Pixels, wanted: Pixels
) -> tuple[Points, Points]:
    """Give the corners that should lie on a wanted label now, and where.

    :param corners: ``(n, 2)``, x and y [px of a picture that the map covers].
    :param moved: ``(3, 3)``, from where they were to where they should be.
    :param size: rows and columns of that picture.
    :param wanted: ``(256,)``, by label; 0: it is not.
    """
    rows, columns = labels.shape
    before, there = np.empty_like(corners), np.empty_like(corners)
    count, half = 0, np.float32(0.5)
    for at in range(len(corners)):
        u = np.float32(moved[0, 0] * corners[at, 0] + moved[0, 1] * corners[at, 1] + moved[0, 2])
        v = np.float32(moved[1, 0] * corners[at, 0] + moved[1, 1] * corners[at, 1] + moved[1, 2])
        x = np.rint((u + half) * np.float32(columns / size[1]) - half)
        y = np.rint((v + half) * np.float32(rows / size[0]) - half)
        if 0 <= x < columns and 0 <= y < rows and wanted[labels[int(y), int(x)]] != 0:
            before[count, 0], before[count, 1] = corners[at, 0], corners[at, 1]
            there[count, 0], there[count, 1] = u, v
            count += 1
    return before[:count], there[:count]


@compiled
def spread(points: Points, marked: NDArray[np.uint8]) -> tuple[int, float]:
    """Give how many points are marked, and their standard deviation along x or y, whichever is greater.

    :param points: ``(n, 2)``.
    :param marked: ``(n, 1)``, not 0 for those that count.
    """
    count, greatest = 0, 0.0
    for axis in range(2):
        count, mean, squares = 0, 0.0, 0.0
        for at in range(len(points)):
            if marked[at, 0]:
                count += 1
                off = points[at, axis] - mean
                mean += off / count
                squares += off * (points[at, axis] - mean)
        greatest = max(greatest, math.sqrt(squares / count)) if count else 0.0
    return count, greatest


__all__ = ['spread', 'usable']
