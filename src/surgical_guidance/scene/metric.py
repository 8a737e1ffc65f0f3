"""How far the tips are from the structures: pixels, and millimetres with their standard deviation.

Monocular [I]: the scale at the tip comes from the known diameter of the shaft. The depth of the tissue is not observed,
so a distance in the image plane is a lower bound of the distance in space (``docs/scene.md``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled import nearest
from surgical_guidance.scene.regions import Grid, Region, joined
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


LOCALISATION_SIGMA = 1.25
"""Standard deviation of the tip and of the border of a structure, each [label pixels] [I]: of true maps 0.8 would do,
of what a network draws not."""

REMEMBERED_SIGMA = 3.0
"""What is added for the border of a structure under an instrument: it is where it was seen last [label pixels] [I]."""

UNSEEN_DEPTH = (0.8, 2.0, 0.08)
"""What the depth that one camera does not see adds [I]: a height of the tip over the tissue [mm], which makes up the
distance where that is small and little of it beyond some [mm]; and a share of the distance, since tissue that rises or
falls by two fifths of a distance makes it 8 % longer."""

TUBES = frozenset(('cystic_duct', 'cystic_artery', 'hepatic_vein'))
"""Structures so thin that a pool of blood hides them whole."""

_KINDS = {'blood': nearest.POOL, **dict.fromkeys(TUBES, nearest.TUBE)}
_BESIDE = 2  # label pixels: blood that is so near to a border goes on where the structure ends
_FEWEST = 3  # places of a border that must have blood beside them
_PROXIMITY = partial(tuple.__new__, Proximity)  # of a tuple with all fields; a third of the time of a call
_NOWHERE = np.empty((0, 0), np.uint8)


def proximities(
    instruments: Sequence[Instrument],
    structures: Sequence[Region],
    grid: Grid,
    covered: NDArray[np.uint8] | None = None,
    scales: Sequence[Scale] | None = None,
) -> tuple[Proximity, ...]:
    """Give the distance of every visible tip to every structure, tip by tip; 0 where the tip is over it.

    :param structures: the regions of ``SceneState.structures``, in the same order: all of one map.
    :param covered: ``uint8``, as large as the label map, not 0 where instruments are; None: nowhere.
    :param scales: at each tip; None: what the shaft's width tells.
    """
    tips = [(index, instrument) for index, instrument in enumerate(instruments) if instrument.tip_visible]
    if not tips or not structures:
        return ()
    known = scales or [Scale(one.mm_per_px, one.mm_per_px_sigma, METHOD) for one in instruments]
    outlines, ends = joined(structures)
    found = np.empty((len(tips), len(structures), nearest.COLUMNS))
    nearest.measure(
        np.array([(tip.tip_x, tip.tip_y, *known[index][:2]) for index, tip in tips]),
        outlines,
        ends,
        np.array([_KINDS.get(one.class_name, 0) for one in structures], np.uint8),
        structures[0].owners,
        _NOWHERE if covered is None else covered,
        (grid.sx, grid.sy),
        (LOCALISATION_SIGMA, REMEMBERED_SIGMA),
        UNSEEN_DEPTH,
        (_BESIDE, _FEWEST),
        found,
    )
    count = len(structures)
    methods = ['' if math.isnan(known[index].mm_per_px) else known[index].method for index, _ in tips]
    apart, millimetres, sigma, x, y = found.reshape(-1, nearest.COLUMNS).T.tolist()
    return tuple(
        map(
            _PROXIMITY,
            zip(
                [index for index, _ in tips for _ in range(count)],
                list(range(count)) * len(tips),
                apart,
                millimetres,
                sigma,
                [method for method in methods for _ in range(count)],
                x,
                y,
                strict=True,
            ),
        )
    )


def seen_sigma(near: Proximity) -> float:
    """Give the sigma of a distance in the image plane without what the depth may add to it [mm]."""
    height, fades, share = UNSEEN_DEPTH
    unseen = math.hypot(height * math.exp(-near.distance_mm / fades), share * near.distance_mm)
    return math.sqrt(max(near.sigma_mm**2 - unseen**2, 0.0))
