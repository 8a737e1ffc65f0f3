"""What a run has done so far, from the messages of its processes. Bounded memory, however long it runs."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from surgical_guidance.contract import TIMED_STAGES

_STEP_MS = 0.05
_BINS = 40_000  # up to 2 s; what takes longer is counted in the last one, and exact in `max`


class Latencies:
    """Times of one stage, as a histogram of 0.05 ms steps."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self.max = 0.0

    def add(self, ms: float) -> None:
        """Count one time [ms]; NaN and negative values are a defect elsewhere and not counted."""
        if ms >= 0.0:
            self._counts[min(int(ms / _STEP_MS), _BINS - 1)] += 1
            self.max = max(self.max, ms)

    def quantile(self, share: float) -> float:
        """Give the time [ms] that a share of all frames did not exceed, to 0.05 ms; NaN without frames."""
        total = int(self._counts.sum())
        if total == 0:
            return math.nan
        index = int(np.searchsorted(np.cumsum(self._counts), math.ceil(share * total)))
        return min((index + 1) * _STEP_MS, self.max)

    def summary(self) -> dict[str, float | None]:
        """Give ``p50``, ``p99`` and ``max`` [ms]; None without frames."""
        if not self._counts.any():
            return {'p50': None, 'p99': None, 'max': None}
        return {name: round(value, 3) for name, value in (
            ('p50', self.quantile(0.5)), ('p99', self.quantile(0.99)), ('max', self.max))}  # fmt: skip


@dataclass(frozen=True)
class ModelUse:
    """What one model of inference did, as it told last.

    :param stride: in force; 0: dropped by a degradation step.
    :param postponed: turns put off to a later frame.
    :param forced: of the looks, those without room in the frame's time.
    """

    stride: int
    width: int
    height: int
    looks: int
    postponed: int
    forced: int
    cost_p50_ms: float
    cost_p99_ms: float
    problem: str

    def summary(self) -> dict[str, Any]:
        """Give it as ``summary.json`` has it; None for times that were not measured."""
        return {
            name: (round(value, 3) if math.isfinite(value) else None) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


@dataclass
class Collector:
    """Counts frames, times and suggestions."""

    latencies: dict[str, Latencies] = field(default_factory=lambda: {stage: Latencies() for stage in TIMED_STAGES})
    suggestions: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    state: str = 'starting'
    rate_hz: float = math.nan
    advice: tuple[str, str] = ('', '')
    advice_status: str = ''
    step: tuple[int, str] = (0, '')
    models: dict[str, ModelUse] = field(default_factory=dict)
    _frames: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    _seen: tuple[int, int] = (0, 0)

    def frame(self, captured: int, processed: int, stages: dict[str, float]) -> None:
        """Note one frame that was advised on.

        :param captured: frames of the source since its process started; a smaller number than before is a new process.
        :param processed: of these, advised on.
        :param stages: duration [ms] by stage.
        """
        if processed < self._frames[-1][1]:
            self._frames.append((0, 0))
        self._frames[-1] = (captured, processed)
        for stage, ms in stages.items():
            if stage in self.latencies:
                self.latencies[stage].add(ms)

    def suggestion(self, rule_id: str, sequence: int, publisher: int, *, raised: bool) -> None:
        """Note a suggestion; its updates and repeats are not counted again.

        :param publisher: process it came from, as sequences start anew with it.
        :param raised: it is current advice, not an interruption or withdrawal.
        """
        if raised and (publisher, sequence) != self._seen:
            self._seen = (publisher, sequence)
            self.suggestions[rule_id] += 1

    @property
    def captured(self) -> int:
        """Frames captured, over restarts."""
        return sum(captured for captured, _ in self._frames)

    @property
    def processed(self) -> int:
        """Frames advised on, over restarts."""
        return sum(processed for _, processed in self._frames)

    @property
    def dropped(self) -> int:
        """Frames captured and not advised on."""
        return self.captured - self.processed

    def summary(self) -> dict[str, Any]:
        """Give the part of ``summary.json`` that comes from messages."""
        return {
            'frames': {'captured': self.captured, 'processed': self.processed, 'dropped': self.dropped},
            'latency_ms': {stage: latencies.summary() for stage, latencies in self.latencies.items()},
            'suggestions': dict(sorted(self.suggestions.items())),
            'degradation_step': self.step[0],
            'models': {name: use.summary() for name, use in self.models.items()},
        }
