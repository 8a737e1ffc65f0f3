"""How far instrument tips are found from where they are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tip:
    """A tip in a picture.

    :param class_name: of its instrument.
    :param x: [px].
    :param y: [px].
    :param mm_per_px: true scale at the tip; NaN where nobody knows it.
    """

    class_name: str
    x: float
    y: float
    mm_per_px: float = math.nan


@dataclass(frozen=True, slots=True)
class TipError:
    """What became of one true tip that is visible. Everything is infinite where it was not found.

    :param class_name: of its instrument.
    :param px: distance from the tip that was found [px].
    :param share: the same as a share of the picture's width.
    :param mm: the same at the true scale [mm]; NaN where that is not known.
    """

    class_name: str
    px: float
    share: float
    mm: float

    @property
    def found(self) -> bool:
        """Whether a tip was found for it at all."""
        return math.isfinite(self.px)


def tip_errors(truth: Sequence[Tip], found: Sequence[Tip], width: int) -> tuple[list[TipError], int]:
    """Give the errors of the true tips of one frame and the number of tips that were found and are not there.

    Within each class tips are assigned to each other one to one, as many as can be, so that the sum of the distances is
    smallest. A tip found under another class is a missed tip and a false one.

    :param width: of the picture [px].
    """
    errors: list[TipError] = []
    false = 0
    for name in sorted({tip.class_name for tip in (*truth, *found)}):
        own = [tip for tip in truth if tip.class_name == name]
        others = [tip for tip in found if tip.class_name == name]
        pairs = _assigned(own, others)
        false += len(others) - len(pairs)
        errors += [_error(tip, pairs.get(index), width) for index, tip in enumerate(own)]
    return errors, false


def median(values: Sequence[float]) -> float:
    """Give the median, infinities counted as such; NaN of nothing.

    Half of the values are at most this. With an infinite upper middle value the median is infinite: an error that half
    of the tips do not have is not claimed.
    """
    ordered = sorted(values)
    if not ordered:
        return math.nan
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return high if math.isinf(high) else (low + high) / 2


def _assigned(truth: Sequence[Tip], found: Sequence[Tip]) -> dict[int, Tip]:
    """Assign by trying everything: a picture has two or three instruments of a class at most."""
    few, many = sorted((truth, found), key=len)
    best: tuple[tuple[int, int], ...] = ()
    least = math.inf
    for chosen in itertools.permutations(range(len(many)), len(few)):
        pairs = tuple(zip(range(len(few)), chosen, strict=True))
        total = sum(math.hypot(few[i].x - many[j].x, few[i].y - many[j].y) for i, j in pairs)
        if total < least:
            best, least = pairs, total
    if few is truth:
        return {i: found[j] for i, j in best}
    return {j: found[i] for i, j in best}


def _error(tip: Tip, found: Tip | None, width: int) -> TipError:
    px = math.inf if found is None else math.hypot(tip.x - found.x, tip.y - found.y)
    return TipError(tip.class_name, px, px / width, px * tip.mm_per_px)
