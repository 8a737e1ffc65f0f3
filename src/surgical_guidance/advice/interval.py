"""How often the source gives a frame, from the scenes' stamps and sequences."""

from __future__ import annotations

from collections import deque
from statistics import median

from surgical_guidance.clock import NS_PER_S

_KEPT = 9
_LONGEST_NS = NS_PER_S  # a slower source than 1 Hz is not waited for in proportion


class FrameInterval:
    """The median of the last few intervals; frames that were lost in between are counted in."""

    def __init__(self) -> None:
        self._intervals: deque[int] = deque(maxlen=_KEPT)
        self._last: tuple[int, int] | None = None

    @property
    def ns(self) -> int:
        """Interval between two frames of the source [ns]; 0 while unknown."""
        return min(round(median(self._intervals)), _LONGEST_NS) if self._intervals else 0

    def add(self, stamp_ns: int, sequence: int) -> None:
        """Take in one scene."""
        if self._last is not None:
            elapsed, frames = stamp_ns - self._last[0], sequence - self._last[1]
            if elapsed > 0 and frames > 0:
                self._intervals.append(elapsed // frames)
        self._last = stamp_ns, sequence

    def forget(self) -> None:
        """Begin anew."""
        self._intervals.clear()
        self._last = None
