"""Puts instruments into the picture, the label image and the depth map: L hook, grasper, clip applier, suction.

An instrument is drawn in its own frame (:mod:`surgical_guidance.phantom.tool_shapes`) and put into the picture by its
:class:`Pose`. In space it is a straight cylinder: its width in the picture and 1/Z are linear along it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom import tool_shapes
from surgical_guidance.phantom.geometry import SHAFT_MM, WORKING_MM, View, in_space
from surgical_guidance.phantom.layout import HEIGHT, WIDTH
from surgical_guidance.phantom.tool_shapes import SHAFT, SHAFT_ENDS, SHAFT_WIDTHS, Colour, Points

__all__ = ['SHAFT', 'Pose', 'View', 'depth', 'draw', 'mark', 'shaft_px', 'tip_mm']


@dataclass(frozen=True, slots=True)
class Pose:
    """Where an instrument is.

    :param class_name: one of :data:`surgical_guidance.contract.INSTRUMENT_CLASSES`.
    :param tip_x: its most distal point [scene units].
    :param tip_y: [scene units].
    :param angle: of the direction from the shaft to the tip, 0 to the right, clockwise [rad].
    :param opening: of the jaws, 0 to 1.
    :param scale: size of the tip against the working distance; more is nearer.
    :param flip: the hook points to its left instead of its right.
    :param taper: how much wider the shaft looks a thousand units behind the tip, as a share: it comes towards the
        viewer.
    """

    class_name: str
    tip_x: float
    tip_y: float
    angle: float
    opening: float = 0.0
    scale: float = 1.0
    flip: bool = False
    taper: float = 0.027

    def rolled(self, roll: float) -> Pose:
        """Give it as a camera sees it whose picture has turned clockwise about its middle [rad]."""
        c, s = math.cos(roll), math.sin(roll)
        dx, dy = self.tip_x - WIDTH / 2, self.tip_y - HEIGHT / 2
        x, y = c * dx - s * dy + WIDTH / 2, s * dx + c * dy + HEIGHT / 2
        return replace(self, tip_x=x, tip_y=y, angle=self.angle + roll)


class _Brush:
    """Draws shapes of one instrument into a picture, or into a label image with hard edges."""

    def __init__(self, image: NDArray[np.uint8], view: View, pose: Pose, line: int = cv2.LINE_AA) -> None:
        self._image, self._line = image, line
        self._taper = pose.taper / 1000.0
        self._tip = np.array(tool_shapes.tip(pose.class_name, pose.opening))
        c, s = math.cos(pose.angle), math.sin(pose.angle)
        mirror = -1.0 if pose.flip else 1.0
        self._size = view.scale * pose.scale
        self._matrix = self._size * np.array([[c, s], [-s * mirror, c * mirror]])
        self._at = np.array(view.px(pose.tip_x, pose.tip_y))

    def _pixels(self, points: Points) -> NDArray[np.int32]:
        """Give points in pixels with four fractional bits."""
        from_tip = points - self._tip
        from_tip[:, 1] = points[:, 1] * (1.0 - self._taper * from_tip[:, 0]) - self._tip[1]
        return np.round((from_tip @ self._matrix + self._at) * 16.0).astype(np.int32)

    def fill(self, points: Points, colour: Colour | int) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self._image, [self._pixels(points)], colour, self._line, 4)

    def stroke(self, points: Points, width: float, colour: Colour | int) -> None:
        """Draw a line of a width [scene units]."""
        thickness = max(1, round(width * self._size))
        cv2.polylines(self._image, [self._pixels(points)], False, colour, thickness, self._line, 4)

    def dot(self, at: tuple[float, float], radius: float, colour: Colour | int) -> None:
        """Fill a circle."""
        centre = self._pixels(np.array([at]))[0].tolist()
        cv2.circle(self._image, centre, round(radius * self._size * 16), colour, -1, self._line, 4)


def draw(image: NDArray[np.uint8], view: View, pose: Pose) -> None:
    """Draw an instrument into a picture, ``uint8 (h, w, 3)`` bgr8."""
    tool_shapes.DRAWERS[pose.class_name](_Brush(image, view, pose), pose.opening)


def mark(labels: NDArray[np.uint8], view: View, pose: Pose, value: int | None = None) -> None:
    """Mark the pixels of an instrument in an image, ``uint8 (h, w)``, with its class index or another value."""
    value = CLASSES.index(pose.class_name) if value is None else value
    tool_shapes.silhouette(_Brush(labels, view, pose, cv2.LINE_8), pose.class_name, pose.opening, value)


def depth(depth_mm: NDArray[np.float32], view: View, pose: Pose) -> None:
    """Put the near side of an instrument into a depth map, ``float32 (h, w)`` [mm]."""
    mask = np.zeros(depth_mm.shape, np.uint8)
    mark(mask, view, pose, 1)
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return
    x, y = view.px(pose.tip_x, pose.tip_y)
    c, s = math.cos(pose.angle), math.sin(pose.angle)
    along = ((columns - x) * c + (rows - y) * s) / (view.scale * pose.scale)
    across = ((rows - y) * c - (columns - x) * s) / (view.scale * pose.scale) * (-1.0 if pose.flip else 1.0)
    across += tool_shapes.tip(pose.class_name, pose.opening)[1]
    widening = 1.0 - pose.taper / 1000.0 * along
    centre = WORKING_MM / pose.scale / widening
    half = SHAFT_WIDTHS[pose.class_name] / 2
    bulge = np.sqrt(np.maximum(0.0, 1.0 - (across / (half * widening)) ** 2)) * SHAFT_MM / SHAFT * half
    tip_u = tool_shapes.tip(pose.class_name, pose.opening)[0]
    on_shaft = along + tip_u < SHAFT_ENDS[pose.class_name]  # what lies before the shaft is thin
    depth_mm[rows, columns] = centre - np.where(on_shaft, bulge, 0.0)


def tip_mm(pose: Pose) -> tuple[float, float, float]:
    """Give the tip in the optical frame [mm]."""
    return in_space(pose.tip_x, pose.tip_y, WORKING_MM / pose.scale)


def shaft_px(pose: Pose, view: View) -> float:
    """Give the width of the shaft where it ends [px]."""
    back = tool_shapes.tip(pose.class_name, pose.opening)[0] - SHAFT_ENDS[pose.class_name]
    return SHAFT_WIDTHS[pose.class_name] * (1.0 + pose.taper / 1000.0 * back) * view.scale * pose.scale
