"""A region laid straight along an axis: what is crooked to measure in a picture is rows and columns here."""

from __future__ import annotations

import math
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
class Profile:
    """A region cut into slabs across its axis.

    :param u: middle of each slab, distance behind the foremost point, ``float64 (n,)`` [px].
    :param width: ``float64 (n,)`` [px].
    :param middle: middle of each slab across the axis, ``float64 (n,)`` [px].
    """

    u: NDArray[np.float64]
    width: NDArray[np.float64]
    middle: NDArray[np.float64]

    def where(self, chosen: NDArray[np.bool_]) -> Profile:
        """Give some of the slabs."""
        return Profile(self.u[chosen], self.width[chosen], self.middle[chosen])


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

    def profile(self) -> Profile:
        """Cut it into slabs of two label pixels."""
        rows = self.pixels[: len(self.pixels) // _SLAB * _SLAB]
        weights = np.ones((rows.shape[1], 2), np.float32)
        weights[:, 1] = np.arange(rows.shape[1])
        both = rows.astype(np.float32) @ weights
        slabs = (both[::_SLAB] + both[1::_SLAB]).astype(np.float64)
        filled = slabs[:, 0] > 0
        weight, moment = slabs[filled, 0], slabs[filled, 1]
        u = np.asarray((np.flatnonzero(filled) + 0.5) * (_SLAB * self.pitch), np.float64)
        width = np.asarray(weight * (self.pitch / (255.0 * _SLAB)), np.float64)
        return Profile(u, width, np.asarray(self.first_v + moment / weight * self.pitch, np.float64))

    def point_middle(self) -> float:
        """Find the middle of the foremost end of something pointed, ``v`` [px]."""
        weights = self.pixels[: math.ceil(_TIP_BAND)].astype(np.float64)
        first = weights[0] if weights[0].sum() >= _ENOUGH else weights.sum(axis=0)
        total = float(first.sum())
        return self.first_v + (float(first @ np.arange(len(first))) / total * self.pitch if total else 0.0)

    def jaws_middle(self, band: float) -> float:
        """Find the middle between the ends of two jaws, ``v`` [px].

        :param band: how far behind each other they may end, share of the greatest width.
        """
        widest = float(np.count_nonzero(self.pixels > 127, axis=1).max(initial=0))
        rows = max(math.ceil(_TIP_BAND), round(band * widest))
        used = np.flatnonzero((self.pixels[:rows] > 127).any(axis=0))
        return self.first_v + float(used[0] + used[-1]) / 2 * self.pitch if len(used) else self.point_middle()


def straighten(region: Region, grid: Grid, centre: Vector, axis: Vector) -> Strip:
    """Lay a region straight.

    :param centre: a point on the axis [px of the picture].
    :param axis: unit vector towards the tip, in the picture.
    """
    pitch = grid.pitch
    # both axes of the strip, in label pixels
    along = (axis[0] * grid.sx, axis[1] * grid.sy)
    right = (-axis[1] * grid.sx, axis[0] * grid.sy)
    projected = region.outline @ np.array((along, right), np.float32).T
    (low, left), (high, right_most) = projected.min(axis=0).tolist(), projected.max(axis=0).tolist()
    column, row = (centre[0] + 0.5) / grid.sx - 0.5, (centre[1] + 0.5) / grid.sy - 0.5
    foremost = high - (column * along[0] + row * along[1]) + pitch / 2  # the outer side of the foremost pixel
    first_v = left - (column * right[0] + row * right[1]) - pitch
    rows = math.ceil((high - low) / pitch) + 2
    columns = math.ceil((right_most - left) / pitch) + 3
    origin = (centre[0] + foremost * axis[0], centre[1] + foremost * axis[1])
    start = (  # middle of the first row and column, in the picture
        origin[0] - pitch / 2 * axis[0] - first_v * axis[1],
        origin[1] - pitch / 2 * axis[1] + first_v * axis[0],
    )
    to_mask = np.array((
        (-axis[1] * pitch / grid.sx, -axis[0] * pitch / grid.sx, (start[0] + 0.5) / grid.sx - 0.5 - region.left),
        (axis[0] * pitch / grid.sy, -axis[1] * pitch / grid.sy, (start[1] + 0.5) / grid.sy - 0.5 - region.top),
    ))  # fmt: skip
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = cv2.warpAffine(region.mask, to_mask, (columns, rows), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return Strip(np.asarray(pixels, np.uint8), origin, axis, first_v, pitch)
