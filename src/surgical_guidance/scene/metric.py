"""How far the tips are from the structures: pixels, and millimetres with their standard deviation.

Monocular [I]: the scale at the tip comes from the known diameter of the shaft. The depth of the tissue is not observed,
so a distance in the image plane is a lower bound of the distance in space (``docs/advice.md``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
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
    borders = np.concatenate([region.outline for region in structures])
    outlines = grid.to_picture(borders)
    places = np.array([(tip.tip_x, tip.tip_y) for _, tip in tips], np.float32)
    # (tips, border pixels of all structures, one after another)
    squares = np.square(outlines[:, 0] - places[:, :1])
    squares += np.square(outlines[:, 1] - places[:, 1:])
    bounds = pairwise(accumulate((len(region.outline) for region in structures), initial=0))
    nearest = np.stack([squares[:, start:end].argmin(axis=1) + start for start, end in bounds], axis=1)
    apart = np.sqrt(np.take_along_axis(squares, nearest, axis=1))  # to the middle of a pixel: half a pixel too far
    apart = np.where(apart > grid.pitch, apart - grid.pitch / 2, 0.0).astype(np.float64)
    points = outlines[nearest]
    hidden = np.zeros(nearest.shape) if covered is None else covered[borders[nearest, 1], borders[nearest, 0]]
    for row, (x, y) in enumerate(places.tolist()):
        over = _over(x, y, structures, grid)
        apart[row, over] = 0.0
        hidden[row, over] = covered is not None
        points[row, over] = x, y
    places_px = np.sqrt(2.0 * LOCALISATION_SIGMA**2 + hidden * REMEMBERED_SIGMA**2) * grid.pitch
    known = scales or [Scale(one.mm_per_px, one.mm_per_px_sigma, METHOD) for one in instruments]
    scale = np.array([(known[index].mm_per_px, known[index].sigma) for index, _ in tips])
    millimetres = apart * scale[:, :1]
    unseen = np.hypot(UNSEEN_DEPTH[0] * np.exp(-millimetres / UNSEEN_DEPTH[1]), UNSEEN_DEPTH[2] * millimetres)
    sigma = np.hypot(np.hypot(apart * scale[:, 1:], scale[:, :1] * places_px), unseen)
    found = zip(apart.tolist(), millimetres.tolist(), sigma.tolist(), points.tolist(), tips, strict=True)
    return tuple(
        Proximity(index, structure, px, mm, sigma_mm, '' if math.isnan(mm) else known[index].method, x, y)
        for pixels, mms, sigmas, ends, (index, _) in found
        for structure, (px, mm, sigma_mm, (x, y)) in enumerate(zip(pixels, mms, sigmas, ends, strict=True))
    )


def _over(x: float, y: float, structures: Sequence[Region], grid: Grid) -> list[int]:
    """Name the structures that a place of the picture lies on."""
    column, row = round((x + 0.5) / grid.sx - 0.5), round((y + 0.5) / grid.sy - 0.5)
    return [number for number, region in enumerate(structures) if region.holds(column, row)]


def seen_sigma(near: Proximity) -> float:
    """Give the sigma of a distance in the image plane without what the depth may add to it [mm]."""
    height, fades, share = UNSEEN_DEPTH
    unseen = math.hypot(height * math.exp(-near.distance_mm / fades), share * near.distance_mm)
    return math.sqrt(max(near.sigma_mm**2 - unseen**2, 0.0))
