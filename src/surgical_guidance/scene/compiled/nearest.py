"""How far tips are from regions: the nearest pixel of each border, and the distance with its standard deviation."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Numbers = NDArray[np.float64]

APART, MILLIMETRES, SIGMA, AT_X, AT_Y = range(5)
"""What is found of a tip and a region: their distance [px], [mm], its standard deviation [mm], and where the nearest
point is [px of the picture]."""

COLUMNS = 5

TUBE, POOL = 1, 2
"""What regions can be: thin enough for blood to hide them whole, or blood."""

_STRIDE = 8  # pixels of a border of which at first only one is looked at


@compiled
def measure(
    tips: Numbers,
    points: NDArray[np.int32],
    ends: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    owners: NDArray[np.uint8],
    covered: NDArray[np.uint8],
    grid: tuple[float, float],
    sigmas: tuple[float, float],
    unseen: tuple[float, float, float],
    blood: tuple[int, int],
    found: Numbers,
) -> None:
    """Measure all tips against all regions; 0 where a tip is over one.

    The sigma of a distance to a tube that goes on under blood is so wide that it may be as near as that blood is.

    :param tips: ``(tips, 4)``: place [px of the picture], scale [mm/px] and its standard deviation.
    :param points: ``(n, 2)``, borders one after another, each from one pixel to the next [label pixels].
    :param ends: where each ends.
    :param kinds: what each region is: ``TUBE``, ``POOL`` or 0.
    :param owners: whose each label pixel is: regions are counted from 1.
    :param covered: as large, 1 where instruments are, else 0; or ``(0, 0)``: nowhere.
    :param grid: width and height of a label pixel [px of the picture].
    :param sigmas: of a tip and of a border, each; and what is added for a border that is covered [label pixels].
    :param unseen: what the depth may add: height [mm], distance over which that fades [mm], share of the distance.
    :param blood: how far off a border blood is looked for [label pixels], and how many places must have it.
    :param found: ``(tips, regions, COLUMNS)``, filled. Of pixels that are equally near the first counts.
    """
    sx, sy = grid
    pitch = max(sx, sy)
    seen_sigma, hidden_sigma = sigmas
    height, fades, share = unseen
    rows, columns = owners.shape
    for tip in range(len(tips)):
        tip_x, tip_y, scale, scale_sigma = tips[tip, 0], tips[tip, 1], tips[tip, 2], tips[tip, 3]
        column, row = (tip_x + 0.5) / sx - 0.5, (tip_y + 0.5) / sy - 0.5
        on_column, on_row = int(np.rint(column)), int(np.rint(row))
        inside = 0 <= on_column < columns and 0 <= on_row < rows
        owner = owners[on_row, on_column] if inside else 0
        first = 0
        for region in range(len(ends)):
            least, which = _nearest(points, first, ends[region], column, row, sx, sy)
            first = ends[region]
            if owner == region + 1:
                apart, hidden = 0.0, covered.size > 0
                found[tip, region, AT_X], found[tip, region, AT_Y] = tip_x, tip_y
            else:
                apart = math.sqrt(least)  # to the middle of a pixel: half a pixel too far
                apart = apart - pitch / 2.0 if apart > pitch else 0.0
                hidden = covered.size > 0 and covered[points[which, 1], points[which, 0]] > 0
                found[tip, region, AT_X] = points[which, 0] * sx + (0.5 * sx - 0.5)
                found[tip, region, AT_Y] = points[which, 1] * sy + (0.5 * sy - 0.5)
            placed = 2.0 * seen_sigma * seen_sigma
            if hidden:
                placed += hidden_sigma * hidden_sigma
            millimetres = apart * scale
            seen = math.hypot(apart * scale_sigma, scale * math.sqrt(placed) * pitch)
            depth = math.hypot(height * math.exp(-millimetres / fades), share * millimetres)
            found[tip, region, APART], found[tip, region, MILLIMETRES] = apart, millimetres
            found[tip, region, SIGMA] = math.hypot(seen, depth)
    _allow_for_blood(points, ends, kinds, owners, blood[0], blood[1], found)


@compiled
def _nearest(
    points: NDArray[np.int32], first: int, end: int, column: float, row: float, sx: float, sy: float
) -> tuple[float, int]:
    """Find the first of the nearest pixels of a border: its squared distance and its number.

    Only those are looked at one by one that are few steps from one that is about as near as any.
    """
    least = math.inf
    for number in range(first, end, _STRIDE):
        x, y = (points[number, 0] - column) * sx, (points[number, 1] - row) * sy
        least = min(least, x * x + y * y)
    limit = (math.sqrt(least) + _STRIDE * math.hypot(sx, sy)) ** 2
    least, which = math.inf, first
    for start in range(first, end, _STRIDE):
        x, y = (points[start, 0] - column) * sx, (points[start, 1] - row) * sy
        if x * x + y * y > limit:
            continue
        for number in range(start, min(start + _STRIDE, end)):
            x, y = (points[number, 0] - column) * sx, (points[number, 1] - row) * sy
            square = x * x + y * y
            if square < least:
                least, which = square, number
    return least, which


@compiled
def _allow_for_blood(
    points: NDArray[np.int32],
    ends: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    owners: NDArray[np.uint8],
    beyond: int,
    fewest: int,
    found: Numbers,
) -> None:
    rows, columns = owners.shape
    for pool in range(len(ends)):
        if kinds[pool] != POOL:
            continue
        for tube in range(len(ends)):
            if kinds[tube] != TUBE:
                continue
            places = 0
            for number in range(ends[tube - 1] if tube else 0, ends[tube]):
                x, y = points[number, 0], points[number, 1]
                places += owners[y, max(x - beyond, 0)] == pool + 1
                places += owners[y, min(x + beyond, columns - 1)] == pool + 1
                places += owners[max(y - beyond, 0), x] == pool + 1
                places += owners[min(y + beyond, rows - 1), x] == pool + 1
            if places < fewest:
                continue
            for tip in range(len(found)):
                hidden = found[tip, tube, MILLIMETRES] - found[tip, pool, MILLIMETRES]
                if hidden > 0.0:
                    found[tip, tube, SIGMA] = math.hypot(found[tip, tube, SIGMA], hidden / 2.0)
