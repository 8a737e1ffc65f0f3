"""Draws instruments: an L hook on an insulated shaft and a fenestrated grasper on a bare one.

An instrument is drawn in its own frame, ``u`` along the shaft with 0 where the shaft ends and ``v`` to its right, in
scene units, and put into the picture by its :class:`Pose`. The same outlines give the picture and the ground truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES

SHAFT = 80.0  # width of a 5 mm shaft in scene units
_LENGTH = 3000.0  # enough to reach out of the view from anywhere
_TAPER = 1.08  # the near end looks wider

Points = NDArray[np.float64]
Colour = tuple[int, int, int]  # bgr


@dataclass(frozen=True, slots=True)
class Pose:
    """Where an instrument is.

    :param class_name: ``l_hook_electrocautery`` or ``grasper``.
    :param tip_x: its most distal point [scene units].
    :param tip_y: [scene units].
    :param angle: of the direction from the shaft to the tip, 0 to the right, clockwise [rad].
    :param opening: of a grasper's jaws, 0 to 1.
    :param scale: size against a shaft of :data:`SHAFT` units; more is nearer.
    :param flip: the hook points to its left instead of its right.
    """

    class_name: str
    tip_x: float
    tip_y: float
    angle: float
    opening: float = 0.0
    scale: float = 1.0
    flip: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """Puts scene units into a picture: ``px = scale * unit + offset``."""

    scale: float
    offset_x: float
    offset_y: float


_HOOK_WIRE = np.array(
    [(-4, 0), (30, 0), (74, 3), (92, 6), (101, 13), (108, 24), (116, 37), (125, 50)], np.float64
)  # fmt: skip
_HOOK_TIP = (133.0, 53.0)  # the wire is 18 units thick, about 1.1 mm


def _jaw(opening: float, side: float) -> Points:
    """One jaw of the grasper: slim, slightly curved, closing on the axis."""
    turn = side * (0.03 + 0.42 * opening)
    profile = np.array(
        [(0, 4), (0, 34), (40, 36), (100, 31), (160, 24), (186, 15), (190, 6), (184, 2), (120, 3), (40, 4)], np.float64
    ) * (1.0, side)  # fmt: skip
    c, s = math.cos(turn), math.sin(turn)
    turned: Points = profile @ np.array([[c, s], [-s, c]])
    return turned


def _shaft(low: float, high: float, start: float, end: float) -> Points:
    """Give a stripe of the shaft between two sides (-1 to 1) from ``u = start`` back to ``u = end``."""
    near = _TAPER if end < -1000 else 1.0
    half = SHAFT / 2
    return np.array([(start, low * half), (start, high * half), (end, high * half * near), (end, low * half * near)])


class _Brush:
    """Draws shapes of one instrument, given in its own frame."""

    def __init__(self, image: NDArray[np.uint8], view: View, pose: Pose, tip: tuple[float, float]) -> None:
        self.image = image
        c, s = math.cos(pose.angle), math.sin(pose.angle)
        mirror = -1.0 if pose.flip else 1.0
        size = view.scale * pose.scale
        self.size = size
        self.matrix = size * np.array([[c, s], [-s * mirror, c * mirror]])
        at = np.array([pose.tip_x * view.scale + view.offset_x, pose.tip_y * view.scale + view.offset_y])
        self.origin = at - np.array(tip) @ self.matrix

    def pixels(self, points: Points) -> NDArray[np.int32]:
        """Give points in pixels with four fractional bits."""
        return np.round((points @ self.matrix + self.origin) * 16.0).astype(np.int32)

    def fill(self, points: Points, colour: Colour | int, line: int = cv2.LINE_AA) -> None:
        cv2.fillPoly(self.image, [self.pixels(points)], colour, line, 4)

    def stroke(self, points: Points, width: float, colour: Colour | int, line: int = cv2.LINE_AA) -> None:
        thickness = max(1, round(width * self.size))
        cv2.polylines(self.image, [self.pixels(points)], False, colour, thickness, line, 4)


def _tip(pose: Pose) -> tuple[float, float]:
    """Give the most distal point in the instrument's own frame."""
    if pose.class_name == 'l_hook_electrocautery':
        return _HOOK_TIP
    jaw = _jaw(pose.opening, 1.0)
    return float(jaw[:, 0].max()), 0.0


def _draw_hook(brush: _Brush) -> None:
    for low, high, grey in (
        (-1.0, 1.0, 16), (-0.86, 0.80, 26), (-0.72, 0.40, 38), (-0.60, 0.05, 54),
        (-0.48, -0.14, 80), (-0.40, -0.26, 128),
    ):  # fmt: skip
        brush.fill(_shaft(low, high, -34, -_LENGTH), (grey + 3, grey, grey - 2))
    for low, high, colour in (  # the ceramic collar
        (-0.86, 0.86, (96, 108, 116)), (-0.74, 0.5, (146, 160, 168)), (-0.6, 0.0, (196, 207, 212)),
        (-0.46, -0.2, (238, 243, 245)),
    ):  # fmt: skip
        brush.fill(_shaft(low, high, -6, -36), colour)
    brush.fill(_shaft(-0.5, 0.5, 4, -8), (70, 76, 80))
    brush.stroke(_HOOK_WIRE, 18, (52, 54, 58))
    brush.stroke(_HOOK_WIRE - (0.0, 1.5), 12, (128, 132, 138))
    brush.stroke(_HOOK_WIRE - (0.0, 3.5), 5, (222, 226, 230))


def _draw_grasper(brush: _Brush, opening: float) -> None:
    for low, high, grey in (
        (-1.0, 1.0, 52), (-0.88, 0.84, 84), (-0.74, 0.62, 118), (-0.62, 0.30, 150),
        (-0.52, 0.0, 186), (-0.42, -0.2, 236),
    ):  # fmt: skip
        brush.fill(_shaft(low, high, 0, -_LENGTH), (grey, grey, max(0, grey - 5)))
    for ring in (-26.0, -60.0):
        brush.fill(_shaft(-1.0, 1.0, ring, ring - 5), (44, 46, 50))
    for side in (1.0, -1.0):
        jaw = _jaw(opening, side)
        middle = jaw.mean(axis=0)
        brush.fill(jaw, (62, 64, 68))
        brush.fill(middle + (jaw - middle) * (0.96, 0.78), (150, 152, 154))
        brush.fill(middle + (jaw - middle) * (0.92, 0.52) - (0.0, 2.0), (206, 208, 209))
        brush.fill(middle + (jaw - middle) * (0.55, 0.34), (44, 40, 48))  # the fenestration
        inner = jaw[[-1, -2, -3]]
        for share in np.linspace(0.06, 0.97, 22):  # the teeth
            along = inner[0] + (inner[2] - inner[0]) * share
            brush.stroke(along + np.array([(0.0, 0.0), (0.0, 6.0 * side)]), 2.5, (52, 54, 58))
    cv2.circle(brush.image, tuple(brush.pixels(np.array([(6.0, 0.0)]))[0].tolist()), round(11 * brush.size * 16),
               (120, 122, 124), -1, cv2.LINE_AA, 4)  # fmt: skip


def draw(image: NDArray[np.uint8], view: View, pose: Pose) -> None:
    """Draw an instrument into a picture, ``uint8 (h, w, 3)`` bgr8."""
    brush = _Brush(image, view, pose, _tip(pose))
    if pose.class_name == 'l_hook_electrocautery':
        _draw_hook(brush)
    else:
        _draw_grasper(brush, pose.opening)


def mark(labels: NDArray[np.uint8], view: View, pose: Pose) -> None:
    """Mark the pixels of an instrument in a label image, ``uint8 (h, w)``."""
    brush = _Brush(labels, view, pose, _tip(pose))
    index = CLASSES.index(pose.class_name)
    if pose.class_name == 'l_hook_electrocautery':
        brush.fill(_shaft(-1.0, 1.0, -34, -_LENGTH), index, cv2.LINE_8)
        brush.fill(_shaft(-0.86, 0.86, -6, -36), index, cv2.LINE_8)
        brush.fill(_shaft(-0.5, 0.5, 4, -8), index, cv2.LINE_8)
        brush.stroke(_HOOK_WIRE, 18, index, cv2.LINE_8)
    else:
        brush.fill(_shaft(-1.0, 1.0, 0, -_LENGTH), index, cv2.LINE_8)
        for side in (1.0, -1.0):
            brush.fill(_jaw(pose.opening, side), index, cv2.LINE_8)
