"""The tissue as a whole: what is seen of it now, and under the instruments what was seen there last.

The danger of a distance is in what an instrument covers: the jaws of a clip applier hide the duct that they are at. So
structures are looked for in a map in which instruments have left no holes. What lay at the very rim of an instrument is
not remembered, since there a network is least sure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import STRUCTURE_CLASSES
from surgical_guidance.scene.compiled import recall
from surgical_guidance.scene.regions import among, plain
from surgical_guidance.scene.state import Segmentation

_EVERY = 8  # rows and columns of which one tells how much tissue there is
_LEAST_TISSUE = 0.05  # of the picture; less is not the body, and what was seen before lies elsewhere now


class TissueMemory:
    """Remembers the tissue of one session, in the pixels of the label map."""

    def __init__(self) -> None:
        self._known: NDArray[np.uint8] = np.empty((0, 0), np.uint8)
        self._whole = self._known
        self._fresh = True

    def reset(self) -> None:
        """Forget what was seen."""
        self._fresh = True

    def move(self, columns: int, rows: int) -> None:
        """Move what is remembered with the tissue, right and down [label pixels]."""
        if (columns or rows) and self._known.size:
            moved = np.zeros_like(self._known)
            height, width = moved.shape
            rows, columns = min(max(rows, -height), height), min(max(columns, -width), width)
            moved[max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)] = self._known[
                max(-rows, 0) : height + min(-rows, 0), max(-columns, 0) : width + min(-columns, 0)
            ]
            self._known = moved

    def whole(self, segmentation: Segmentation, covered: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give the labels with the tissue under the instruments, where it is known; else they are there themselves.

        :param covered: ``uint8 (h, w)``, 1 where instruments are, else 0.
        :return: the map; it holds until the next call.
        """
        labels = plain(segmentation.labels)
        if self._known.shape != labels.shape:
            self._known, self._whole = np.empty(labels.shape, np.uint8), np.empty(labels.shape, np.uint8)
            self._fresh = True
        if self._fresh:
            np.copyto(self._known, labels)
            self._fresh = False
        recall.complete(labels, plain(covered), self._known, self._whole)
        tissue = among(segmentation.classes, STRUCTURE_CLASSES)
        self._fresh = recall.seen_of(labels, tissue, _EVERY) < _LEAST_TISSUE
        return self._whole
