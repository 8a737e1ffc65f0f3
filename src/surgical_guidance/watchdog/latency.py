"""Facts about the way of the frames, from ``FrameTiming``: how long they took, how many came, how many were lost."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import BREACHES_IN_A_ROW, LATENCY_LIMIT_MS, LATENCY_WARNING_MS

WINDOW_S: Final = 1.0
BREACH_LASTS_S: Final = 1.0  # a breach counts as going on for this long after its last frame: no flicker at the limit


@dataclass(frozen=True, slots=True)
class LatencyFacts:
    """Capture to advice, at one moment.

    :param p50_ms: over the last second [ms]; NaN without frames. The same for ``p99_ms``, by the nearest rank.
    :param in_a_row: frames over the limit, one after another, up to the last frame.
    :param over_budget: so many in a row that it is an alarm, now or within :data:`BREACH_LASTS_S`.
    :param breach_ms: the latency that made it so, the last time [ms]; NaN where it never was.
    :param warning: the typical frame of the last second is over the warning level.
    :param captured: frames of the source since the first that was advised on; ``dropped`` of them were not advised on.
    """

    p50_ms: float
    p99_ms: float
    in_a_row: int
    over_budget: bool
    breach_ms: float
    warning: bool
    captured: int
    dropped: int


class Latency:
    """Takes the times of the frames that were advised on."""

    def __init__(self) -> None:
        self._window: deque[tuple[int, float]] = deque()
        self._in_a_row = 0
        self._breach_ns: int | None = None
        self._breach_ms = math.nan
        self._captured = 0
        self._dropped = 0

    def frame(self, at_ns: int, latency_ms: float, captured: int, dropped: int) -> None:
        """Take one frame: when its times came, and its capture to advice [ms]."""
        self._window.append((at_ns, latency_ms))
        self._captured, self._dropped = captured, dropped
        self._in_a_row = self._in_a_row + 1 if latency_ms > LATENCY_LIMIT_MS else 0
        if self._in_a_row >= BREACHES_IN_A_ROW:
            self._breach_ns, self._breach_ms = at_ns, latency_ms

    def facts(self, now_ns: int) -> LatencyFacts:
        """Say what is known now."""
        since_ns = now_ns - int(WINDOW_S * NS_PER_S)
        while self._window and self._window[0][0] <= since_ns:
            self._window.popleft()
        ordered = sorted(latency_ms for _, latency_ms in self._window)
        p50_ms = _nearest_rank(ordered, 0.50)
        return LatencyFacts(
            p50_ms=p50_ms,
            p99_ms=_nearest_rank(ordered, 0.99),
            in_a_row=self._in_a_row,
            over_budget=self._breach_ns is not None and now_ns - self._breach_ns < BREACH_LASTS_S * NS_PER_S,
            breach_ms=self._breach_ms,
            warning=p50_ms > LATENCY_WARNING_MS,
            captured=self._captured,
            dropped=self._dropped,
        )


def _nearest_rank(ordered: list[float], share: float) -> float:
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.nan
