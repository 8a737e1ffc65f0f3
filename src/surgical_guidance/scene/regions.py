"""From a label map to its regions: the connected parts of each class that are large enough to mean something."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import INSTRUMENT_CLASSES, STRUCTURE_CLASSES
from surgical_guidance.scene.compiled import parts
from surgical_guidance.scene.compiled.outlines import simplify
from surgical_guidance.scene.state import Segmentation

MIN_SHARE = 0.0005
"""A part smaller than this share of the picture is noise of the network [I]: 74 px of a 288 x 512 map."""

MAX_PARTS = 6
"""Parts kept of one class, the largest first: bounds the cost of a frame on which the network finds confetti [I]."""

Number = TypeVar('Number', np.uint8, np.float32)

_TOLERANCE = 0.75  # label pixels that a drawn outline may stray; the network does not know better

_NUMBERS = 255  # that a byte can tell a region by: three times as many as there are of all classes
_SCORED = 4  # every fourth row gives the mean probability of a part
_LARGE = 1 + round(1.0 / MIN_SHARE)  # there is no more room in a map for parts that are large enough
_NOWHERE = np.empty((0, 0), np.uint8)
_WORD = 8  # bytes


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


class Region(NamedTuple):
    """One connected part of one class.

    A tuple with names, as a frozen dataclass takes four times as long to make.

    :param score: mean probability of its pixels that are seen, 0 to 1; 0 where an instrument covers all of it.
    :param outline: ``int32 (n, 2)``, every pixel of the outer border, in label pixels.
    :param owners: ``uint8``, as large as the map: ``number`` on its pixels. It holds until the next map. Of instruments
        nobody asks: ``(0, 0)``.
    :param left: column of its leftmost pixels.
    :param top: row of its topmost pixels.
    :param width: of its box [label pixels].
    :param height: of its box [label pixels].
    :param area: number of its label pixels that are seen.
    :param end: where its outline ends among those of its map, which lie one after another.
    """

    class_name: str
    score: float
    outline: NDArray[np.int32]
    owners: NDArray[np.uint8]
    number: int
    left: int
    top: int
    width: int
    height: int
    area: int
    end: int


_REGION = partial(tuple.__new__, Region)  # of a tuple with all fields; a third of the time of a call


def outline_in_picture(region: Region, grid: Grid) -> NDArray[np.float32]:
    """Give a region's outline with few points, ``float32 (n, 2)`` [px]."""
    (outline,) = outlines_in_picture((region,), grid)
    return outline


def outlines_in_picture(regions: Sequence[Region], grid: Grid) -> list[NDArray[np.float32]]:
    """Give the outlines of regions with few points, each ``float32 (n, 2)`` [px]."""
    if not regions:
        return []
    points, ends = joined(regions)
    placed, kept = simplify(points, ends, _TOLERANCE, grid.sx, grid.sy)
    return [placed[start:end] for start, end in pairwise((0, *kept.tolist()))]


def joined(regions: Sequence[Region]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Give the outlines of regions, of which there is at least one, one after another, and where each ends."""
    whole = regions[0].outline.base
    if whole is not None and regions[-1].number == len(regions) and regions[-1].end == len(whole):  # all of a map
        return whole, np.array([region.end for region in regions])
    outlines = [region.outline for region in regions]
    return np.concatenate(outlines), np.cumsum([len(outline) for outline in outlines])


def plain(numbers: NDArray[Number]) -> NDArray[Number]:
    """Give an array as what is compiled takes it: a copy where it has gaps or may not be written to."""
    flags = numbers.flags
    return numbers if flags.c_contiguous and flags.writeable else np.array(numbers, order='C')


class RegionFinder:
    """Finds the regions of label maps. Keeps buffers of the map's size."""

    def __init__(self) -> None:
        self._large = np.empty((_LARGE, parts.COLUMNS), np.int64)
        self._table = np.empty((_NUMBERS, parts.COLUMNS), np.int64)
        self._scores = np.empty(_NUMBERS)
        self._make_room((0, 0))

    def _make_room(self, shape: tuple[int, ...]) -> None:
        size = math.prod(shape)
        self._words = np.empty(shape[1] // _WORD + 1, np.uint64)
        self._runs = np.empty((size, parts.RUN), np.int32)
        self._places = np.empty(size, np.int32)
        self._points = np.empty((4 * size, 2), np.int32)
        self._owners = np.empty(shape, np.uint8)
        self._covered = np.empty(shape, np.uint8)

    def instruments(self, segmentation: Segmentation) -> list[Region]:
        """Give the regions of instruments, class by class, the largest of a class first."""
        regions, count = self._find(segmentation, segmentation.labels, INSTRUMENT_CLASSES, _NOWHERE, None)
        parts.mark(self._runs, count, self._covered)
        return regions

    @property
    def covered(self) -> NDArray[np.uint8]:
        """Where instruments were found last, specks too: ``uint8 (h, w)``, 1 or 0. It holds until they are again."""
        return self._covered

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
        return self._find(segmentation, labels, STRUCTURE_CLASSES, None, covered)[0]

    def _find(
        self,
        segmentation: Segmentation,
        labels: NDArray[np.uint8],
        wanted: tuple[str, ...],
        owners: NDArray[np.uint8] | None,
        covered: NDArray[np.uint8] | None,
    ) -> tuple[list[Region], int]:
        """Give the regions of some classes, and how many runs there are.

        :param owners: filled with whose each pixel is; None: those kept here.
        :param covered: 1 where something is in front, else 0; what is covered has neither an area nor a score.
        """
        labels, confidence = plain(labels), plain(segmentation.confidence)
        if self._owners.shape != labels.shape:
            self._make_room(labels.shape)
        owners = self._owners if owners is None else owners
        count, kept = parts.find(
            labels,
            confidence,
            _NOWHERE if covered is None else covered,
            among(segmentation.classes, wanted),
            (max(1.0, MIN_SHARE * labels.size), MAX_PARTS, _SCORED),
            (self._words.view(np.uint8), self._words),
            self._runs,
            self._places,
            owners,
            self._points,
            self._large,
            self._table,
            self._scores,
        )
        regions: list[Region] = []
        first, points = 0, self._points[: self._table[kept - 1, parts.END] if kept else 0].copy()
        rows, scores = self._table[:kept].tolist(), self._scores[:kept].tolist()
        for (label, left, top, width, height, seen, _, end), score in zip(rows, scores, strict=True):
            name, number = segmentation.classes[label], len(regions) + 1
            outline = points[first:end]
            regions.append(_REGION((name, score, outline, owners, number, left, top, width, height, seen, end)))
            first = end
        return regions, count


@lru_cache(maxsize=16)
def among(classes: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell of each label whether its class is wanted."""
    table = np.zeros(256, np.bool_)
    table[: len(classes)] = [name in wanted for name in classes]
    return table
