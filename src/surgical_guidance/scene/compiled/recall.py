"""The tissue under the instruments, from what was seen there before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Pixels = NDArray[np.uint8]

RIM = 2
"""Label pixels around an instrument in which nothing is remembered, to all sides: there a network is least sure."""


@compiled
def complete(labels: Pixels, covered: Pixels, known: Pixels, whole: Pixels) -> None:
    """Remember what is seen clear of instruments, and fill in what they cover. All maps are of one size.

    :param covered: 1 where instruments are, else 0.
    :param known: what is remembered, brought up to date.
    :param whole: filled with the labels, where they are covered with what is known.
    """
    last, columns = len(labels) - 1, labels.shape[1]
    near = np.zeros(columns + 2 * RIM, np.uint8)  # whether any of five rows is covered, with a margin on both sides
    for row in range(len(labels)):
        seen, before, filled, hides = labels[row], known[row], whole[row], covered[row]
        two_above, above = covered[max(row - 2, 0)], covered[max(row - 1, 0)]
        two_below, below = covered[min(row + 2, last)], covered[min(row + 1, last)]
        for at in range(columns):
            near[at + RIM] = two_above[at] | above[at] | hides[at] | below[at] | two_below[at]
        # nothing is read in one case alone: so many pixels are taken at a time, much the fastest
        for at in range(columns):
            is_near = near[at] | near[at + 1] | near[at + 2] | near[at + 3] | near[at + 4]
            label, remembered = seen[at], before[at]
            remembered = remembered if is_near else label
            before[at] = remembered
            filled[at] = remembered if hides[at] else label


@compiled
def seen_of(labels: Pixels, wanted: NDArray[np.bool_], every: int) -> float:
    """Give the share of a map that has wanted labels, as a grid of its pixels tells.

    :param wanted: ``(256,)``, by label.
    :param every: rows and columns of which one is looked at.
    """
    count = looked_at = 0
    for row in range(0, labels.shape[0], every):
        for column in range(0, labels.shape[1], every):
            count += wanted[labels[row, column]]
            looked_at += 1
    return count / looked_at if looked_at else 0.0
