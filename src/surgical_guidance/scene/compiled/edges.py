"""Edges of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled


@compiled
def laplacian(grey: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Give of the Laplacian of a picture how many values there are, their sum, and that of their squares.

    :param grey: ``(rows, columns)``, 2 of each or more; mirrored at its border, as OpenCV does.
    """
    rows, columns = grey.shape
    total, squares = 0, 0
    for y in range(rows):
        above, here, below = grey[abs(y - 1)], grey[y], grey[min(y + 1, 2 * rows - 3 - y)]
        row_total, row_squares = np.int32(0), np.int32(0)  # narrow, so that many pixels are taken at a time
        for x in range(1, columns - 1):
            edge = np.int32(np.int32(above[x]) + below[x] + here[x - 1] + here[x + 1] - np.int32(4) * here[x])
            row_total += edge
            row_squares += edge * edge
        total += int(row_total)
        squares += int(row_squares)
        for x, beside in ((0, 1), (columns - 1, columns - 2)):
            at_border = int(above[x]) + int(below[x]) + 2 * int(here[beside]) - 4 * int(here[x])
            total += at_border
            squares += at_border**2
    return rows * columns, total, squares


__all__ = ['laplacian']
