"""What is known of a map as a whole."""

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
            for column in range(columns):
                if inside[row, column]:
                    total += levels[row, column]
                    count += 1
    return total / count if count else 0.0
