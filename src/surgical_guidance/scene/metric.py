"""How far the tips are from the structures: pixels, and millimetres with their standard deviation.

Monocular [I]: the scale at the tip comes from the known diameter of the shaft. The depth of the tissue is not observed,
so a distance in the image plane is a lower bound of the distance in space (``docs/scene.md``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.regions import Grid, Region
from surgical_guidance.scene.state import Instrument, Proximity

METHOD = 'shaft_width'
"""How millimetres were found: from the known diameter of the shaft."""


class Scale(NamedTuple):
    """How many millimetres a pixel is at a tip, in the image plane.

    :param sigma: standard deviation [mm/px].
    :param method: how it was found; '' where it was not, and the numbers are NaN.
    """

    mm_per_px: float
    sigma: float
    method: str


LOCALISATION_SIGMA = 1.0
"""Standard deviation of the tip and of the border of a structure, each [label pixels] [I]."""

REMEMBERED_SIGMA = 3.0
"""What is added for the border of a structure under an instrument: it is where it was seen last [label pixels] [I]."""

UNSEEN_DEPTH = (0.8, 2.0, 0.06)
"""What the depth that one camera does not see adds [I]: a height of the tip over the tissue [mm], which makes up the
distance where that is small and little of it beyond some [mm]; and a share of the distance, since tissue that rises or
falls by a third of a distance makes it 6 % longer."""


def proximities(
    instruments: Sequence[Instrument],
    structures: Sequence[Region],
    grid: Grid,
    covered: NDArray[np.uint8] | None = None,
    scales: Sequence[Scale] | None = None,
) -> tuple[Proximity, ...]:
    """Give the distance of every visible tip to every structure, tip by tip; 0 where the tip is over it.

    :param structures: the regions of ``SceneState.structures``, in the same order.
    :param covered: ``uint8``, as large as the label map, not 0 where instruments are; None: nowhere.
    :param scales: at each tip; None: what the shaft's width tells.
    """
    tips = [(index, instrument) for index, instrument in enumerate(instruments) if instrument.tip_visible]
    if not tips or not structures:
        return ()
    outlines = [region.outline for region in structures]
    borders = np.concatenate(outlines)
    rim = grid.to_picture(borders)
    places = np.array([(tip.tip_x, tip.tip_y) for _, tip in tips], np.float32)
    nearest, squares = _nearest(places, rim, np.array(list(map(len, outlines))))
    apart = np.sqrt(squares)  # to the middle of a pixel: half a pixel too far
    apart = np.where(apart > grid.pitch, apart - grid.pitch / 2, 0.0).astype(np.float64)
    points = rim[nearest]
    hidden = np.zeros(nearest.shape) if covered is None else covered[borders[nearest, 1], borders[nearest, 0]]
    for row, structure in _over(places.tolist(), structures, grid):
        apart[row, structure] = 0.0
        hidden[row, structure] = covered is not None
        points[row, structure] = places[row]
    places_px = np.sqrt(2.0 * LOCALISATION_SIGMA**2 + hidden * REMEMBERED_SIGMA**2) * grid.pitch
    known = scales or [Scale(one.mm_per_px, one.mm_per_px_sigma, METHOD) for one in instruments]
    scale = np.array([known[index][:2] for index, _ in tips])
    millimetres = apart * scale[:, :1]
    unseen = np.hypot(UNSEEN_DEPTH[0] * np.exp(-millimetres / UNSEEN_DEPTH[1]), UNSEEN_DEPTH[2] * millimetres)
    sigma = np.hypot(np.hypot(apart * scale[:, 1:], scale[:, :1] * places_px), unseen)
    count = len(structures)
    methods = ['' if math.isnan(known[index].mm_per_px) else known[index].method for index, _ in tips]
    return tuple(
        map(
            Proximity,
            [index for index, _ in tips for _ in range(count)],
            list(range(count)) * len(tips),
            apart.ravel().tolist(),
            millimetres.ravel().tolist(),
            sigma.ravel().tolist(),
            [method for method in methods for _ in range(count)],
            points[:, :, 0].ravel().tolist(),
            points[:, :, 1].ravel().tolist(),
        )
    )


def _nearest(
    places: NDArray[np.float32], rim: NDArray[np.float32], lengths: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Find, of outlines one after another, the point of each that is nearest to each place.

    :param lengths: number of points of each outline.
    :return: its number among all points, and its squared distance, both ``(places, outlines)``.
    """
    x, y = np.ascontiguousarray(rim.T)
    squares = np.square(x - places[:, :1])
    squares += np.square(y - places[:, 1:])
    # the bits of numbers that are not negative are ordered like them; with the point's number behind, one reduction
    # finds both
    keys = squares.view(np.int32).astype(np.int64)
    keys <<= 32
    keys |= np.arange(len(rim))
    least = np.minimum.reduceat(keys, np.cumsum(lengths) - lengths, axis=1)
    return least & 0xFFFFFFFF, (least >> 32).astype(np.int32).view(np.float32)


def _over(places: Sequence[tuple[float, float]], structures: Sequence[Region], grid: Grid) -> Iterator[tuple[int, int]]:
    """Tell which places of the picture lie on which structures."""
    for at, (x, y) in enumerate(places):
        column, row = round((x + 0.5) / grid.sx - 0.5), round((y + 0.5) / grid.sy - 0.5)
        for number, region in enumerate(structures):
            if column >= region.left and row >= region.top and region.holds(column, row):
                yield at, number


def seen_sigma(near: Proximity) -> float:
    """Give the sigma of a distance in the image plane without what the depth may add to it [mm]."""
    height, fades, share = UNSEEN_DEPTH
    unseen = math.hypot(height * math.exp(-near.distance_mm / fades), share * near.distance_mm)
    return math.sqrt(max(near.sigma_mm**2 - unseen**2, 0.0))
