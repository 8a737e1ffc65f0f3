"""What is kept of the tissue under the instruments, pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Pixels = NDArray[np.uint8]


@compiled
def remember(labels: Pixels, covered: Pixels, reach: int, known: Pixels, whole: Pixels) -> None:
    """Take in the labels of a map where they are sure, and fill in what was known where instruments are.

    :param covered: 1 where instruments are, else 0.
    :param reach: columns and rows around an instrument in which nothing is sure.
    :param known: what was known; labels are taken in.
    :param whole: filled with the labels, and under instruments with what is known.
    """
    rows, columns = labels.shape
    beside = np.empty(columns, np.uint8)  # whether anything is in a column, of the rows around
    for row in range(rows):
        first, last = max(row - reach, 0), min(row + reach + 1, rows)
        total = 0
        for column in range(columns):
            found = covered[first, column]
            for other in range(first + 1, last):
                found |= covered[other, column]
            beside[column] = found
            total += found
        if total == 0:
            for column in range(columns):
                known[row, column] = whole[row, column] = labels[row, column]
            continue
        clear = 0  # the first column that nothing to the left makes unsure
        for ahead in range(min(reach, columns)):
            if beside[ahead]:
                clear = ahead + reach + 1
        for column in range(columns):
            if column + reach < columns and beside[column + reach]:
                clear = column + 2 * reach + 1
            if column >= clear:
                known[row, column] = labels[row, column]
            whole[row, column] = known[row, column] if covered[row, column] else labels[row, column]


@compiled
def mean(levels: Pixels, inside: Pixels, every: int) -> float:
    """Give the mean of every so manieth row, 0 to 255; 0 where there is nothing.

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
