"""The winning class of every pixel and its probability, from logits at half the size: compiled loops.

The same as scaling the logits up (bilinear, half-pixel centres), taking the argmax, and the softmax of the winner at
half the size, in an eighth of the time: only pixels near a border are scaled up. Where one class wins at a coarse pixel
and all around it, it wins at its four fine ones too, since these are means of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

_ONE, _THREE, _NOTHING = np.float32(1.0), np.float32(3.0), np.float32(0.0)
_SHARE = np.float32(1.0 / 1024.0)  # exp(x) is (1 + x / 1024) ** 1024, to 0.05 % of 1: a tenth of a step of 1 / 255
_FULL, _HALF_STEP = np.float32(255.0), np.float32(0.5)
_LOWEST = np.float32(np.finfo(np.float32).min)


class Winners:
    """Memory for the winners of maps of one size. What is compiled is compiled when it is made.

    :param shape: of the logits, ``(classes, h, w)``.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        rows, columns = shape[1:]
        self.labels = np.zeros((2 * rows, 2 * columns), np.uint8)
        self.confidence = np.zeros((2 * rows, 2 * columns), np.uint8)
        self._coarse = np.zeros((rows, columns), np.uint8)
        self._row = np.zeros((2, columns), np.float32)
        self._winner = np.zeros(columns, np.int32)
        self.find(np.zeros(shape, np.float32))

    def find(self, logits: NDArray[np.float32]) -> None:
        """Find the winners: ``labels`` and ``confidence``, the probability times 255, both ``uint8 (2 h, 2 w)``.

        :param logits: ``float32 (classes, h, w)``, all finite.
        """
        _coarse_winners(logits, self._coarse, self.confidence, self._row, self._winner)
        _fine_winners(logits, self._coarse, self.labels)


@compiled
def _coarse_winners(
    logits: NDArray[np.float32],
    coarse: NDArray[np.uint8],
    confidence: NDArray[np.uint8],
    row: NDArray[np.float32],
    winner: NDArray[np.int32],
) -> None:
    """Take the argmax at half the size, and 1 / sum(exp(l - max)), which is the softmax of the winner.

    :param row: scratch, ``(2, w)``. :param winner: scratch, ``(w,)``.
    """
    classes, rows, columns = logits.shape
    best, total = row[0], row[1]
    for y in range(rows):  # row by row, so that the processor works on eight pixels at once
        for x in range(columns):
            best[x], winner[x], total[x] = logits[0, y, x], 0, _NOTHING
        for index in range(1, classes):
            values, number = logits[index, y], np.int32(index)
            for x in range(columns):
                winner[x] = number if values[x] > best[x] else winner[x]
                best[x] = max(values[x], best[x])
        for index in range(classes):
            values = logits[index, y]
            for x in range(columns):
                total[x] += max(_ONE + (values[x] - best[x]) * _SHARE, _NOTHING) ** 1024
        upper, lower = confidence[2 * y], confidence[2 * y + 1]
        for x in range(columns):
            coarse[y, x] = np.uint8(winner[x])
            level = np.uint8(_FULL / total[x] + _HALF_STEP)
            upper[2 * x] = upper[2 * x + 1] = level
        lower[:] = upper


@compiled
def _fine_winners(logits: NDArray[np.float32], coarse: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
    """Take the argmax at full size: the coarse one's where all around it agree, else that of the logits scaled up."""
    rows, columns = coarse.shape
    for y in range(rows):
        above, below = max(y - 1, 0), min(y + 1, rows - 1)
        for x in range(columns):
            left, right = max(x - 1, 0), min(x + 1, columns - 1)
            own = coarse[y, x]
            others = (
                (coarse[above, left] ^ own)
                | (coarse[above, x] ^ own)
                | (coarse[above, right] ^ own)
                | (coarse[y, left] ^ own)
                | (coarse[y, right] ^ own)
                | (coarse[below, left] ^ own)
                | (coarse[below, x] ^ own)
                | (coarse[below, right] ^ own)
            )
            if others == 0:
                labels[2 * y, 2 * x] = labels[2 * y, 2 * x + 1] = own
                labels[2 * y + 1, 2 * x] = labels[2 * y + 1, 2 * x + 1] = own
            else:
                _four(logits, labels, y, x, above, below, left, right)


@compiled
def _four(logits: Any, labels: Any, y: int, x: int, above: int, below: int, left: int, right: int) -> None:
    """Scale the logits of one coarse pixel up to its four fine ones: 3/4 its own, 1/4 the neighbour's, each way."""
    upper_left = upper_right = lower_left = lower_right = 0
    first = second = third = fourth = _LOWEST
    for index in range(logits.shape[0]):
        here, over, under = logits[index, y], logits[index, above], logits[index, below]
        middle, top, bottom = _THREE * here[x], _THREE * over[x], _THREE * under[x]
        value = _THREE * (middle + here[left]) + (top + over[left])
        if value > first:
            first, upper_left = value, index
        value = _THREE * (middle + here[right]) + (top + over[right])
        if value > second:
            second, upper_right = value, index
        value = _THREE * (middle + here[left]) + (bottom + under[left])
        if value > third:
            third, lower_left = value, index
        value = _THREE * (middle + here[right]) + (bottom + under[right])
        if value > fourth:
            fourth, lower_right = value, index
    labels[2 * y, 2 * x], labels[2 * y, 2 * x + 1] = upper_left, upper_right
    labels[2 * y + 1, 2 * x], labels[2 * y + 1, 2 * x + 1] = lower_left, lower_right
