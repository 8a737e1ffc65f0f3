"""One picture of a source of this room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Shot:
    """A picture that is ready to be drawn; see :class:`surgical_guidance.frames.Picture` for what the fields mean.

    :param draw: writes its pixels, bgr8, into ``uint8 (height, width, 3)``.
    """

    width: int
    height: int
    draw: Callable[[NDArray[np.uint8]], None]
    time_s: float = 0.0
    stamp_ns: int | None = None
    monotonic_ns: int | None = None
    lost: int = 0
