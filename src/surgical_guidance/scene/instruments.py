"""From regions of instrument classes to :class:`Instrument`: axis, tip with covariance, shaft width, scale, opening.

The axis is the main axis of the region, directed from where it enters the picture. Along it the region is laid
straight; its foremost end is the tip, and the part behind the tool gives the width of the shaft
(``scene.compiled.tools``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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
from surgical_guidance.scene.state import NAN, Instrument

SHAFT_DIAMETER_MM = 5.0
"""Outer diameter of the usual laparoscopic shaft [mm]; DOMAIN: 5 mm and 8 mm are common."""

JAWED = frozenset(('grasper', 'clipper'))
"""Instruments that end in two jaws: their tip is the middle between the jaws' ends."""

TIP_SIGMA = {'along': 1.5, 'across': 1.0}
"""Standard deviation of a tip along and across the axis [label pixels] [I]: networks blur the foremost end most."""

_OPENINGS = {'grasper': (0.70, 2.25), 'clipper': (0.45, 0.96)}
"""Distance of the jaws' outer sides over the shaft's width, closed and wide open: of the phantom's instruments [I]."""


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
    shapes, measured = np.empty((len(regions), 6)), np.empty((len(regions), tools.COLUMNS))
    enclosed_by(points, ends, shapes)
    tools.measure(
        points,
        ends,
        shapes,
        np.array([region.class_name in JAWED for region in regions]),
        np.array([TOOL_LENGTH.get(region.class_name, USUAL_TOOL_LENGTH) for region in regions]),
        edge,
        (grid.sx, grid.sy),
        (EDGE_BIAS, EDGE_SIGMA, TAPER_SIGMA),
        measured,
    )
    outlines = outlines_in_picture(regions, grid)
    return tuple(
        _instrument(region, found, outline, grid, edge, shaft_diameter_mm)
        for region, found, outline in zip(regions, measured.tolist(), outlines, strict=True)
    )


def _instrument(
    region: Region,
    found: Sequence[float],
    outline: NDArray[np.float32],
    grid: Grid,
    edge: NDArray[np.uint8],
    shaft_diameter_mm: float,
) -> Instrument:
    ax, ay, x, y, inside_x, inside_y, spread, width, sigma, turn = found
    height = edge.shape[0] * grid.sy
    if not PLAUSIBLE[0] * height <= width <= PLAUSIBLE[1] * height:
        width, sigma, turn = NAN, NAN, 0.0
    visible = not _on_edge(inside_x, inside_y, edge, grid)
    opening = along = across = NAN
    if visible:
        along, across = (TIP_SIGMA['along'] * grid.pitch) ** 2, (TIP_SIGMA['across'] * grid.pitch) ** 2
        if region.class_name in JAWED and math.isfinite(width):
            closed, wide = _OPENINGS[region.class_name]
            opening = min(max((spread / width - closed) / (wide - closed), 0.0), 1.0)
    else:
        x = y = NAN
    scale = shaft_diameter_mm / width
    c, s = math.cos(turn), math.sin(turn)
    return Instrument(
        class_name=region.class_name,
        score=region.score,
        contour=outline,
        tip_visible=visible,
        tip_x=x,
        tip_y=y,
        axis_x=c * ax - s * ay,
        axis_y=s * ax + c * ay,
        shaft_width_px=width,
        mm_per_px=scale,
        mm_per_px_sigma=scale * sigma / width,
        tip_xx=along * ax * ax + across * ay * ay,
        tip_xy=(along - across) * ax * ay,
        tip_yy=along * ay * ay + across * ax * ax,
        opening=opening,
    )


def _on_edge(x: float, y: float, edge: NDArray[np.uint8], grid: Grid) -> bool:
    column = min(max(round((x + 0.5) / grid.sx - 0.5), 0), edge.shape[1] - 1)
    row = min(max(round((y + 0.5) / grid.sy - 0.5), 0), edge.shape[0] - 1)
    return bool(edge[row, column])
