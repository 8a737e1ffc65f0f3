"""One camera frame in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHANNELS = {'bgr8': 3, 'mono8': 1}
"""Encodings of frames on the frame path, named as in ``sensor_msgs/image_encodings.hpp``, and their channels."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A view of one slot of the frame ring: no copy, read-only.

    :param sequence: counts every frame of the source from 1; a gap is frames that were lost before they got here.
    :param stamp_ns: capture, ROS time [ns].
    :param monotonic_ns: capture, ``CLOCK_MONOTONIC`` [ns].
    :param image: ``uint8 (height, width, 3)`` for ``bgr8``, ``uint8 (height, width)`` for ``mono8``.
    :param encoding: a key of :data:`CHANNELS`.
    :param ring: name of the shared-memory object the pixels are in.
    :param slot: index of the slot in the ring.
    :param current_sequence: reads which frame the slot holds now; see :meth:`intact`.
    """

    sequence: int
    stamp_ns: int
    monotonic_ns: int
    image: NDArray[np.uint8]
    encoding: str
    ring: str
    slot: int
    current_sequence: Callable[[], int]

    @property
    def width(self) -> int:
        """Width [px]."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Height [px]."""
        return int(self.image.shape[0])

    @property
    def intact(self) -> bool:
        """Whether the slot still holds this very frame. Ask again after reading: a late reader may have seen two."""
        return self.current_sequence() == self.sequence
