"""How often scenes come, from their stamps."""

from __future__ import annotations

from collections import deque
from statistics import median

from surgical_guidance.clock import NS_PER_S

_KEPT = 9
_LONGEST_NS = NS_PER_S // 2  # slower than 2 Hz nothing is waited for in proportion


class SceneInterval:
    """The median of the last few intervals between two valid scenes.

    Of scenes and not of the source's frames: a model may look at every third frame only, and that is no interruption.
    """

    def __init__(self) -> None:
        self._intervals: deque[int] = deque(maxlen=_KEPT)
        self._last_ns: int | None = None

    @property
    def ns(self) -> int:
        """Interval between two scenes [ns]; 0 while unknown."""
        return min(round(median(self._intervals)), _LONGEST_NS) if self._intervals else 0

    def add(self, stamp_ns: int) -> None:
        """Take in one scene."""
        if self._last_ns is not None and stamp_ns > self._last_ns:
            self._intervals.append(stamp_ns - self._last_ns)
        self._last_ns = stamp_ns

    def forget(self) -> None:
        """Begin anew."""
        self._intervals.clear()
        self._last_ns = None
