"""One patient: painted tissue with its labels and heights, before and after the gallbladder is out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.phantom import tissue
from surgical_guidance.phantom.geometry import WORKING_MM, View, cloud, view_of
from surgical_guidance.phantom.layout import MARGIN, Organ
from surgical_guidance.phantom.tissue import Canvas

FINEST = 0.6  # tissue is painted at most this fine and enlarged: an endoscope is no sharper
GRID = (480, 270)  # size at which distances in space are searched: a quarter of a millimetre

Shift = tuple[float, float]
Depth = NDArray[np.float32]


class Patient:
    """Tissue that can be seen from anywhere near.

    :param organs: from back to front.
    :param emptied: the organs after the operation; None: it does not come to that.
    :param scale: pixels per scene unit to paint with.
    :param seed: of the textures, the same before and after.
    :param zoom: of the organs given; below 1 the endoscope is further away, and everything deeper by as much.
    """

    def __init__(
        self, organs: Sequence[Organ], emptied: Sequence[Organ] | None, scale: float, seed: int, zoom: float = 1.0
    ) -> None:
        self.zoom = zoom
        self._plans = [organs] if emptied is None else [organs, emptied]
        self._scale = min(scale, FINEST)
        self._seed = seed
        self._painted: dict[int, Canvas] = {}
        self._large: dict[tuple[int, float], NDArray[np.uint8]] = {}

    def canvas(self, emptied: bool) -> Canvas:
        """Give the painting, made when it is first asked for."""
        index = min(int(emptied), len(self._plans) - 1)
        if index not in self._painted:
            self._painted[index] = tissue.paint(self._plans[index], self._scale, np.random.default_rng(self._seed))
        return self._painted[index]

    def picture(self, image: NDArray[np.uint8], view: View, shift: Shift, roll: float, emptied: bool) -> None:
        """Draw the tissue into a picture, ``uint8 (h, w, 3)``."""
        canvas = self.canvas(emptied)
        painting, scale = canvas.image, canvas.scale
        if view.scale > 1.2 * scale:  # enlarged once, well; then every frame needs only the cheap interpolation
            painting, scale = self._enlarged(canvas, view.scale)
        cv2.warpAffine(
            painting, view.matrix(scale, MARGIN, shift, roll), (image.shape[1], image.shape[0]),
            dst=image, flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101,
        )  # fmt: skip

    def _enlarged(self, canvas: Canvas, scale: float) -> tuple[NDArray[np.uint8], float]:
        key = (id(canvas), scale)
        if key not in self._large:
            factor = scale / canvas.scale
            large = cv2.resize(canvas.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
            self._large[key] = np.asarray(large, np.uint8)
        return self._large[key], scale

    def labels(
        self, size: tuple[int, int], shift: Shift, roll: float, emptied: bool, view: View | None = None
    ) -> NDArray[np.uint8]:
        """Give the labels as a picture of a size (width, height) shows them; in the view that fills it, or another."""
        canvas = self.canvas(emptied)
        return np.asarray(
            cv2.warpAffine(
                canvas.labels, (view or view_of(*size)).matrix(canvas.scale, MARGIN, shift, roll), size,
                flags=cv2.WARP_INVERSE_MAP | cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101,
            ), np.uint8,
        )  # fmt: skip

    def depth(self, size: tuple[int, int], shift: Shift, roll: float, emptied: bool, view: View | None = None) -> Depth:
        """Give the depth of the tissue likewise [mm]."""
        canvas = self.canvas(emptied)
        height = cv2.warpAffine(
            canvas.height, (view or view_of(*size)).matrix(canvas.scale, MARGIN, shift, roll), size,
            flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101,
        )  # fmt: skip
        return np.asarray((np.float32(WORKING_MM) - height) / np.float32(self.zoom), np.float32)

    def points(self, shift: Shift, roll: float, emptied: bool) -> tuple[Depth, NDArray[np.uint8]]:
        """Give the surface as points in space, ``float32 (h, w, 3)`` [mm], and their labels, of size :data:`GRID`."""
        depth = self.depth(GRID, shift, roll, emptied)
        return cloud(depth, view_of(*GRID)), self.labels(GRID, shift, roll, emptied)

    def depth_at(self, x: float, y: float, emptied: bool) -> float:
        """Give the depth of the tissue at a place of it [scene units]; beyond the canvas that of its edge [mm]."""
        canvas = self.canvas(emptied)
        rows, columns = canvas.height.shape
        row = min(max(round((y + MARGIN) * canvas.scale), 0), rows - 1)
        column = min(max(round((x + MARGIN) * canvas.scale), 0), columns - 1)
        return (WORKING_MM - float(canvas.height[row, column])) / self.zoom
