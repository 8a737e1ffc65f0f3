"""What gives pictures: the form that the camera's sources and the phantom share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source is once it is open.

    :param width: of its pictures at the moment [px]; a later picture may differ.
    :param height: [px].
    :param rate: pictures per second it promises [Hz]; 0 where it does not say.
    :param live: it goes on by itself and may come back after it was lost (a device, a stream, a topic).
        A source that is not live is paced by the time stamps of its pictures and can end (a file).
    :param description: one line for people: container, codec, device name.
    """

    width: int
    height: int
    rate: float
    live: bool
    description: str


class Picture(Protocol):
    """One picture that a source has ready, not yet in the frame ring."""

    @property
    def width(self) -> int:
        """Width [px]."""

    @property
    def height(self) -> int:
        """Height [px]."""

    @property
    def time_s(self) -> float:
        """When to show it, from the start of the source [s]; never goes back, also over the end of a loop."""

    @property
    def stamp_ns(self) -> int | None:
        """Capture in ROS time [ns] where the source knows it (a topic, a bag); None: it was captured just now."""

    @property
    def monotonic_ns(self) -> int | None:
        """Capture on ``CLOCK_MONOTONIC`` [ns] where the source knows it (V4L2); None: it was captured just now."""

    @property
    def lost(self) -> int:
        """Pictures that the source itself lost just before this one (a device's sequence numbers tell)."""

    def draw(self, image: NDArray[np.uint8]) -> None:
        """Write the pixels, bgr8, into ``uint8 (height, width, 3)``: a slot of the frame ring."""


@runtime_checkable
class TruePicture(Protocol):
    """A :class:`Picture` of which it is known what is really in it: a rendered one."""

    def truth(self) -> str:
        """Tell it, as one line of JSON. It may take longer than drawing: ask only where somebody listens."""


class Source(Protocol):
    """Where pictures come from. For one thread; only :meth:`close` may be called by another, to end a waiting read."""

    def open(self) -> SourceInfo:
        """Connect and tell what it is.

        :raises SourceError: what is wrong, where, and what to do.
        """

    def read(self) -> Picture | None:
        """Wait for the next picture; None at the end of a file and after :meth:`close`.

        :raises SourceLost: if it worked and does not any more.
        """

    def close(self) -> None:
        """Give everything back. A source can be opened again."""
