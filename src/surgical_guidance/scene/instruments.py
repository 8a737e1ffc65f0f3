"""From regions of instrument classes to :class:`Instrument`: axis, tip with covariance, shaft width, scale, opening.

The axis is the main axis of the region, directed from where it enters the picture. Along it the region is laid
straight; its foremost end is the tip, and the part behind the tool gives the width of the shaft
(``scene.compiled.tools``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled import tools
from surgical_guidance.scene.compiled.outlines import enclosed_by
from surgical_guidance.scene.regions import Grid, Region, joined, outlines_in_picture
from surgical_guidance.scene.shaft import (
    EDGE_BIAS,
    EDGE_SIGMA,
    PLAUSIBLE,
    TAPER_SIGMA,
    TOOL_LENGTH,
    USUAL_TOOL_LENGTH,
)
from surgical_guidance.scene.state import NAN, Energy, Instrument

SHAFT_DIAMETER_MM = 5.0
"""Outer diameter of the usual laparoscopic shaft [mm]; DOMAIN: 5 mm and 8 mm are common."""

JAWED = frozenset(('grasper', 'clipper'))
"""Instruments that end in two jaws: their tip is the middle between the jaws' ends."""

TIP_SIGMA = {'along': 1.5, 'across': 1.0}
"""Standard deviation of a tip along and across the axis [label pixels] [I]: networks blur the foremost end most."""

_OPENINGS = {'grasper': (0.70, 2.25), 'clipper': (0.45, 0.96)}
"""Distance of the jaws' outer sides over the shaft's width, closed and wide open: of the phantom's instruments [I]."""

_NO_JAWS = (NAN, NAN)
_INSTRUMENT = partial(tuple.__new__, Instrument)  # of a tuple with all fields; a third of the time of a call


def find_instruments(
    regions: Sequence[Region],
    grid: Grid,
    edge: NDArray[np.uint8],
    shaft_diameter_mm: float = SHAFT_DIAMETER_MM,
) -> tuple[Instrument, ...]:
    """Describe regions of instrument classes.

    :param edge: ``uint8``, as large as the label map, not 0 where the picture or the field of view ends.
    :param shaft_diameter_mm: true diameter of the shafts [mm].
    """
    if not regions:
        return ()
    points, ends = joined(regions)
    jawed, lengths, openings = _habits(tuple([region.class_name for region in regions]))
    count = len(regions)
    shapes, measured = np.empty((count, 6)), np.empty((count, tools.COLUMNS))
    described = np.empty((count, tools.DESCRIBED))
    enclosed_by(points, ends, shapes)
    tools.measure(
        points, ends, shapes, jawed, lengths, edge, (grid.sx, grid.sy), (EDGE_BIAS, EDGE_SIGMA, TAPER_SIGMA), measured
    )
    height, pitch = edge.shape[0] * grid.sy, grid.pitch
    tools.describe(
        measured,
        openings,
        edge,
        (grid.sx, grid.sy),
        (PLAUSIBLE[0] * height, PLAUSIBLE[1] * height),
        shaft_diameter_mm,
        (TIP_SIGMA['along'] * pitch, TIP_SIGMA['across'] * pitch),
        described,
    )
    outlines = outlines_in_picture(regions, grid)
    return tuple(
        [
            _INSTRUMENT((
                region[0], region[1], outline, 0, visible > 0.0, x, y, axis_x, axis_y, width, scale, sigma,
                Energy.UNKNOWN, xx, xy, yy, opening,
            ))
            for region, outline, (visible, x, y, axis_x, axis_y, width, scale, sigma, xx, xy, yy, opening) in zip(
                regions, outlines, described.tolist(), strict=True
            )
        ]
    )  # fmt: skip


@lru_cache(maxsize=64)
def _habits(names: tuple[str, ...]) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Tell of classes which end in jaws, what is in front of their shafts, and how far their jaws open."""
    return (
        np.array([name in JAWED for name in names]),
        np.array([TOOL_LENGTH.get(name, USUAL_TOOL_LENGTH) for name in names]),
        np.array([_OPENINGS.get(name, _NO_JAWS) for name in names]),
    )
