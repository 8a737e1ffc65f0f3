"""What Prometheus is told: the watchdog's facts as metrics, served on the loopback interface.

Every label has a bounded set of values: what is not known counts as ``other``. Names and units follow Prometheus's own
conventions (seconds, bytes, ``_total``); https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import math
import re
import threading
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from surgical_guidance.contract import BREACHES_IN_A_ROW, LATENCY_LIMIT_MS, STAGES, TIMED_STAGES, TIMING
from surgical_guidance.watchdog.alarm_table import Definition
from surgical_guidance.watchdog.alarms import Alarm, Change, Event
from surgical_guidance.watchdog.state import State
from surgical_guidance.watchdog.watch import Outcome

BUCKETS_S: Final = (0.005, 0.010, 0.015, 0.020, 0.025, 0.033, 0.040, 0.050, 0.060, 0.080, 0.100, 0.120)
"""5 to 120 ms: finest where a frame usually is, with the warning (50) and the limit (80) as edges."""
HEARTS: Final = (*STAGES, 'recorder')
RULES: Final = 64  # rules with a name of their own; a table has about twenty
OTHER: Final = 'other'
PRIORITIES: Final = ('none', 'low', 'medium', 'high')
FRAMES_AT_A_TIME: Final = 32  # counting one frame after another wakes up as much code for each
_RULE: Final = re.compile(r'[a-z][a-z0-9_]{0,63}')
_MS: Final = 1e-3
_NO_STAGES: Final = ('capture_to_advice', 'handover')  # the whole way, and the age at its first station


class Metrics(Collector):
    """Counts what the watchdog sees. All methods but :meth:`collect` are for its own thread; any may read the registry.

    :param alarms: every alarm there is.
    """

    def __init__(self, alarms: Collection[Definition]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)  # the first: what waits is counted before the others are read
        self._waiting_frames: deque[tuple[Mapping[str, float], int, int]] = deque()
        self._counting = threading.Lock()
        make: Any = {'namespace': 'surgical_guidance', 'registry': self.registry}
        self._latency = Histogram(
            'capture_to_advice_seconds', 'Capture of a frame to the advice on it', buckets=BUCKETS_S, **make
        )
        stages = Histogram('stage_seconds', 'Time of a frame in a stage', ['stage'], buckets=BUCKETS_S, **make)
        self._stages = {stage: stages.labels(stage) for stage in TIMED_STAGES if stage not in _NO_STAGES}
        self._queue_age = Histogram(
            'queue_age_seconds', 'Age of a frame when inference began with it', buckets=BUCKETS_S, **make
        )
        frames = Counter('frames', 'Frames of the source by what became of them', ['outcome'], **make)
        self._advised, self._dropped = frames.labels('advised'), frames.labels('dropped')
        self._over = Counter('frames_over_limit', f'Frames over {LATENCY_LIMIT_MS:g} ms', **make)
        self._breaches = Counter(
            'breaches', f'Times that {BREACHES_IN_A_ROW} frames in a row were over {LATENCY_LIMIT_MS:g} ms', **make
        )
        self._suggestions = Counter('suggestions', 'Suggestions raised', ['rule', 'priority'], **make)
        self._raised = Counter('alarms_raised', 'Alarms raised', ['id', 'priority'], **make)
        self._active = Gauge('alarm_active', 'Whether the condition of an alarm lasts', ['id', 'priority'], **make)
        self._waiting = Gauge('alarms_unacknowledged', 'Alarms that nobody has acknowledged', **make)
        self._state = Gauge('state', 'State of the guidance: 1 for the one it is in', ['state'], **make)
        self._rate = Gauge('frame_rate_hertz', 'Frames advised on, over the last second', **make)
        self._step = Gauge('degradation_step', 'How much of inference is given up', **make)
        self._told_state: State | None = None
        self._rules: set[str] = set()
        self._in_a_row = 0
        self._counted = (0, 0)  # captured, dropped, as the frame path told last
        self._suggestion = (0, 0)  # process, sequence
        self.pids: dict[str, int] = {}
        self.relay_address = ''
        self._keys = {row.id: (row.id, row.priority.name.lower()) for row in alarms}
        for key in self._keys.values():  # all from the start, at 0: an increase from nothing is not seen by Prometheus
            self._raised.labels(*key)
            self._active.labels(*key).set(0)
        for state in State:
            self._state.labels(state.name.lower()).set(0)

    def timing(self, stages_ms: Mapping[str, float], captured: int, dropped: int) -> None:
        """Take the times of one frame [ms], and what became of the frames so far. They are counted some at a time."""
        self._waiting_frames.append((stages_ms, captured, dropped))
        if len(self._waiting_frames) >= FRAMES_AT_A_TIME:
            self._count_frames()

    def collect(self) -> Iterable[Metric]:
        """Count what waits, before somebody reads. Nothing is told here: the metrics do that for themselves."""
        self._count_frames()
        return ()

    def _count_frames(self) -> None:
        with self._counting:
            while self._waiting_frames:
                self._count_frame(*self._waiting_frames.popleft())

    def _count_frame(self, stages_ms: Mapping[str, float], captured: int, dropped: int) -> None:
        for stage, ms in stages_ms.items():
            if not (math.isfinite(ms) and ms >= 0.0):
                continue
            if stage == 'capture_to_advice':
                self._latency.observe(ms * _MS)
                self._count_breach(ms)
            elif stage == 'handover':
                self._queue_age.observe(ms * _MS)
            elif stage in self._stages:
                self._stages[stage].observe(ms * _MS)
        before_captured, before_dropped = self._counted
        if captured < before_captured or dropped < before_dropped:  # a new process
            before_dropped = 0
        self._dropped.inc(dropped - before_dropped)
        self._advised.inc()
        self._counted = (captured, dropped)

    def heartbeat(self, stage: str, pid: int, detail: str) -> None:
        """Note which process hosts a stage, and where the relay serves."""
        if self.pids.get(stage) != pid and stage in HEARTS:
            self.pids = {**self.pids, stage: pid}  # a new one: it is read by another thread
        if stage == 'relay':
            self.relay_address = detail

    def suggestion(self, rule: str, priority: int, sequence: int) -> None:
        """Take a suggestion that is current; its repetitions are not counted again."""
        told = (self.pids.get('advice', 0), sequence)  # sequences start anew with the process
        if told == self._suggestion:
            return
        self._suggestion = told
        if rule not in self._rules and _RULE.fullmatch(rule) and len(self._rules) < RULES:
            self._rules.add(rule)
        name = PRIORITIES[priority] if 0 <= priority < len(PRIORITIES) else OTHER
        self._suggestions.labels(rule if rule in self._rules else OTHER, name).inc()

    def turn(self, outcome: Outcome, standing: Collection[Alarm]) -> None:
        """Take what a turn came to.

        :param standing: alarms that are active or not acknowledged.
        """
        if outcome.state is not self._told_state:
            self._told_state = outcome.state
            for state in State:
                self._state.labels(state.name.lower()).set(state is outcome.state)
        timing = outcome.view.topics.get(TIMING.name)
        self._rate.set(timing.rate if timing is not None else 0.0)
        self._step.set(outcome.step)
        self._waiting.set(sum(not alarm.acknowledged for alarm in standing))
        for change in outcome.changes:
            self._change(change)

    def _change(self, change: Change) -> None:
        key = self._keys.get(change.alarm.definition.id, (OTHER, OTHER))
        if change.event is Event.RAISED:
            self._raised.labels(*key).inc()
        self._active.labels(*key).set(change.alarm.active)

    def _count_breach(self, ms: float) -> None:
        if ms <= LATENCY_LIMIT_MS:
            self._in_a_row = 0
            return
        self._over.inc()
        self._in_a_row += 1
        if self._in_a_row == BREACHES_IN_A_ROW:
            self._breaches.inc()
