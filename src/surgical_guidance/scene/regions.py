"""From a label map to its regions: the connected parts of each class that are large enough to mean something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import INSTRUMENT_CLASSES, STRUCTURE_CLASSES
from surgical_guidance.scene.state import Segmentation

MIN_SHARE = 0.0005
"""A part smaller than this share of the picture is noise of the network [I]: 74 px of a 288 x 512 map."""

MAX_PARTS = 6
"""Parts kept of one class, the largest first: bounds the cost of a frame on which the network finds confetti [I]."""

_TOLERANCE = 0.75  # label pixels that a drawn outline may stray; the network does not know better

_SCORED = 4  # every fourth row of a part gives its mean probability
_FEW = 8  # parts of a class, up to which it is worth asking whether they keep clear of each other

_FOREGROUND = frozenset((*INSTRUMENT_CLASSES, *STRUCTURE_CLASSES))


@dataclass(frozen=True, slots=True)
class Grid:
    """How the pixels of a label map lie in the camera's picture. The map covers the whole picture.

    :param sx: width of one label pixel in the picture [px].
    :param sy: height of one label pixel in the picture [px].
    """

    sx: float
    sy: float

    @property
    def pitch(self) -> float:
        """Longer side of one label pixel [px of the picture]: nothing is known to better than about this."""
        return max(self.sx, self.sy)

    def to_picture(self, points: NDArray[np.int32]) -> NDArray[np.float32]:
        """Turn centres of label pixels ``(n, 2)`` into picture coordinates ``float32 (n, 2)`` [px]."""
        scaled = np.empty(points.shape, np.float32)
        scaled[:, 0] = points[:, 0] * self.sx + (0.5 * self.sx - 0.5)
        scaled[:, 1] = points[:, 1] * self.sy + (0.5 * self.sy - 0.5)
        return scaled


@dataclass(frozen=True, slots=True)
class Region:
    """One connected part of one class.

    :param score: mean probability of its pixels, 0 to 1.
    :param outline: ``int32 (n, 2)``, every pixel of the outer border, in label pixels.
    :param mask: ``uint8``, 255 on its pixels, cut out of the map.
    :param left: column of the cut-out in the map.
    :param top: row of the cut-out in the map.
    :param area: number of its label pixels.
    """

    class_name: str
    score: float
    outline: NDArray[np.int32]
    mask: NDArray[np.uint8]
    left: int
    top: int
    area: int


def outline_in_picture(region: Region, grid: Grid) -> NDArray[np.float32]:
    """Give a region's outline with few points, ``float32 (n, 2)`` [px]."""
    (outline,) = outlines_in_picture((region,), grid)
    return outline


def outlines_in_picture(regions: Sequence[Region], grid: Grid) -> list[NDArray[np.float32]]:
    """Give the outlines of regions with few points, each ``float32 (n, 2)`` [px]."""
    if not regions:
        return []
    few = [cv2.approxPolyDP(region.outline, _TOLERANCE, closed=True).reshape(-1, 2) for region in regions]
    ends = list(accumulate(len(outline) for outline in few))
    placed = grid.to_picture(np.concatenate(few))
    return [placed[start:end] for start, end in pairwise((0, *ends))]


class RegionFinder:
    """Finds the regions of label maps. Keeps two buffers of the map's size."""

    def __init__(self) -> None:
        self._labels: NDArray[np.int32] = np.empty((0, 0), np.int32)
        self._mask: NDArray[np.bool_] = np.empty((0, 0), np.bool_)

    def find(self, segmentation: Segmentation) -> Iterator[Region]:
        """Give the regions class by class, in the order of the model's classes, the largest of a class first."""
        labels = segmentation.labels
        if self._labels.shape != labels.shape:
            self._labels = np.empty(labels.shape, np.int32)
            self._mask = np.empty(labels.shape, np.bool_)
        np.copyto(self._labels, labels)
        # one pass for all classes: this mode follows the outer border of every connected part of a map of integers.
        # Every border pixel is kept: the nearest point of a structure is then one of them, to half a label pixel.
        outlines, _ = cv2.findContours(self._labels, cv2.RETR_FLOODFILL, cv2.CHAIN_APPROX_NONE)
        smallest = max(1.0, MIN_SHARE * labels.size)
        parts: dict[int, list[tuple[Sequence[int], Any]]] = {}
        for outline in outlines:
            column, row = outline[0, 0]
            parts.setdefault(int(labels[row, column]), []).append((cv2.boundingRect(outline), outline))
        for index, name in enumerate(segmentation.classes):
            if name in _FOREGROUND and index in parts:
                yield from self._of_class(name, index, segmentation, parts[index], smallest)

    def _of_class(
        self,
        name: str,
        index: int,
        segmentation: Segmentation,
        parts: Sequence[tuple[Sequence[int], Any]],
        smallest: float,
    ) -> Iterator[Region]:
        # a border has at least as many pixels as its box's longer side: specks go early
        large = [part for part in parts if part[0][2] * part[0][3] >= smallest and len(part[1]) ** 2 >= smallest]
        large.sort(key=lambda part: part[0][2] * part[0][3], reverse=True)
        for box, outline in large[:MAX_PARTS]:
            left, top, width, height = box
            window = np.s_[top : top + height, left : left + width]
            of_class = self._mask[window]
            np.equal(segmentation.labels[window], index, out=of_class)
            mask = np.zeros((height, width), np.uint8)
            if len(parts) <= _FEW and not any(_meet(box, other) for other, its in parts if its is not outline):
                np.copyto(mask, 255, where=of_class)
            else:  # others of its class lie in its box; its holes belong to others
                cv2.drawContours(mask, [outline], -1, 255.0, cv2.FILLED, offset=(-left, -top))
                np.multiply(mask, of_class, out=mask)
            area = cv2.countNonZero(mask)
            if area >= smallest:
                rows = _SCORED if height > _SCORED * _SCORED else 1
                score = cv2.mean(segmentation.confidence[window][::rows], mask=mask[::rows])[0] / 255.0
                yield Region(name, score, outline.reshape(-1, 2), mask, left, top, area)


def _meet(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two boxes (left, top, width, height) overlap."""
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )
