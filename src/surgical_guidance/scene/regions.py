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
from surgical_guidance.scene.marks import mark
from surgical_guidance.scene.state import Segmentation

MIN_SHARE = 0.0005
"""A part smaller than this share of the picture is noise of the network [I]: 74 px of a 288 x 512 map."""

MAX_PARTS = 6
"""Parts kept of one class, the largest first: bounds the cost of a frame on which the network finds confetti [I]."""

_TOLERANCE = 0.75  # label pixels that a drawn outline may stray; the network does not know better

_SCORED = 4  # every fourth row of a part gives its mean probability
_FEW = 8  # parts of a class, up to which it is worth asking whether they keep clear of each other


_NEIGHBOURS = np.ones((3, 3), np.uint8)

_Part = tuple[Sequence[int], Any]  # box and outline


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

    :param score: mean probability of its pixels that are seen, 0 to 1; 0 where an instrument covers all of it.
    :param outline: ``int32 (n, 2)``, every pixel of the outer border, in label pixels.
    :param mask: ``uint8``, 1 on its pixels, cut out of the map.
    :param left: column of the cut-out in the map.
    :param top: row of the cut-out in the map.
    :param area: number of its label pixels that are seen.
    """

    class_name: str
    score: float
    outline: NDArray[np.int32]
    mask: NDArray[np.uint8]
    left: int
    top: int
    area: int

    def holds(self, column: int, row: int) -> bool:
        """Whether a label pixel belongs to it."""
        x, y = column - self.left, row - self.top
        rows, columns = self.mask.shape
        return 0 <= x < columns and 0 <= y < rows and bool(self.mask[y, x])


def outline_in_picture(region: Region, grid: Grid) -> NDArray[np.float32]:
    """Give a region's outline with few points, ``float32 (n, 2)`` [px]."""
    (outline,) = outlines_in_picture((region,), grid)
    return outline


def outlines_in_picture(regions: Sequence[Region], grid: Grid) -> list[NDArray[np.float32]]:
    """Give the outlines of regions with few points, each ``float32 (n, 2)`` [px]."""
    if not regions:
        return []
    few = [cv2.approxPolyDP(region.outline, _TOLERANCE, closed=True).reshape(-1, 2) for region in regions]
    ends = list(accumulate(map(len, few)))
    placed = grid.to_picture(np.concatenate(few))
    return [placed[start:end] for start, end in pairwise((0, *ends))]


class RegionFinder:
    """Finds the regions of label maps. Keeps buffers of the map's size."""

    def __init__(self) -> None:
        self._labels: NDArray[np.int32] = np.empty((0, 0), np.int32)
        self._tissue: NDArray[np.uint8] = np.empty((0, 0), np.uint8)
        self._wanted = self._highest = self._tissue

    def instruments(self, segmentation: Segmentation, covered: NDArray[np.uint8]) -> list[Region]:
        """Give the regions of instruments, class by class, the largest of a class first.

        :param covered: ``uint8 (h, w)``, 1 where instruments are, else 0.
        """
        self._allocate(segmentation.labels.shape)
        return self._find(segmentation, segmentation.labels, INSTRUMENT_CLASSES, covered, None)

    def structures(
        self,
        segmentation: Segmentation,
        whole: NDArray[np.uint8] | None = None,
        covered: NDArray[np.uint8] | None = None,
    ) -> list[Region]:
        """Give the regions of structures, class by class, the largest of a class first.

        :param whole: labels with the tissue that instruments cover; None: as they are.
        :param covered: ``uint8 (h, w)``, 1 where instruments cover it, else 0; None: nowhere.
        """
        labels = segmentation.labels if whole is None else whole
        self._allocate(labels.shape)
        tissue = mark(labels, segmentation.classes, STRUCTURE_CLASSES, self._tissue)
        return self._find(segmentation, labels, STRUCTURE_CLASSES, tissue, covered)

    def _allocate(self, shape: tuple[int, ...]) -> None:
        if self._labels.shape != shape:
            self._labels = np.empty(shape, np.int32)
            self._tissue, self._wanted, self._highest = (np.empty(shape, np.uint8) for _ in range(3))

    def _find(
        self,
        segmentation: Segmentation,
        labels: NDArray[np.uint8],
        wanted: tuple[str, ...],
        flags: NDArray[np.uint8],
        covered: NDArray[np.uint8] | None,
    ) -> list[Region]:
        smallest = max(1.0, MIN_SHARE * labels.size)
        parts: dict[int, list[_Part]] = {}
        for outline in self._outlines(labels, flags):
            column, row = outline[0, 0]
            parts.setdefault(int(labels[row, column]), []).append((cv2.boundingRect(outline), outline))
        found: list[Region] = []
        for index, name in enumerate(segmentation.classes):
            if name in wanted and index in parts:
                found += _of_class(name, index, segmentation, labels, covered, parts[index], smallest)
        return found

    def _outlines(self, labels: NDArray[np.uint8], flags: NDArray[np.uint8]) -> Sequence[Any]:
        """Follow the outer border of every connected part of every wanted class.

        Every border pixel is kept: the nearest point of a structure is then one of them, to half a label pixel. Where
        no two classes touch, the borders of all that is wanted are those of its classes, and found in half the time.
        """
        np.multiply(labels, flags, out=self._wanted)
        cv2.dilate(self._wanted, _NEIGHBOURS, dst=self._highest)  # of two that touch, the lower label has a higher one
        np.not_equal(self._highest, self._wanted, out=self._highest.view(np.bool_))
        cv2.bitwise_and(self._highest, flags, dst=self._highest)
        if not cv2.hasNonZero(self._highest):
            outlines, kin = cv2.findContours(flags, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            holes = kin[0, :, 3].tolist() if len(outlines) else []
            return [outline for outline, parent in zip(outlines, holes, strict=True) if parent < 0]
        np.copyto(self._labels, self._wanted)
        # one pass for all classes: this mode follows the outer border of every connected part of a map of integers
        outlines, _ = cv2.findContours(self._labels, cv2.RETR_FLOODFILL, cv2.CHAIN_APPROX_NONE)
        return [outline for outline in outlines if flags[outline[0, 0, 1], outline[0, 0, 0]]]


def _of_class(
    name: str,
    index: int,
    segmentation: Segmentation,
    labels: NDArray[np.uint8],
    covered: NDArray[np.uint8] | None,
    parts: Sequence[_Part],
    smallest: float,
) -> Iterator[Region]:
    # a border has at least as many pixels as its box's longer side: specks go early
    large = [part for part in parts if part[0][2] * part[0][3] >= smallest and len(part[1]) ** 2 >= smallest]
    large.sort(key=lambda part: part[0][2] * part[0][3], reverse=True)
    for box, outline in large[:MAX_PARTS]:
        left, top, width, height = box
        window = np.s_[top : top + height, left : left + width]
        mask = np.equal(labels[window], index).view(np.uint8)
        if len(parts) > _FEW or any(_meet(box, other) for other, its in parts if its is not outline):
            # others of its class lie in its box; its holes belong to others
            part = np.zeros((height, width), np.uint8)
            cv2.drawContours(part, [outline], -1, 1.0, cv2.FILLED, offset=(-left, -top))
            mask = np.bitwise_and(mask, part, out=part)
        area = cv2.countNonZero(mask)
        if area >= smallest:
            seen = mask
            # what is covered has neither an area in the picture nor a score
            if covered is not None and cv2.hasNonZero(covered[window]):
                seen = np.greater(mask, covered[window]).view(np.uint8)
                area = cv2.countNonZero(seen)
            rows = _SCORED if height > _SCORED * _SCORED else 1
            score = cv2.mean(segmentation.confidence[window][::rows], mask=seen[::rows])[0] / 255.0
            yield Region(name, score, outline.reshape(-1, 2), mask, left, top, area)


def _meet(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two boxes (left, top, width, height) overlap."""
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )
