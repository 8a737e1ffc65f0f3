"""How far the tips are from the structures: pixels, and millimetres with their standard deviation.

Monocular [I]: the scale at the tip comes from the known diameter of the shaft. The depth of the tissue is not observed,
so a distance in the image plane is a lower bound of the distance in space (``docs/advice.md``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.regions import Grid, Region
from surgical_guidance.scene.state import Instrument, Proximity

METHOD = 'shaft_width'

LOCALISATION_SIGMA = 1.0
"""Standard deviation of the tip and of the border of a structure, each [label pixels] [I]."""


def proximities(instruments: Sequence[Instrument], structures: Sequence[Region], grid: Grid) -> tuple[Proximity, ...]:
    """Give the distance of every visible tip to every structure, tip by tip.

    :param structures: the regions of ``SceneState.structures``, in the same order.
    """
    tips = [(index, instrument) for index, instrument in enumerate(instruments) if instrument.tip_visible]
    if not tips or not structures:
        return ()
    outlines = grid.to_picture(np.concatenate([region.outline for region in structures]))
    starts = np.cumsum([0, *(len(region.outline) for region in structures)])
    found = []
    for index, instrument in tips:
        dx = outlines[:, 0] - np.float32(instrument.tip_x)
        dy = outlines[:, 1] - np.float32(instrument.tip_y)
        squares = dx * dx + dy * dy
        for structure, (start, end) in enumerate(pairwise(starts)):
            nearest = int(start) + int(squares[start:end].argmin())
            apart = math.sqrt(float(squares[nearest]))  # to the middle of a pixel: half a pixel too far
            distance = apart - grid.pitch / 2 if apart > grid.pitch else 0.0
            found.append(_proximity(index, structure, instrument, distance, outlines[nearest], grid.pitch))
    return tuple(found)


def _proximity(
    index: int, structure: int, instrument: Instrument, distance: float, nearest: NDArray[np.float32], pitch: float
) -> Proximity:
    scale = instrument.mm_per_px
    known = not math.isnan(scale)
    localisation = scale * LOCALISATION_SIGMA * math.sqrt(2.0) * pitch
    return Proximity(
        instrument=index,
        structure=structure,
        distance_px=distance,
        distance_mm=distance * scale,
        sigma_mm=math.hypot(distance * instrument.mm_per_px_sigma, localisation),
        method=METHOD if known else '',
        nearest_x=float(nearest[0]),
        nearest_y=float(nearest[1]),
    )
