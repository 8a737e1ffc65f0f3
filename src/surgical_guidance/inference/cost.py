"""What a model costs: its latest times, and what to reckon with."""

from __future__ import annotations

import math
from collections import deque

RECENT = 128
"""Looks that are remembered: four seconds of a model that looks at every frame, a minute of one with two a second."""
EXPECTED_SHARE = 0.9
"""Of the recent looks this share took no longer than is reckoned with: a single slow one does not count yet, but a host
that has become slower does, after a tenth of them."""


class Cost:
    """Running quantiles of a model's times [ms].

    :param first_ms: what to reckon with before anything was measured.
    """

    def __init__(self, first_ms: float) -> None:
        self._first_ms = first_ms
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._expected_ms = first_ms

    def add(self, ms: float) -> None:
        """Note what a look took [ms]."""
        self._recent.append(ms)
        self._expected_ms = self.quantile(EXPECTED_SHARE)

    @property
    def expected_ms(self) -> float:
        """What the next look is reckoned to take [ms]."""
        return self._expected_ms

    def quantile(self, share: float) -> float:
        """Give the time that a share of the recent looks did not exceed [ms]; NaN before the first."""
        recent = sorted(list(self._recent))  # noqa: C414  (copied in one go: another thread may add to it meanwhile)
        return recent[math.ceil(share * len(recent)) - 1] if recent else math.nan
