"""Regions laid straight along their axes, side by side: what is crooked in a picture is rows and columns here.

All instruments of a frame are measured together, since a call costs more than the few numbers of one instrument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.regions import Grid, Region

Vector = tuple[float, float]

_TIP_BAND = 1.5  # label pixels behind the foremost point that make a tip
_ENOUGH = 255.0  # one label pixel: so much of the first row says where the tip is
_SLAB = 2  # rows that are measured together


@dataclass(frozen=True, slots=True)
class Profiles:
    """Regions cut into slabs across their axes; one row a region.

    :param u: middle of each slab, distance behind the foremost point, ``float64 (n,)`` [px].
    :param width: ``float64 (regions, n)`` [px]; 0 where a region has nothing.
    :param middle: middle of each slab across the axis, ``float64 (regions, n)`` [px].
    """

    u: NDArray[np.float64]
    width: NDArray[np.float64]
    middle: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strip:
    """A region, straightened.

    Coordinates [px of the picture]: ``u`` behind the foremost point against the axis, ``v`` to the right of the axis.

    :param pixels: ``uint8 (rows, columns)``, how far each belongs to the region, 0 to 255; a row is one label pixel of
        ``u``, the first one is at the tip; a column is one label pixel of ``v``.
    :param origin: place in the picture of ``u = 0, v = 0`` [px].
    :param axis: unit vector towards the tip.
    :param first_v: ``v`` of the middle of the first column [px].
    :param pitch: size of a label pixel [px].
    """

    pixels: NDArray[np.uint8]
    origin: Vector
    axis: Vector
    first_v: float
    pitch: float

    def place(self, u: float, v: float) -> Vector:
        """Give the place in the picture of a point of the strip [px]."""
        return (
            self.origin[0] - u * self.axis[0] - v * self.axis[1],
            self.origin[1] - u * self.axis[1] + v * self.axis[0],
        )

    def point_middle(self) -> float:
        """Find the middle of the foremost end of something pointed, ``v`` [px]."""
        weights = self.pixels[: math.ceil(_TIP_BAND)].astype(np.float64)
        first = weights[0]
        total = float(first.sum())
        if total < _ENOUGH:
            first = weights.sum(axis=0)
            total = float(first.sum())
        return self.first_v + (float(first @ np.arange(len(first))) / total * self.pitch if total else 0.0)

    def jaws(self, band: float) -> tuple[float, float]:
        """Find the ends of two jaws: the middle between them, ``v``, and how far apart their outer sides are [px].

        :param band: how far behind each other they may end, share of the greatest width.
        """
        solid = self.pixels > 127
        widest = float(np.add.reduce(solid, axis=1).max(initial=0))
        rows = max(math.ceil(_TIP_BAND), round(band * widest))
        used = np.flatnonzero(np.logical_or.reduce(solid[:rows], axis=0))
        if not len(used):
            return self.point_middle(), 0.0
        first, last = int(used[0]), int(used[-1])
        return self.first_v + (first + last) / 2 * self.pitch, (last - first + 1) * self.pitch


def straighten(
    regions: Sequence[Region], grid: Grid, centres: NDArray[np.float64], axes: NDArray[np.float64]
) -> tuple[list[Strip], Profiles]:
    """Lay regions straight and cut them into slabs of two label pixels.

    :param regions: at least one.
    :param centres: a point on each axis, ``(n, 2)`` [px of the picture].
    :param axes: unit vectors towards the tips, ``(n, 2)``, in the picture.
    """
    pitch = grid.pitch
    low, high, left, right = _extents(regions, grid, axes)
    rows = [math.ceil((near - far) / pitch) + 2 for near, far in zip(high, low, strict=True)]
    columns = [math.ceil((last - first) / pitch) + 3 for last, first in zip(right, left, strict=True)]
    tall = -(-max(rows) // _SLAB) * _SLAB
    canvas = np.zeros((tall, sum(columns)), np.uint8)
    sums = np.zeros((canvas.shape[1], 2 * len(regions)), np.float32)
    ramp = np.arange(max(columns), dtype=np.float32)
    strips = []
    start = 0
    places = zip(regions, centres.tolist(), axes.tolist(), high, left, rows, columns, strict=True)
    for number, (region, (x, y), (ax, ay), top, side, m, n) in enumerate(places):
        column, row = (x + 0.5) / grid.sx - 0.5, (y + 0.5) / grid.sy - 0.5
        # the outer side of the foremost pixel
        foremost = top - (column * ax * grid.sx + row * ay * grid.sy) + pitch / 2
        first_v = side - (row * ax * grid.sy - column * ay * grid.sx) - pitch
        origin = (x + foremost * ax, y + foremost * ay)
        begin = (  # middle of the first row and column, in the picture
            origin[0] - pitch / 2 * ax - first_v * ay,
            origin[1] - pitch / 2 * ay + first_v * ax,
        )
        to_mask = np.array((
            (-ay * pitch / grid.sx, -ax * pitch / grid.sx, (begin[0] + 0.5) / grid.sx - 0.5 - region.left),
            (ax * pitch / grid.sy, -ay * pitch / grid.sy, (begin[1] + 0.5) / grid.sy - 0.5 - region.top),
        ))  # fmt: skip
        pixels = canvas[:m, start : start + n]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(
            np.multiply(region.mask, np.uint8(255)),
            to_mask,
            (n, m),
            dst=pixels,
            flags=flags,
            borderMode=cv2.BORDER_CONSTANT,
        )
        strips.append(Strip(pixels, origin, (ax, ay), first_v, pitch))
        sums[start : start + n, 2 * number] = 1.0
        sums[start : start + n, 2 * number + 1] = ramp[:n]
        start += n
    return strips, _profiles(canvas, sums, np.array([strip.first_v for strip in strips]), pitch)


def _profiles(
    canvas: NDArray[np.uint8], sums: NDArray[np.float32], first_v: NDArray[np.float64], pitch: float
) -> Profiles:
    both = canvas.astype(np.float32) @ sums
    slabs = (both[::_SLAB] + both[1::_SLAB]).T.astype(np.float64)
    weight, moment = slabs[::2], slabs[1::2]
    u = np.asarray((np.arange(weight.shape[1]) + 0.5) * (_SLAB * pitch), np.float64)
    middle = first_v[:, None] + moment / np.maximum(weight, 1.0) * pitch
    return Profiles(u, np.asarray(weight * (pitch / (255.0 * _SLAB)), np.float64), np.asarray(middle, np.float64))


def _extents(
    regions: Sequence[Region], grid: Grid, axes: NDArray[np.float64]
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Give the least and greatest extent of each region along and across its axis [px of the picture]."""
    lengths = [len(region.outline) for region in regions]
    points = np.concatenate([region.outline for region in regions])
    starts = np.concatenate(([0], np.cumsum(lengths[:-1]))).astype(np.intp)
    x, y = points[:, 0] * grid.sx, points[:, 1] * grid.sy
    c, s = np.repeat(axes[:, 0], lengths), np.repeat(axes[:, 1], lengths)
    along, across = c * x + s * y, c * y - s * x
    return (
        np.minimum.reduceat(along, starts).tolist(),
        np.maximum.reduceat(along, starts).tolist(),
        np.minimum.reduceat(across, starts).tolist(),
        np.maximum.reduceat(across, starts).tolist(),
    )
