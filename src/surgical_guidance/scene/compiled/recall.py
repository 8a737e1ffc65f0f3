"""The tissue under the instruments, from what was seen there before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Pixels = NDArray[np.uint8]


@compiled
def complete(labels: Pixels, covered: Pixels, rim: Pixels, known: Pixels, whole: Pixels) -> None:
    """Remember what is seen clear of instruments, and fill in what they cover. All maps are of one size.

    :param covered: not 0 where instruments are.
    :param rim: not 0 where instruments are or are near: there nothing is remembered.
    :param known: what is remembered, brought up to date.
    :param whole: filled with the labels, where they are covered with what is known.
    """
    # lines without rows, and nothing is read in one case alone: so many pixels are taken at a time, much the fastest
    seen, is_covered, is_near = labels.ravel(), covered.ravel(), rim.ravel()
    before, filled = known.ravel(), whole.ravel()
    for at in range(len(seen)):
        label, remembered = seen[at], before[at]
        remembered = remembered if is_near[at] else label
        before[at] = remembered
        filled[at] = remembered if is_covered[at] else label
