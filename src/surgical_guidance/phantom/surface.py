"""The surface of the tissue in one frame, to be searched for the nearest point of every structure."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom.geometry import Map, view_of
from surgical_guidance.phantom.truth import Distance


class Surface:
    """Points of the tissue, and what each belongs to.

    :param points: ``float32 (h, w, 3)``, in the optical frame [mm].
    :param labels: ``uint8 (h, w)``, indices into :data:`CLASSES`; 0 is not searched.
    """

    def __init__(self, points: Map, labels: NDArray[np.uint8]) -> None:
        height, width = labels.shape
        self._view = view_of(width, height)
        present = np.flatnonzero(np.bincount(labels.ravel()))
        self._masks = {CLASSES[value]: (labels == value).view(np.uint8) for value in present if value}
        self._space = [np.ascontiguousarray(points[..., axis]) for axis in range(3)]
        scale = np.float32(self._view.scale)
        self._x = (np.arange(width, dtype=np.float32) - np.float32(self._view.offset_x)) / scale
        self._y = (np.arange(height, dtype=np.float32) - np.float32(self._view.offset_y)) / scale

    def distances(self, tip: tuple[float, float, float], at: tuple[float, float], scale: float) -> dict[str, Distance]:
        """Search the nearest point of every structure, in space and in the picture.

        :param tip: in the optical frame [mm].
        :param at: where it is in the scene [scene units].
        :param scale: of the picture that pixels are wanted of [px per scene unit].
        """
        x, y, z = (values - np.float32(tip[axis]) for axis, values in enumerate(self._space))
        space = x * x + y * y + z * z
        across, down = self._x - np.float32(at[0]), self._y - np.float32(at[1])
        plane = (across * across)[None, :] + (down * down)[:, None]
        found = {}
        for name, mask in self._masks.items():
            mm, units = (float(np.sqrt(np.float32(cv2.minMaxLoc(each, mask)[0]))) for each in (space, plane))
            over = units < math.sqrt(0.5) / self._view.scale  # within the nearest pixel of the search
            found[name] = Distance(mm, 0.0 if over else units * scale)
        return found
