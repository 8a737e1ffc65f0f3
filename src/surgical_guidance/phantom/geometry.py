"""The geometry of the phantom: a pinhole over a relief, and instruments as straight cylinders in the same space.

The picture plane is measured in scene units, pixels of a picture 1920 wide. The tissue is the surface ``P(u, v) =
Z(u, v) * K^-1 (u, v, 1)`` with ``Z = WORKING_MM - height``, so that picture, label image and depth map agree
to the pixel whatever the relief is. An instrument is a cylinder whose axis is a straight line in space: along its
projection 1/Z is linear, and so is its width in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.phantom.layout import HEIGHT, UNITS_PER_MM, WIDTH

WORKING_MM = 72.0
"""From the pinhole to the plane of height 0: a usual working distance of a laparoscope [mm]."""

FOCAL = UNITS_PER_MM * WORKING_MM
"""Focal length [scene units]: 1152, a field of view of 74 degrees in a round picture of radius 860."""

SHAFT_MM = 5.0

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class View:
    """Puts scene units into a picture: ``px = scale * unit + offset``."""

    scale: float
    offset_x: float
    offset_y: float

    def px(self, x: float, y: float) -> tuple[float, float]:
        """Give a place of the scene in the picture [px]."""
        return x * self.scale + self.offset_x, y * self.scale + self.offset_y

    def matrix(
        self, canvas_scale: float, margin: float, shift: tuple[float, float], roll: float
    ) -> NDArray[np.float64]:
        """Give the affine map from a pixel of the picture to one of a canvas painted around the scene.

        :param canvas_scale: pixels of the canvas per scene unit.
        :param margin: of the canvas around the scene [scene units].
        :param shift: of the tissue in the picture [scene units].
        :param roll: of the picture about its middle, clockwise [rad].
        """
        c, s = np.cos(-roll), np.sin(-roll)
        turn = np.array([[c, -s], [s, c]])
        middle = np.array([WIDTH / 2, HEIGHT / 2])
        offset = np.array([self.offset_x, self.offset_y])
        # scene = turn (unit - middle) + middle - shift, canvas = (scene + margin) * canvas_scale
        start = (turn @ (-offset / self.scale - middle) + middle - np.array(shift) + margin) * canvas_scale
        return np.column_stack([turn * (canvas_scale / self.scale), start])


def view_of(width: int, height: int) -> View:
    """Give the view that fills a picture with the scene, cutting off what does not fit its shape."""
    scale = max(width / WIDTH, height / HEIGHT)
    return View(scale, (width - WIDTH * scale) / 2, (height - HEIGHT * scale) / 2)


def in_space(x: float, y: float, depth_mm: float) -> tuple[float, float, float]:
    """Give the point of the optical frame seen at a place of the scene [scene units] at a depth [mm]."""
    return (x - WIDTH / 2) * depth_mm / FOCAL, (y - HEIGHT / 2) * depth_mm / FOCAL, depth_mm


def cloud(depth_mm: Map, view: View) -> Map:
    """Give the point in space of every pixel of a depth map, ``float32 (h, w, 3)`` [mm]."""
    h, w = depth_mm.shape
    x = ((np.arange(w, dtype=np.float32) - view.offset_x) / view.scale - WIDTH / 2) / FOCAL
    y = ((np.arange(h, dtype=np.float32) - view.offset_y) / view.scale - HEIGHT / 2) / FOCAL
    return np.stack([x[None, :] * depth_mm, y[:, None] * depth_mm, depth_mm], axis=2).astype(np.float32)
