"""The surface of the tissue in one frame, ready to be searched for the nearest point of every structure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom.geometry import Map, view_of
from surgical_guidance.phantom.truth import Distance


class Surface:
    """Points of the tissue, sorted by what they belong to.

    :param points: ``float32 (h, w, 3)``, in the optical frame [mm].
    :param labels: ``uint8 (h, w)``, indices into :data:`CLASSES`; 0 is not searched.
    """

    def __init__(self, points: Map, labels: NDArray[np.uint8]) -> None:
        height, width = labels.shape
        self._view = view_of(width, height)
        order = np.argsort(labels, axis=None, kind='stable')
        values, self._starts = np.unique(labels.ravel()[order], return_index=True)
        self._names = [CLASSES[value] for value in values]
        self._points = points.reshape(-1, 3)[order]
        rows, columns = np.divmod(order.astype(np.int32), np.int32(width))
        self._x = (columns.astype(np.float32) - np.float32(self._view.offset_x)) / np.float32(self._view.scale)
        self._y = (rows.astype(np.float32) - np.float32(self._view.offset_y)) / np.float32(self._view.scale)

    def distances(self, tip: tuple[float, float, float], at: tuple[float, float], scale: float) -> dict[str, Distance]:
        """Search the nearest point of every structure, in space and in the picture.

        :param tip: in the optical frame [mm].
        :param at: where it is in the scene [scene units].
        :param scale: of the picture that pixels are wanted of [px per scene unit].
        """
        x, y, z = (self._points[:, axis] - np.float32(tip[axis]) for axis in range(3))
        space = np.minimum.reduceat(x * x + y * y + z * z, self._starts)
        across, down = self._x - np.float32(at[0]), self._y - np.float32(at[1])
        plane = np.minimum.reduceat(across * across + down * down, self._starts)
        found = {}
        for name, mm, units in zip(self._names, np.sqrt(space), np.sqrt(plane), strict=True):
            if name != CLASSES[0]:
                over = units < math.sqrt(0.5) / self._view.scale  # within the nearest pixel of the search
                found[name] = Distance(float(mm), 0.0 if over else float(units) * scale)
        return found
