"""How far the tips are from the structures: pixels, and millimetres with their standard deviation.

Monocular [I]: the scale at the tip comes from the known diameter of the shaft. The depth of the tissue is not observed,
so a distance in the image plane is a lower bound of the distance in space (``docs/advice.md``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

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
    x, y = np.ascontiguousarray(outlines[:, 0]), np.ascontiguousarray(outlines[:, 1])
    bounds = list(pairwise(accumulate((len(region.outline) for region in structures), initial=0)))
    return tuple(
        near for index, instrument in tips for near in _of_one_tip(index, instrument, x, y, bounds, grid.pitch)
    )


def _of_one_tip(
    index: int,
    instrument: Instrument,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    bounds: Sequence[tuple[int, int]],
    pitch: float,
) -> Iterator[Proximity]:
    """Give the distances of one tip.

    :param x: of the border pixels of all structures, one structure after another [px]; ``y`` likewise.
    :param bounds: where the pixels of each structure begin and end.
    """
    dx, dy = x - np.float32(instrument.tip_x), y - np.float32(instrument.tip_y)
    squares = dx * dx + dy * dy
    scale, scale_sigma = instrument.mm_per_px, instrument.mm_per_px_sigma
    localisation = scale * LOCALISATION_SIGMA * math.sqrt(2.0) * pitch
    method = '' if math.isnan(scale) else METHOD
    for structure, (start, end) in enumerate(bounds):
        nearest = start + int(squares[start:end].argmin())
        apart = math.sqrt(squares[nearest])  # to the middle of a pixel: half a pixel too far
        distance = apart - pitch / 2 if apart > pitch else 0.0
        yield Proximity(
            instrument=index,
            structure=structure,
            distance_px=distance,
            distance_mm=distance * scale,
            sigma_mm=math.hypot(distance * scale_sigma, localisation),
            method=method,
            nearest_x=float(x[nearest]),
            nearest_y=float(y[nearest]),
        )
