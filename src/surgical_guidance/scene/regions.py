"""From a label map to its regions: the connected parts of each class that are large enough to mean something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
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
_SCORED = 4  # every fourth row of a part gives its mean probability
_LARGE = 1 + round(1.0 / MIN_SHARE)  # there is no more room in a map for parts that are large enough
_NOWHERE = np.empty((0, 0), np.uint8)
_NO_WORDS = np.empty((0, 0), np.uint64)
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
    outlines = [region.outline for region in regions]
    ends = list(accumulate(map(len, outlines)))
    whole = outlines[0].base  # all regions of a map are pieces of one array, in their order
    if whole is None or len(whole) != ends[-1] or any(outline.base is not whole for outline in outlines):
        whole = np.concatenate(outlines)
    return whole, np.array(ends)


def plain(numbers: NDArray[Number]) -> NDArray[Number]:
    """Give an array as what is compiled takes it: a copy where it has gaps or may not be written to."""
    flags = numbers.flags
    return numbers if flags.c_contiguous and flags.writeable else np.array(numbers, order='C')


class RegionFinder:
    """Finds the regions of label maps."""

    def __init__(self) -> None:
        self._instruments = _Kind(INSTRUMENT_CLASSES, owned=False)
        self._structures = _Kind(STRUCTURE_CLASSES, owned=True)

    def instruments(self, segmentation: Segmentation) -> list[Region]:
        """Give the regions of instruments, class by class, the largest of a class first."""
        return self._instruments.find(segmentation, segmentation.labels, None)

    @property
    def covered(self) -> NDArray[np.uint8]:
        """Where instruments were found last, specks too: ``uint8 (h, w)``, 1 or 0. It holds until the next map."""
        return self._instruments.marked()

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
        return self._structures.find(segmentation, segmentation.labels if whole is None else whole, covered)


class _Kind:
    """Finds the regions of some classes. Keeps buffers of the map's size.

    :param owned: tell whose each pixel is.
    """

    def __init__(self, wanted: tuple[str, ...], *, owned: bool) -> None:
        self._wanted, self._owned = wanted, owned
        self._table = np.empty((_LARGE, parts.COLUMNS), np.int64)
        self._owners = np.empty((0, 0), np.uint8)
        self._runs = np.empty((0, 4), np.int32)
        self._places = np.empty(0, np.int32)
        self._points = np.empty((0, 2), np.int32)
        self._marked = np.empty((0, 0), np.uint8)
        self._count = 0

    def marked(self) -> NDArray[np.uint8]:
        """Mark all of these classes in the last map, with 1."""
        parts.mark(self._runs, self._count, self._marked)
        return self._marked

    def find(
        self, segmentation: Segmentation, labels: NDArray[np.uint8], covered: NDArray[np.uint8] | None
    ) -> list[Region]:
        """Give the regions of a map.

        :param covered: 1 where something is in front, else 0; what is covered has neither an area nor a score.
        """
        labels, confidence = plain(labels), plain(segmentation.confidence)
        if self._marked.shape != labels.shape:
            if self._owned:
                self._owners = np.empty(labels.shape, np.uint8)
            self._runs = np.empty((labels.size, 4), np.int32)
            self._places = np.empty(labels.size, np.int32)
            self._points = np.empty((4 * labels.size, 2), np.int32)
            self._marked = np.empty(labels.shape, np.uint8)
        words = labels.view(np.uint64) if labels.shape[1] % _WORD == 0 else _NO_WORDS
        count = self._count = parts.find_runs(labels, words, among(segmentation.classes, self._wanted), self._runs)
        smallest = max(1.0, MIN_SHARE * labels.size)
        large = parts.measure(labels, self._runs, count, smallest, self._table, self._places)
        table = self._table[:large]
        kept = _largest(table.tolist())[:_NUMBERS]
        numbers, scores = np.zeros(large, np.int32), np.empty(large)
        for number, place in enumerate(kept):
            numbers[place] = number + 1
        parts.score(
            self._runs, count, self._places, numbers, table, _SCORED, confidence,
            _NOWHERE if covered is None else covered, self._owners, scores,
        )  # fmt: skip
        return self._regions(segmentation.classes, labels, kept, numbers, scores)

    def _regions(
        self,
        classes: tuple[str, ...],
        labels: NDArray[np.uint8],
        kept: Sequence[int],
        numbers: NDArray[np.int32],
        scores: NDArray[np.float64],
    ) -> list[Region]:
        measured = [self._table[place].tolist() for place in kept]
        ends = np.empty(len(kept), np.int64)
        parts.follow_borders(
            labels, self._runs, np.array([one[parts.ROOT] for one in measured], np.int64), self._points, ends
        )
        spans = list(pairwise((0, *ends.tolist())))
        points = self._points[: spans[-1][1]].copy() if spans else self._points[:0]
        return [
            Region(classes[label], score, points[first:last], self._owners, number, left, top, width, height, seen)
            for number, (label, left, top, width, height, _, seen, _), score, (first, last) in zip(
                numbers[kept].tolist(), measured, scores[kept].tolist(), spans, strict=True
            )
        ]


def _largest(table: Sequence[Sequence[int]]) -> list[int]:
    """Give the places of those that are kept: class by class, the one with the largest box first."""
    order = sorted(
        range(len(table)),
        key=lambda place: (table[place][parts.LABEL], -table[place][parts.WIDTH] * table[place][parts.HEIGHT]),
    )
    kept: list[int] = []
    count: dict[int, int] = {}
    for place in order:
        label = table[place][parts.LABEL]
        count[label] = count.get(label, 0) + 1
        if count[label] <= MAX_PARTS:
            kept.append(place)
    return kept


@lru_cache(maxsize=16)
def among(classes: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell of each label whether its class is wanted."""
    table = np.zeros(256, np.bool_)
    table[: len(classes)] = [name in wanted for name in classes]
    return table
