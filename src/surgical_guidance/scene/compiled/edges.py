"""Edges of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled


@compiled
def laplacian(grey: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Give of the Laplacian of a picture, without its border, how many values there are, their sum and their squares'.

    :param grey: ``(rows, columns)``.
    """
    rows, columns = grey.shape
    total, squares = 0, 0
    for y in range(1, rows - 1):
        row_total, row_squares = np.int32(0), np.int32(0)  # narrow, so that many pixels are taken at a time
        for x in range(1, columns - 1):
            around = np.int32(grey[y - 1, x]) + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1]
            edge = np.int32(around - np.int32(4) * grey[y, x])
            row_total += edge
            row_squares += edge * edge
        total += int(row_total)
        squares += int(row_squares)
    return max(rows - 2, 0) * max(columns - 2, 0), total, squares


__all__ = ['laplacian']
