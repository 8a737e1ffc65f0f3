"""The outlines and the paint of the four instruments, each in its own frame.

``u`` runs along the shaft to the tip with 0 where the shaft ends, ``v`` to its right, in scene units. The same outlines
give the picture and the truth.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SHAFT = 80.0  # width of a 5 mm shaft in scene units
LENGTH = 3000.0  # enough to reach out of the view from anywhere

Points = NDArray[np.float64]
Colour = tuple[int, int, int]  # bgr


class Brush(Protocol):
    """Draws shapes of one instrument, given in its own frame."""

    def fill(self, points: Points, colour: Colour | int) -> None:
        """Fill a polygon."""

    def stroke(self, points: Points, width: float, colour: Colour | int) -> None:
        """Draw a line of a width [scene units]."""

    def dot(self, at: tuple[float, float], radius: float, colour: Colour | int) -> None:
        """Fill a circle."""


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


def _shaft(low: float, high: float, start: float, end: float, width: float = SHAFT) -> Points:
    """Give a stripe of the shaft between two sides (-1 to 1) from ``u = start`` back to ``u = end``."""
    half = width / 2
    return np.array([(start, low * half), (start, high * half), (end, high * half), (end, low * half)])


def _draw_hook(brush: Brush, _opening: float) -> None:
    for low, high, grey in (
        (-1.0, 1.0, 16), (-0.86, 0.80, 26), (-0.72, 0.40, 38), (-0.60, 0.05, 54),
        (-0.48, -0.14, 80), (-0.40, -0.26, 128),
    ):  # fmt: skip
        brush.fill(_shaft(low, high, -34, -LENGTH), (grey + 3, grey, grey - 2))
    for low, high, colour in (  # the ceramic collar
        (-0.86, 0.86, (96, 108, 116)), (-0.74, 0.5, (146, 160, 168)), (-0.6, 0.0, (196, 207, 212)),
        (-0.46, -0.2, (238, 243, 245)),
    ):  # fmt: skip
        brush.fill(_shaft(low, high, -6, -36), colour)
    brush.fill(_shaft(-0.5, 0.5, 4, -8), (70, 76, 80))
    brush.stroke(_HOOK_WIRE, 18, (52, 54, 58))
    brush.stroke(_HOOK_WIRE - (0.0, 1.5), 12, (128, 132, 138))
    brush.stroke(_HOOK_WIRE - (0.0, 3.5), 5, (222, 226, 230))


def _draw_grasper(brush: Brush, opening: float) -> None:
    for low, high, grey in (
        (-1.0, 1.0, 52), (-0.88, 0.84, 84), (-0.74, 0.62, 118), (-0.62, 0.30, 150),
        (-0.52, 0.0, 186), (-0.42, -0.2, 236),
    ):  # fmt: skip
        brush.fill(_shaft(low, high, 0, -LENGTH), (grey, grey, max(0, grey - 5)))
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
    brush.dot((6.0, 0.0), 11.0, (120, 122, 124))


def _clipper_jaw(opening: float, side: float) -> Points:
    """One jaw of the clip applier: long, thin, bent at its root so that the two stay parallel."""
    gap = 4.0 + 20.0 * opening
    return np.array(
        [(-10, 26), (30, gap + 15), (150, gap + 13), (160, gap + 6), (156, gap), (30, gap + 1), (-6, 10)], np.float64
    ) * (1.0, side)  # fmt: skip


def _draw_clipper(brush: Brush, opening: float) -> None:
    for low, high, grey in (
        (-1.0, 1.0, 70), (-0.9, 0.86, 104), (-0.78, 0.60, 134), (-0.64, 0.30, 168), (-0.55, -0.05, 204),
        (-0.46, -0.26, 244),
    ):  # fmt: skip
        brush.fill(_shaft(low, high, -14, -LENGTH, CLIPPER_SHAFT), (grey, grey - 2, grey - 6))
    for low, high, grey in ((-1.0, 1.0, 58), (-0.8, 0.5, 96), (-0.6, 0.0, 150), (-0.5, -0.2, 216)):
        brush.fill(np.array([(-14, low * 40), (-14, high * 40), (8, high * 28), (8, low * 28)]), (grey, grey, grey - 3))
    brush.fill(_shaft(-1.0, 1.0, -70, -82, CLIPPER_SHAFT), (148, 96, 40))  # the coloured ring of a disposable one
    brush.fill(_shaft(-0.6, 0.0, -70, -82, CLIPPER_SHAFT), (206, 150, 92))
    for side in (1.0, -1.0):
        jaw = _clipper_jaw(opening, side)
        middle = jaw.mean(axis=0)
        brush.fill(jaw, (56, 58, 62))
        brush.fill(middle + (jaw - middle) * (0.97, 0.7), (138, 140, 143))
        brush.fill(middle + (jaw - middle) * (0.9, 0.3) - (0.0, 1.5), (222, 224, 226))


def _draw_suction(brush: Brush, _opening: float) -> None:
    for low, high, grey in (
        (-1.0, 1.0, 60), (-0.9, 0.86, 96), (-0.78, 0.66, 128), (-0.62, 0.36, 160), (-0.52, 0.0, 198),
        (-0.44, -0.2, 246),
    ):  # fmt: skip
        brush.fill(_shaft(low, high, 0, -LENGTH, SUCTION_SHAFT), (grey + 2, grey, grey - 4))
    rim = np.linspace(-math.pi / 2, math.pi / 2, 14)
    brush.fill(np.column_stack([12.0 * np.cos(rim), SUCTION_SHAFT / 2 * np.sin(rim)]), (96, 98, 100))
    brush.fill(np.column_stack([7.0 * np.cos(rim), SUCTION_SHAFT * 0.40 * np.sin(rim)]), (24, 22, 30))
    for at, side in ((-40.0, 0.35), (-66.0, -0.3), (-92.0, 0.35), (-118.0, -0.3)):  # the side holes
        brush.dot((at, side * SUCTION_SHAFT / 2), 8.0, (30, 28, 36))


CLIPPER_SHAFT = SHAFT  # 5 mm clip appliers are common; the scene room takes 5 mm for every shaft
SUCTION_SHAFT = SHAFT

DRAWERS = {
    'l_hook_electrocautery': _draw_hook,
    'grasper': _draw_grasper,
    'clipper': _draw_clipper,
    'suction': _draw_suction,
}
"""How each class is painted."""

SHAFT_WIDTHS = {
    'l_hook_electrocautery': SHAFT,
    'grasper': SHAFT,
    'clipper': CLIPPER_SHAFT,
    'suction': SUCTION_SHAFT,
}
"""Width of the shaft at the working distance [scene units]."""

SHAFT_ENDS = {'l_hook_electrocautery': -34.0, 'grasper': 0.0, 'clipper': -14.0, 'suction': 0.0}
"""Where the shaft proper ends, ``u``."""


def tip(class_name: str, opening: float) -> tuple[float, float]:
    """Give the most distal point in the instrument's own frame."""
    if class_name == 'l_hook_electrocautery':
        return _HOOK_TIP
    if class_name == 'suction':
        return 12.0, 0.0
    jaw = _jaw(opening, 1.0) if class_name == 'grasper' else _clipper_jaw(opening, 1.0)
    return float(jaw[:, 0].max()), 0.0


def silhouette(brush: Brush, class_name: str, opening: float, colour: int) -> None:
    """Fill all of an instrument with one colour."""
    width = SHAFT_WIDTHS[class_name]
    brush.fill(_shaft(-1.0, 1.0, SHAFT_ENDS[class_name], -LENGTH, width), colour)
    if class_name == 'l_hook_electrocautery':
        brush.fill(_shaft(-0.86, 0.86, -6, -36), colour)
        brush.fill(_shaft(-0.5, 0.5, 4, -8), colour)
        brush.stroke(_HOOK_WIRE, 18, colour)
    elif class_name == 'suction':
        rim = np.linspace(-math.pi / 2, math.pi / 2, 14)
        brush.fill(np.column_stack([12.0 * np.cos(rim), width / 2 * np.sin(rim)]), colour)
    else:
        if class_name == 'clipper':
            brush.fill(np.array([(-14.0, -40.0), (-14.0, 40.0), (8.0, 28.0), (8.0, -28.0)]), colour)
        for side in (1.0, -1.0):
            brush.fill(_jaw(opening, side) if class_name == 'grasper' else _clipper_jaw(opening, side), colour)
