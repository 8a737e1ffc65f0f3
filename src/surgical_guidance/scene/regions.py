"""From a label map to its regions: the connected parts of each class that are large enough to mean something."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

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
    few = cv2.approxPolyDP(region.outline, _TOLERANCE, closed=True).reshape(-1, 2)
    return grid.to_picture(np.asarray(few, np.int32))


class RegionFinder:
    """Finds the regions of label maps. Keeps one buffer of the map's size."""

    def __init__(self) -> None:
        self._class_mask: NDArray[np.uint8] = np.empty((0, 0), np.uint8)

    def find(self, segmentation: Segmentation) -> Iterator[Region]:
        """Give the regions class by class, in the order of the model's classes, the largest of a class first."""
        labels, confidence = segmentation.labels, segmentation.confidence
        if self._class_mask.shape != labels.shape:
            self._class_mask = np.empty_like(labels)
        smallest = max(1.0, MIN_SHARE * labels.size)
        counts = cv2.calcHist([labels], [0], None, [256], [0.0, 256.0]).ravel()
        for index, name in enumerate(segmentation.classes):
            if name not in _FOREGROUND or counts[index] < smallest:
                continue
            cv2.inRange(labels, (index,), (index,), dst=self._class_mask)
            yield from self._parts(name, confidence, smallest)

    def _parts(self, name: str, confidence: NDArray[np.uint8], smallest: float) -> Iterator[Region]:
        # Every border pixel is kept: the nearest point of a structure is then one of them, to half a label pixel.
        outlines, _ = cv2.findContours(self._class_mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        shortest = math.sqrt(smallest)  # a border has at least as many pixels as its box's longer side: specks go early
        boxes = [(cv2.boundingRect(outline), outline) for outline in outlines if len(outline) >= shortest]
        large = [(box, outline) for box, outline in boxes if box[2] * box[3] >= smallest]
        large.sort(key=lambda part: part[0][2] * part[0][3], reverse=True)
        for (left, top, width, height), outline in large[:MAX_PARTS]:
            mask = np.zeros((height, width), np.uint8)
            cv2.drawContours(mask, [outline], -1, 255.0, cv2.FILLED, offset=(-left, -top))
            window = np.s_[top : top + height, left : left + width]
            cv2.bitwise_and(mask, self._class_mask[window], dst=mask)  # its holes belong to others
            area = cv2.countNonZero(mask)
            if area >= smallest:
                score = cv2.mean(confidence[window], mask=mask)[0] / 255.0
                points = np.asarray(outline, np.int32).reshape(-1, 2)
                yield Region(name, score, points, mask, left, top, area)
