"""How well labels cover the truth: a confusion matrix pooled over frames, and what follows from it.

``IoU = hit / (true + found - hit)`` (Jaccard, 1912), from pixel counts pooled over all frames, so that a class that is
large in one frame and absent in the next weighs by its pixels and no frame divides by zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VOID = 255
"""In true labels: nobody said what is there. Such pixels count for nothing."""


class Confusion:
    """Counts which label was found where which one is true.

    :param classes: names by index.
    """

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self.counts: NDArray[np.int64] = np.zeros((len(classes), len(classes)), np.int64)
        """``(n, n)``: row = true, column = found."""

    def add(self, truth: NDArray[np.uint8], found: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Count labels of one shape, indices into ``classes``; where ``truth`` is :data:`VOID` nothing is counted.

        :return: the counts of these labels alone, ``(n, n)``.
        :raises ValueError: if the shapes differ, or there is an index without a class.
        """
        if truth.shape != found.shape:
            raise ValueError(f'truth is {truth.shape}, found is {found.shape}')
        n = len(self.classes)
        # One pass for all pixels: 256 columns a row, so that an index without a class shows instead of wrapping round.
        both = np.bincount((truth.astype(np.uint16).ravel() << 8) + found.ravel(), minlength=65536).reshape(256, 256)
        both[VOID] = 0
        own = both[:n, :n].astype(np.int64)
        if own.sum() != both.sum():
            raise ValueError(f'a label is above {n - 1}, the last of the classes')
        self.counts += own
        return own

    @property
    def pixels(self) -> int:
        """How many were counted."""
        return int(self.counts.sum())

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which classes are in the truth, ``(n,)``."""
        return np.asarray(self.counts.sum(axis=1) > 0)

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class, ``(n,)``; NaN for a class that is neither true nor found."""
        return _iou(self.counts)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of what was found of each class that is true, ``(n,)``; NaN where nothing was found."""
        return _ratio(np.diag(self.counts), self.counts.sum(axis=0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of what is true of each class that was found, ``(n,)``; NaN where nothing is true."""
        return _ratio(np.diag(self.counts), self.counts.sum(axis=1))

    @property
    def accuracy(self) -> float:
        """Share of all that was counted that is right; NaN where nothing was."""
        return float(_ratio(np.trace(self.counts), self.counts.sum()))

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes present in the truth; NaN where there are none.

        A class that is found and never true has no row of its own, but what it covers is missing elsewhere.
        """
        return mean_iou(self.counts)


def mean_iou(counts: NDArray[np.int64]) -> float:
    """Give the mean IoU over the classes present in the truth of one confusion matrix; NaN where there are none."""
    present = counts.sum(axis=1) > 0
    return float(_iou(counts)[present].mean()) if present.any() else float('nan')


def _iou(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    hit = np.diag(counts)
    return _ratio(hit, counts.sum(axis=0) + counts.sum(axis=1) - hit)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
