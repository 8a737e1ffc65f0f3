"""From regions of instrument classes to :class:`Instrument`: axis, tip with covariance, shaft width, scale, opening.

The axis is the main axis of the region, directed from where it enters the picture. Along it the region is laid straight
(module ``strip``); its foremost end is the tip, and the part behind the tool gives the width of the shaft (``shaft``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.regions import Grid, Region, outlines_in_picture
from surgical_guidance.scene.shaft import Shaft, fit_shafts
from surgical_guidance.scene.state import NAN, Instrument
from surgical_guidance.scene.strip import Borders, Vector, borders, straighten

SHAFT_DIAMETER_MM = 5.0
"""Outer diameter of the usual laparoscopic shaft [mm]; DOMAIN: 5 mm and 8 mm are common."""

JAWED = frozenset(('grasper', 'clipper'))
"""Instruments that end in two jaws: their tip is the middle between the jaws' ends."""

TIP_SIGMA = {'along': 1.5, 'across': 1.0}
"""Standard deviation of a tip along and across the axis [label pixels] [I]: networks blur the foremost end most."""

_JAW_BAND = 0.3  # of the greatest width, behind the foremost point: both jaws end in it
_OPENINGS = {'grasper': (0.70, 2.25), 'clipper': (0.45, 0.96)}
"""Distance of the jaws' outer sides over the shaft's width, closed and wide open: of the phantom's instruments [I]."""
_ELONGATED = 1.5  # length over width, below which the main axis of a shape says nothing


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
    rims = borders(regions, grid)
    axes = _axes(regions, rims, grid, edge)
    jawed = np.array([region.class_name in JAWED for region in regions])
    ends, profiles = straighten(rims, axes, jawed, _JAW_BAND, grid)
    shafts = fit_shafts(profiles, [region.class_name for region in regions], grid.pitch, edge.shape[0] * grid.sy)
    outlines = outlines_in_picture(regions, grid)
    ends_at = zip(ends.at.tolist(), ends.inside.tolist(), ends.spread.tolist(), strict=True)
    return tuple(
        _instrument(*parts, grid, edge, shaft_diameter_mm)
        for parts in zip(regions, ends_at, axes.tolist(), shafts, outlines, strict=True)
    )


def _instrument(
    region: Region,
    end: tuple[Vector, Vector, float],
    axis: Vector,
    shaft: Shaft,
    outline: NDArray[np.float32],
    grid: Grid,
    edge: NDArray[np.uint8],
    shaft_diameter_mm: float,
) -> Instrument:
    (x, y), inside, spread = end
    ax, ay = axis
    visible = not _on_edge(inside, edge, grid)
    opening = along = across = NAN
    if visible:
        along, across = (TIP_SIGMA['along'] * grid.pitch) ** 2, (TIP_SIGMA['across'] * grid.pitch) ** 2
        if region.class_name in JAWED and math.isfinite(shaft.width):
            closed, wide = _OPENINGS[region.class_name]
            opening = min(max((spread / shaft.width - closed) / (wide - closed), 0.0), 1.0)
    else:
        x = y = NAN
    scale = shaft_diameter_mm / shaft.width
    c, s = math.cos(shaft.turn), math.sin(shaft.turn)
    return Instrument(
        class_name=region.class_name,
        score=region.score,
        contour=outline,
        tip_visible=visible,
        tip_x=x,
        tip_y=y,
        axis_x=c * ax - s * ay,
        axis_y=s * ax + c * ay,
        shaft_width_px=shaft.width,
        mm_per_px=scale,
        mm_per_px_sigma=scale * shaft.sigma / shaft.width,
        tip_xx=along * ax * ax + across * ay * ay,
        tip_xy=(along - across) * ax * ay,
        tip_yy=along * ay * ay + across * ax * ax,
        opening=opening,
    )


def _axes(regions: Sequence[Region], rims: Borders, grid: Grid, edge: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Find the unit vector of each region from where it enters the picture to its far end."""
    x, y, starts = rims.x, rims.y, rims.starts
    border = edge[rims.points[:, 1], rims.points[:, 0]] != 0
    shapes = [_main_axis(region, grid) for region in regions]
    main = np.array([axis for _, axis, _ in shapes])
    along = main[:, 0][rims.owners] * x + main[:, 1][rims.owners] * y
    low, high = np.minimum.reduceat(along, starts), np.maximum.reduceat(along, starts)
    entry_low = np.minimum.reduceat(np.where(border, along, np.inf), starts)
    entry_high = np.maximum.reduceat(np.where(border, along, -np.inf), starts)
    enters_low = (entry_low - low <= high - entry_high).tolist()
    touching = np.add.reduceat(border, starts, dtype=np.intp)
    touches = touching.tolist()
    middle = ((edge.shape[1] * grid.sx - 1) / 2, (edge.shape[0] * grid.sy - 1) / 2)
    signs = np.ones((len(regions), 1))
    for number, ((cx, cy), (ax, ay), elongated) in enumerate(shapes):
        if not touches[number]:
            # It touches nothing (its shaft is hidden): instruments come from outside, the tip is nearer to the middle.
            forwards = (middle[0] - cx) * ax + (middle[1] - cy) * ay >= 0.0
        elif elongated:
            forwards = enters_low[number]
        else:
            there = border & (rims.owners == number)
            inward = (cx + 0.5 - grid.sx / 2 - float(x[there].mean()), cy + 0.5 - grid.sy / 2 - float(y[there].mean()))
            reach = math.hypot(*inward)
            if reach > 0.0:
                main[number] = (inward[0] / reach, inward[1] / reach)
            forwards = True
        if not forwards:
            signs[number] = -1.0
    return main * signs


def _main_axis(region: Region, grid: Grid) -> tuple[Vector, Vector, bool]:
    """Find the middle of a region [px of the picture], its main axis, and whether it is long enough to have one."""
    moments = cv2.moments(region.outline)
    left = top = 0
    if moments['m00'] <= 0.0:  # as thin as a line: it has no inside, but pixels
        moments = cv2.moments(region.mask, binaryImage=True)
        left, top = region.left, region.top
    column = left + moments['m10'] / moments['m00']
    row = top + moments['m01'] / moments['m00']
    xx, yy = moments['mu20'] * grid.sx**2, moments['mu02'] * grid.sy**2
    xy = moments['mu11'] * grid.sx * grid.sy
    angle = 0.5 * math.atan2(2.0 * xy, xx - yy)
    difference = math.hypot(xx - yy, 2.0 * xy)
    elongated = xx + yy + difference >= _ELONGATED**2 * (xx + yy - difference)
    centre = ((column + 0.5) * grid.sx - 0.5, (row + 0.5) * grid.sy - 0.5)
    return centre, (math.cos(angle), math.sin(angle)), elongated


def _on_edge(point: Vector, edge: NDArray[np.uint8], grid: Grid) -> bool:
    column = min(max(round((point[0] + 0.5) / grid.sx - 0.5), 0), edge.shape[1] - 1)
    row = min(max(round((point[1] + 0.5) / grid.sy - 0.5), 0), edge.shape[0] - 1)
    return bool(edge[row, column])
