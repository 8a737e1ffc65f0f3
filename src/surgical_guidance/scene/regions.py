"""From a label map to its regions: the connected parts of each class that are large enough to mean something."""

from __future__ import annotations

import math
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

_LOOK = 2  # every second pixel and row is looked at for which classes there are
_SCORED = 3  # every third row of a part gives its mean probability

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
    """Finds the regions of label maps. Keeps one buffer of the map's size."""

    def __init__(self) -> None:
        self._class_mask: NDArray[np.uint8] = np.empty((0, 0), np.uint8)

    def find(self, segmentation: Segmentation) -> Iterator[Region]:
        """Give the regions class by class, in the order of the model's classes, the largest of a class first."""
        labels, confidence = segmentation.labels, segmentation.confidence
        if self._class_mask.shape != labels.shape:
            self._class_mask = np.empty(labels.shape, np.uint8)
        smallest = max(1.0, MIN_SHARE * labels.size)
        # a part that is large enough shows on every second pixel of every second row, unless it is a row of pixels
        step = _LOOK if min(labels.shape) > _LOOK * _LOOK else 1
        counts = np.bincount(labels[::step, ::step].ravel(), minlength=len(segmentation.classes))
        for index, name in enumerate(segmentation.classes):
            if name in _FOREGROUND and counts[index]:
                cv2.inRange(labels, (index,), (index,), dst=self._class_mask)
                yield from self._parts(name, confidence, smallest)

    def _parts(self, name: str, confidence: NDArray[np.uint8], smallest: float) -> Iterator[Region]:
        left, top, width, height = cv2.boundingRect(self._class_mask)
        if width * height < smallest:
            return
        # Every border pixel is kept: the nearest point of a structure is then one of them, to half a label pixel.
        outlines, _ = cv2.findContours(
            self._class_mask[top : top + height, left : left + width],
            cv2.RETR_EXTERNAL,
            cv2.CHAIN_APPROX_NONE,
            offset=(left, top),
        )
        shortest = math.sqrt(smallest)  # a border has at least as many pixels as its box's longer side: specks go early
        if len(outlines) == 1:
            yield from self._part(name, confidence, smallest, (left, top, width, height), outlines[0], alone=True)
            return
        boxes = [(cv2.boundingRect(outline), outline) for outline in outlines if len(outline) >= shortest]
        large = [(box, outline) for box, outline in boxes if box[2] * box[3] >= smallest]
        large.sort(key=lambda part: part[0][2] * part[0][3], reverse=True)
        for box, outline in large[:MAX_PARTS]:
            yield from self._part(name, confidence, smallest, box, outline, alone=False)

    def _part(
        self,
        name: str,
        confidence: NDArray[np.uint8],
        smallest: float,
        box: Sequence[int],
        outline: Any,
        *,
        alone: bool,
    ) -> Iterator[Region]:
        left, top, width, height = box
        window = np.s_[top : top + height, left : left + width]
        mask = self._class_mask[window]
        if alone:  # nothing else of its class is in the box
            mask = mask.copy()
        else:
            part = np.zeros((height, width), np.uint8)
            cv2.drawContours(part, [outline], -1, 255.0, cv2.FILLED, offset=(-left, -top))
            mask = np.asarray(cv2.bitwise_and(part, mask, dst=part), np.uint8)  # its holes belong to others
        area = cv2.countNonZero(mask)
        if area >= smallest:
            rows = _SCORED if height > _SCORED * _SCORED else 1
            score = cv2.mean(confidence[window][::rows], mask=mask[::rows])[0] / 255.0
            points = np.asarray(outline, np.int32).reshape(-1, 2)
            yield Region(name, score, points, mask, left, top, area)
