"""Notices that the system clock was set: ``CLOCK_REALTIME`` moved against ``CLOCK_MONOTONIC``.

Nothing of ours measures with the system clock, so a step makes no frame look old. But stamps of before and after it are
not one time line any more, which whoever reads a recording must know.
"""

from __future__ import annotations

from typing import Final

from surgical_guidance.clock import NS_PER_S

SMALLEST_S: Final = 0.5
"""Less than this in a turn is slewing, which time daemons do all day [s]."""

TOLD_FOR_S: Final = 5.0
"""How long a step is told after it happened [s]."""


class ClockSteps:
    """Compares the two clocks turn by turn."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._stepped_ns: int | None = None
        self._by_s = 0.0
        self.count = 0

    def look(self, now_ns: int, wall_ns: int) -> str:
        """Compare; give what is to be told, or ''.

        :param now_ns: monotonic [ns].
        :param wall_ns: system time of the same moment [ns].
        """
        offset_ns = wall_ns - now_ns
        if self._offset_ns is not None and abs(offset_ns - self._offset_ns) >= SMALLEST_S * NS_PER_S:
            self._stepped_ns, self._by_s = now_ns, (offset_ns - self._offset_ns) / NS_PER_S
            self.count += 1
        self._offset_ns = offset_ns
        if self._stepped_ns is None or now_ns - self._stepped_ns >= TOLD_FOR_S * NS_PER_S:
            return ''
        return f'the system clock was set by {self._by_s:+.1f} s'
