"""From regions of instrument classes to :class:`Instrument`: axis, tip, shaft width, scale.

The axis is the main axis of the region, directed from where it enters the picture. Along it the region is laid straight
(module ``strip``); its foremost end is the tip, and the part behind the tool gives the width of the shaft (``shaft``).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.regions import Grid, Region, outline_in_picture
from surgical_guidance.scene.shaft import fit_shaft
from surgical_guidance.scene.state import NAN, Instrument
from surgical_guidance.scene.strip import Vector, straighten

SHAFT_DIAMETER_MM = 5.0
"""Outer diameter of the usual laparoscopic shaft [mm]; DOMAIN: 5 mm and 8 mm are common."""

JAWED = frozenset(('grasper', 'clipper'))
"""Instruments that end in two jaws: their tip is the middle between the jaws' ends."""

_JAW_BAND = 0.3  # of the greatest width, behind the foremost point: both jaws end in it
_ELONGATED = 1.5  # length over width, below which the main axis of a shape says nothing


def find_instrument(
    region: Region,
    grid: Grid,
    edge: NDArray[np.uint8],
    shaft_diameter_mm: float = SHAFT_DIAMETER_MM,
) -> Instrument:
    """Describe a region of an instrument class.

    :param edge: ``uint8``, as large as the label map, not 0 where the picture or the field of view ends.
    :param shaft_diameter_mm: true diameter of the shaft [mm].
    """
    centre, axis = _axis(region, grid, edge)
    strip = straighten(region, grid, centre, axis)
    shaft = fit_shaft(strip.profile(), region.class_name, grid.pitch, edge.shape[0] * grid.sy)
    v = strip.jaws_middle(_JAW_BAND) if region.class_name in JAWED else strip.point_middle()
    visible = not _on_edge(strip.place(grid.pitch / 2, v), edge, grid)
    x, y = strip.place(0.0, v) if visible else (NAN, NAN)
    scale = shaft_diameter_mm / shaft.width
    c, s = math.cos(shaft.turn), math.sin(shaft.turn)
    return Instrument(
        class_name=region.class_name,
        score=region.score,
        contour=outline_in_picture(region, grid),
        tip_visible=visible,
        tip_x=x,
        tip_y=y,
        axis_x=c * axis[0] - s * axis[1],
        axis_y=s * axis[0] + c * axis[1],
        shaft_width_px=shaft.width,
        mm_per_px=scale,
        mm_per_px_sigma=scale * shaft.sigma / shaft.width,
    )


def _axis(region: Region, grid: Grid, edge: NDArray[np.uint8]) -> tuple[Vector, Vector]:
    """Find the middle of a region [px of the picture] and the unit vector from where it enters to its far end."""
    moments = cv2.moments(region.mask, binaryImage=True)
    column = region.left + moments['m10'] / moments['m00']
    row = region.top + moments['m01'] / moments['m00']
    centre = ((column + 0.5) * grid.sx - 0.5, (row + 0.5) * grid.sy - 0.5)
    xx, yy = moments['mu20'] * grid.sx**2, moments['mu02'] * grid.sy**2
    xy = moments['mu11'] * grid.sx * grid.sy
    angle = 0.5 * math.atan2(2.0 * xy, xx - yy)
    axis = (math.cos(angle), math.sin(angle))

    outline = region.outline
    border = outline[edge[outline[:, 1], outline[:, 0]] != 0]
    if not len(border):
        # It touches nothing (its shaft is hidden): instruments come from outside, so the tip is nearer to the middle.
        middle = (edge.shape[1] * grid.sx / 2 - centre[0], edge.shape[0] * grid.sy / 2 - centre[1])
        return centre, axis if middle[0] * axis[0] + middle[1] * axis[1] >= 0.0 else (-axis[0], -axis[1])

    difference = math.hypot(xx - yy, 2.0 * xy)
    if xx + yy + difference < _ELONGATED**2 * (xx + yy - difference):
        inward = (
            (column - float(border[:, 0].mean())) * grid.sx,
            (row - float(border[:, 1].mean())) * grid.sy,
        )
        reach = math.hypot(*inward)
        return centre, (inward[0] / reach, inward[1] / reach) if reach > 0.0 else axis

    direction = np.array((axis[0] * grid.sx, axis[1] * grid.sy), np.float32)
    along, entry = outline @ direction, border @ direction
    enters_low = float(entry.min() - along.min()) <= float(along.max() - entry.max())
    return centre, axis if enters_low else (-axis[0], -axis[1])


def _on_edge(point: Vector, edge: NDArray[np.uint8], grid: Grid) -> bool:
    column = min(max(round((point[0] + 0.5) / grid.sx - 0.5), 0), edge.shape[1] - 1)
    row = min(max(round((point[1] + 0.5) / grid.sy - 0.5), 0), edge.shape[0] - 1)
    return bool(edge[row, column])
