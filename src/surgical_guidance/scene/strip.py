"""Regions laid straight along their axes: how wide they are behind their foremost ends, and where those are.

All of it is read off the outlines. All instruments of a frame are measured together, since a call costs more than the
few numbers of one instrument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.regions import Grid, Region

Vector = tuple[float, float]
Numbers = NDArray[np.float64]

_TIP_BAND = 1.5  # label pixels behind the foremost point that make a tip
_CUT = 2  # label pixels from one cut across the axis to the next; no step of an outline is as long


@dataclass(frozen=True, slots=True)
class Borders:
    """The outlines of regions, one after another.

    :param points: ``int32 (n, 2)``, label pixels.
    :param x: to the right, ``float64 (n,)`` [px of the picture], 0 in the middle of the first label pixel.
    :param y: down, likewise.
    :param starts: where each region's points begin.
    :param owners: whose each point is.
    """

    points: NDArray[np.int32]
    x: Numbers
    y: Numbers
    starts: NDArray[np.intp]
    owners: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Profiles:
    """Regions cut across their axes; one row a region.

    :param u: where each cut is, distance behind the foremost point, ``float64 (n,)`` [px].
    :param width: ``float64 (regions, n)`` [px]; 0 where a region has nothing.
    :param middle: middle of each cut across the axis, ``float64 (regions, n)`` [px].
    """

    u: Numbers
    width: Numbers
    middle: Numbers


@dataclass(frozen=True, slots=True)
class Ends:
    """The foremost ends of regions, an entry each.

    :param at: middle of the foremost end, ``float64 (regions, 2)`` [px of the picture].
    :param inside: half a label pixel behind it.
    :param spread: how far apart the outer sides of the jaws end [px]; of what has none its width there.
    """

    at: Numbers
    inside: Numbers
    spread: Numbers


def borders(regions: Sequence[Region], grid: Grid) -> Borders:
    """Put the outlines of regions, of which there is at least one, into a row."""
    lengths = np.array([len(region.outline) for region in regions])
    points = np.concatenate([region.outline for region in regions])
    starts = np.cumsum(lengths) - lengths
    return Borders(
        points, points[:, 0] * grid.sx, points[:, 1] * grid.sy, starts, np.repeat(np.arange(len(regions)), lengths)
    )


def straighten(
    outlines: Borders, axes: Numbers, jawed: NDArray[np.bool_], band: float, grid: Grid
) -> tuple[Ends, Profiles]:
    """Measure regions along their axes.

    :param axes: unit vectors towards the tips, ``(regions, 2)``, in the picture.
    :param jawed: which end in two jaws: their end is the middle between the jaws' ends.
    :param band: how far behind each other two jaws may end, share of the greatest width.
    """
    owners, starts, pitch = outlines.owners, outlines.starts, grid.pitch
    c, s = axes[:, 0], axes[:, 1]
    c_each, s_each = c[owners], s[owners]
    along = c_each * outlines.x + s_each * outlines.y
    v = c_each * outlines.y - s_each * outlines.x
    top = np.maximum.reduceat(along, starts)
    behind = (top[owners] - along) / pitch  # label pixels behind the foremost one's middle
    # an outline runs through the middles of pixels: half of one is missing on either side
    rim = np.maximum(np.abs(c) * grid.sy, np.abs(s) * grid.sx)
    profiles = _cut_across(outlines, behind, v, rim, pitch)

    rows = np.maximum(np.rint(band / pitch * profiles.width.max(axis=1)), 2.0)
    ending = behind <= (rows - 0.5)[owners]
    first = np.minimum.reduceat(np.where(ending, v, np.inf), starts)
    last = np.maximum.reduceat(np.where(ending, v, -np.inf), starts)
    weight = np.maximum(_TIP_BAND - behind, 0.0)
    pointed = np.add.reduceat(weight * v, starts) / np.add.reduceat(weight, starts)
    v_end = np.where(jawed, (first + last) / 2, pointed)
    inside = np.stack((top * c - v_end * s + (grid.sx - 1) / 2, top * s + v_end * c + (grid.sy - 1) / 2), axis=1)
    return Ends(inside + pitch / 2 * axes, inside, last - first + rim), profiles


def _cut_across(outlines: Borders, behind: Numbers, v: Numbers, rim: Numbers, pitch: float) -> Profiles:
    """Cut outlines at even distances: where they cross a cut, they enter it or leave it."""
    place = behind / _CUT + 0.5  # cuts are at whole numbers from 1
    before = place.astype(np.intp)
    after = _next(before, outlines.starts)
    crossing = np.flatnonzero(before != after)
    cuts = max(int(before.max(initial=0)), 1)
    cut = np.maximum(before, after)[crossing]
    onwards = _next(np.arange(len(place)), outlines.starts)[crossing]
    p, q = place[crossing], place[onwards]
    v0 = v[crossing]
    at = v0 + (cut - p) / (q - p) * (v[onwards] - v0)
    bins = outlines.owners[crossing] * cuts + (cut - 1)
    size = len(rim) * cuts
    shape = (len(rim), cuts)
    count = np.bincount(bins, minlength=size).reshape(shape)
    between = np.bincount(bins, np.where(after[crossing] > before[crossing], at, -at), minlength=size).reshape(shape)
    middle = np.bincount(bins, at, minlength=size).reshape(shape) / np.maximum(count, 1)
    u = np.asarray((np.arange(cuts) + 0.5) * (_CUT * pitch) + pitch / 2, np.float64)
    width = np.asarray(np.abs(between) + count * (rim / 2)[:, None], np.float64)
    return Profiles(u, width, np.asarray(middle, np.float64))


def _next(values: NDArray[np.intp], starts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Give what follows each value in its own closed outline."""
    after = np.empty_like(values)
    after[:-1] = values[1:]
    after[starts[1:] - 1] = values[starts[:-1]]
    after[-1] = values[starts[-1]]
    return after
