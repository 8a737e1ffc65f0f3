"""How far the tips are from the structures: pixels, and millimetres with their standard deviation.

Monocular [I]: the scale at the tip comes from the known diameter of the shaft. The depth of the tissue is not observed,
so a distance in the image plane is a lower bound of the distance in space (``docs/advice.md``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

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
    places = np.array([(tip.tip_x, tip.tip_y) for _, tip in tips], np.float32)
    # (tips, border pixels of all structures, one after another)
    squares = np.square(outlines[:, 0] - places[:, :1])
    squares += np.square(outlines[:, 1] - places[:, 1:])
    bounds = pairwise(accumulate((len(region.outline) for region in structures), initial=0))
    nearest = np.stack([squares[:, start:end].argmin(axis=1) + start for start, end in bounds], axis=1)
    apart = np.sqrt(np.take_along_axis(squares, nearest, axis=1))  # to the middle of a pixel: half a pixel too far
    apart = np.where(apart > grid.pitch, apart - grid.pitch / 2, 0.0).astype(np.float64)
    scale = np.array([(tip.mm_per_px, tip.mm_per_px_sigma) for _, tip in tips])
    millimetres = apart * scale[:, :1]
    sigma = np.hypot(apart * scale[:, 1:], scale[:, :1] * (LOCALISATION_SIGMA * math.sqrt(2.0) * grid.pitch))
    found = zip(apart.tolist(), millimetres.tolist(), sigma.tolist(), outlines[nearest].tolist(), tips, strict=True)
    return tuple(
        Proximity(index, structure, px, mm, sigma_mm, '' if math.isnan(mm) else METHOD, x, y)
        for pixels, mms, sigmas, points, (index, _) in found
        for structure, (px, mm, sigma_mm, (x, y)) in enumerate(zip(pixels, mms, sigmas, points, strict=True))
    )
