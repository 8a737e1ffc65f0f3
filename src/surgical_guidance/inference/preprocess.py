"""From a frame to a network's input: one pass over the frame, into memory that is there already."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.inference.manifest import InputSpec, Normalisation
from surgical_guidance.inference.placement import Placement, place

PADDING = 114
"""Grey of what a letterboxed picture leaves free, as the YOLO family is trained with."""

_LEVELS = np.arange(256, dtype=np.float64)


class Preprocessor:
    """Scales frames into the input of an engine, stretched or letterboxed. The frames' size may change at any time.

    A network that takes pixels as they are (``uint8``, nhwc, bgr, normalisation in its graph) costs the scaling alone;
    any other costs one or two passes more over its small input.

    :param spec: the picture as the network takes it.
    :param target: the engine's input, of the shape and a type that ``spec`` says.
    """

    def __init__(self, spec: InputSpec, target: NDArray[Any]) -> None:
        self._spec = spec
        self._channels_first = spec.layout == 'nchw'
        self._rgb = spec.colour == 'rgb'
        # A half is moved as the 16 bits it is: OpenCV looks them up as it would any other number.
        self._target = target[0] if target.dtype != np.float16 else target[0].view(np.uint16)
        direct = target.dtype == np.uint8 and not self._channels_first
        self._small: NDArray[np.uint8] = target[0] if direct else np.empty((spec.height, spec.width, 3), np.uint8)
        self._grey = np.empty((spec.height, spec.width), np.uint8)
        self._plane = np.empty((spec.height, spec.width), np.uint8)
        tables = _tables(spec, target.dtype)
        self._table = np.ascontiguousarray(tables.T[None])
        self._plane_tables = [np.ascontiguousarray(table[None]) for table in tables]
        self._direct = direct
        self._of_size = (0, 0)
        self.placement = place(spec, spec.width, spec.height)
        self._window = self._small
        self._grey_window = self._grey

    def __call__(self, image: NDArray[np.uint8]) -> Placement:
        """Write a picture, ``uint8 (h, w, 3)`` bgr8 or ``(h, w)`` mono8, into the input; tell where it lies."""
        if image.shape[:2] != self._of_size:
            self._fit(image.shape[0], image.shape[1])
        size = (self.placement.width, self.placement.height)
        # Linear, not by area: five times as fast at 1080p, and the models are trained on pictures scaled either way.
        if image.ndim == 2:
            cv2.resize(image, size, self._grey_window, interpolation=cv2.INTER_LINEAR)
            cv2.cvtColor(self._grey_window, cv2.COLOR_GRAY2BGR, self._window)
        else:
            cv2.resize(image, size, self._window, interpolation=cv2.INTER_LINEAR)
        if self._channels_first:
            for index in range(3):
                cv2.extractChannel(self._small, 2 - index if self._rgb else index, self._plane)
                _look_up(self._plane, self._target[index], self._plane_tables[index])
        else:
            if self._rgb:
                cv2.cvtColor(self._window, cv2.COLOR_BGR2RGB, self._window)
            if not self._direct:
                _look_up(self._small, self._target, self._table)
        return self.placement

    def _fit(self, height: int, width: int) -> None:
        """Get ready for pictures of another size."""
        self._of_size = (height, width)
        self.placement = at = place(self._spec, width, height)
        inside = slice(at.y, at.y + at.height), slice(at.x, at.x + at.width)
        self._small.fill(PADDING)
        self._window, self._grey_window = self._small[inside], self._grey[inside]


def _look_up(values: NDArray[np.uint8], target: NDArray[Any], table: NDArray[Any]) -> None:
    if target.dtype == np.uint8:
        np.copyto(target, values)
    else:
        cv2.LUT(values, table, target)


def _tables(spec: InputSpec, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Give for each colour, in the network's order, what becomes of the values 0 to 255: ``(3, 256)``."""
    if not isinstance(spec.normalisation, Normalisation):
        return np.tile(_LEVELS, (3, 1)).astype(np.uint8)
    mean, scale = np.array(spec.normalisation.mean)[:, None], np.array(spec.normalisation.scale)[:, None]
    tables = ((_LEVELS - mean) / scale).astype(dtype)
    return tables.view(np.uint16) if dtype == np.float16 else tables
