"""The watchdog without ROS: what comes in, a turn at a given moment, what comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import FRAME, HEARTBEAT, LATENCY_LIMIT_MS, LATENCY_WARNING_MS, SCENE, SUGGESTION, TIMING
from surgical_guidance.watchdog.alarm_table import ADVICE_INTERRUPTED, alarm_table
from surgical_guidance.watchdog.alarms import ESCALATE_AFTER_S, AlarmList, Change
from surgical_guidance.watchdog.budgets import Budgets
from surgical_guidance.watchdog.facts import (
    FRAME_PATH,
    REGULAR,
    UNKNOWN_INTERVAL_S,
    WATCHED,
    Arrivals,
    Stage,
    StageFacts,
    StageState,
)
from surgical_guidance.watchdog.hangs import HUNG_AFTER_S, Hangs
from surgical_guidance.watchdog.judgement import Judgement, View, judge
from surgical_guidance.watchdog.ladder import Asked, Ladder, Load
from surgical_guidance.watchdog.latency import Latency
from surgical_guidance.watchdog.state import Observation, State, StateMachine
from surgical_guidance.watchdog.surroundings import NOTHING_KNOWN

RECOVERING_REASON = 'good again, but not for long enough'

ACTIVE_GRACE_S: Final = 5.0
"""The start is over when all stages of the frame path have been active for this long [s], whatever the grace."""

ROOM: Final = 0.6
"""There is room for more while the typical frame takes no more than this share of the warning level."""

_SLOWEST_HZ, _FASTEST_HZ = 0.1, 1000.0  # a promised rate beyond is taken for none: no source of pictures has it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a turn came to.

    :param changed: the state is another one than before.
    :param reasons: why the state is not OK, the gravest first.
    :param changes: what happened to alarms.
    :param step: of the degradation ladder.
    :param asked: that step and why, where it is a new one.
    :param hung: processes to end, and why.
    """

    view: View
    state: State
    changed: bool
    reasons: tuple[str, ...]
    changes: tuple[Change, ...]
    step: int = 0
    asked: Asked | None = None
    hung: Mapping[int, str] = field(default_factory=dict)


class Watch:
    """Collects what the stages send and judges it turn by turn. Not for several threads at a time.

    :param stages: the stages that are expected, names of the contract.
    :param grace_s: how long the start may take [s].
    :param now_ns: monotonic [ns].
    :param degradation_steps: how far the ladder goes down; 0: not at all.
    :param hung_after_s: see :class:`.hangs.Hangs`.
    :param escalate_after_s: see :class:`.alarms.AlarmList`.
    """

    def __init__(
        self,
        stages: Sequence[str],
        grace_s: float,
        now_ns: int,
        *,
        degradation_steps: int = 0,
        hung_after_s: float = HUNG_AFTER_S,
        escalate_after_s: float = ESCALATE_AFTER_S,
    ) -> None:
        self.stages = {name: Stage(grace_s) for name in stages}
        self.topics = {topic.name: Arrivals(topic) for topic in (*WATCHED, *REGULAR) if topic.publisher in stages}
        self.alarms = AlarmList(alarm_table(stages), escalate_after_s)
        self.recorder = Stage(grace_s)
        self.messages = {topic.name: Arrivals(topic) for topic in (HEARTBEAT, *(t.topic for t in self.topics.values()))}
        """What came by topics, from whomever."""
        self.news = False
        """Something came that makes this moment another than the last one that was judged: it is worth a turn now."""
        self.around = NOTHING_KNOWN
        """What is known besides the stages; whoever looks at it puts it here before a turn."""
        self._latency = Latency()
        self._budgets = Budgets()
        self._ladder = Ladder(degradation_steps)
        self._step_reason = ''
        self._hangs = Hangs(hung_after_s)
        self._machine = StateMachine()
        self._grace_ends_ns = now_ns + int(grace_s * NS_PER_S)
        self._judged_ns = now_ns
        self._frame_rate = 0.0
        self.frame_interval_s = UNKNOWN_INTERVAL_S
        """Between two frames of the source [s]: as promised, else as seen."""
        self._last_frame = ('', 0)
        self._interruption = ''

    def saw_frame(self, at_ns: int, ring: str, sequence: int, nominal_rate: float) -> None:
        """Look into a reference to a frame. That it came is told to the topic's :class:`Arrivals`."""
        last_ring, last_sequence = self._last_frame
        backwards = ring == last_ring and sequence <= last_sequence
        self.news |= self.topics[FRAME.name].saw(
            at_ns, f'sequence {sequence} after {last_sequence}' if backwards else ''
        )
        self._last_frame = (ring, sequence)
        self._frame_rate = nominal_rate if _SLOWEST_HZ <= nominal_rate <= _FASTEST_HZ else 0.0

    def _tell_frame_interval(self) -> None:
        if FRAME.name in self.topics:
            usual_s = self.topics[FRAME.name].usual_interval_s
            promised_s = 1.0 / self._frame_rate if self._frame_rate else usual_s
            # nobody is granted silence by a false promise
            self.frame_interval_s = usual_s if usual_s < 0.5 * promised_s else promised_s

    def saw_timing(
        self, at_ns: int, latency_ms: float, captured: int, dropped: int, stages: Mapping[str, float] | None = None
    ) -> None:
        """Look into the times of a frame. A latency that is NaN was not told, and is not counted as one.

        :param stages: what each stage took [ms].
        """
        self._budgets.frame(at_ns, stages or {})
        told = math.isfinite(latency_ms) and latency_ms >= 0.0
        self.news |= self.topics[TIMING.name].saw(at_ns, '' if told else 'capture to advice is not told')
        self.news |= latency_ms > LATENCY_LIMIT_MS
        if told:
            self._latency.frame(at_ns, latency_ms, captured, dropped)

    def saw_scene(self, at_ns: int, problem: str) -> None:
        """Look into a scene. One that is not valid is nothing yet: they are borne for as long as silence is."""
        self.news |= self.topics[SCENE.name].saw(at_ns, problem, patient=True)

    def saw_suggestion(self, at_ns: int, problem: str) -> None:
        """Look into a suggestion; the problem is why it is interrupted."""
        self.news |= self.topics[SUGGESTION.name].saw(at_ns, problem)

    def process_ended(self, pid: int, at_ns: int) -> None:
        """Note that a process is gone, and with it every stage it hosted."""
        for stage in self._hearts:
            if stage.pid == pid:
                stage.process_ended(at_ns)

    def processes_stopped(self, pids: frozenset[int]) -> bool:
        """Note which processes stand still now; True if one has just been stopped."""
        news = False
        for stage in self._hearts:
            news |= stage.pid in pids and not stage.stopped
            stage.stopped = stage.pid in pids
        return news

    def excuse(self, stall_ns: int, now_ns: int) -> None:
        """Count a time in which the watchdog itself did not run as nobody's silence, nor as part of the start."""
        for topic in self.topics.values():
            topic.excuse(stall_ns, now_ns)
        for stage in self._hearts:
            stage.excuse(stall_ns, now_ns)
        self._grace_ends_ns += stall_ns

    def view(self, now_ns: int) -> View:
        """Say what is known now."""
        self._tell_frame_interval()
        interval_s = self.frame_interval_s
        stages = {name: stage.facts(now_ns) for name, stage in self.stages.items()}
        return View(
            stages=stages,
            topics={name: topic.facts(now_ns, interval_s, self._frame_rate) for name, topic in self.topics.items()},
            latency=self._latency.facts(now_ns),
            starting=self._is_starting(stages, now_ns),
            around=self.around,
            over_budget=self._budgets.over(now_ns),
            reduced=self._step_reason if self._ladder.step else '',
            flood=self._flood(now_ns),
            recorder=self.recorder.facts(now_ns),
        )

    @property
    def _hearts(self) -> tuple[Stage, ...]:
        return (*self.stages.values(), self.recorder)

    def _is_starting(self, stages: Mapping[str, StageFacts], now_ns: int) -> bool:
        """Whether the grace lasts. Once all have loaded it is short: what does not come then will not come."""
        path = [facts for name, facts in stages.items() if name in FRAME_PATH]
        if path and all(facts.state is StageState.ACTIVE for facts in path):
            self._grace_ends_ns = min(self._grace_ends_ns, now_ns + int(ACTIVE_GRACE_S * NS_PER_S))
        return now_ns < self._grace_ends_ns

    def _flood(self, now_ns: int) -> str:
        """Tell which topic is flooded, or ''."""
        for messages in self.messages.values():
            topic = messages.topic
            stages = len(self.stages) if topic is HEARTBEAT else 1
            flood = messages.flood(now_ns, self._frame_rate if topic.one_a_frame else topic.rate * stages)
            if flood:
                return flood
        return ''

    def turn(self, now_ns: int, stamp_ns: int) -> Outcome:
        """Judge this moment.

        :param now_ns: monotonic [ns].
        :param stamp_ns: the same moment in ROS time [ns], for people.
        """
        self._judged_ns, self.news = now_ns, False
        view = self.view(now_ns)
        judgement = judge(view)
        changed = self._machine.observe(judgement.observation, now_ns)
        asked = self._ladder.observe(load_of(view, judgement.observation), now_ns)
        if asked is not None:
            self._step_reason = f'degradation step {asked.step}: {asked.reason}'
        changes = self.alarms.update(self._conditions(judgement), now_ns, stamp_ns)
        return Outcome(
            view,
            self._machine.state,
            changed,
            self._reasons(judgement),
            tuple(changes),
            step=self._ladder.step,
            asked=asked,
            hung=self._hangs.look(view, now_ns),
        )

    def next_due_ns(self) -> int | None:
        """Tell when the first silence since the last turn reaches its limit if nothing comes; None where none will."""
        interval_s = self.frame_interval_s
        dues = [topic.due_ns(interval_s) for topic in self.topics.values()]
        dues += [topic.doubt_due_ns(interval_s) for topic in self.topics.values()]
        dues += [stage.due_ns() for stage in self._hearts]
        return min((due for due in dues if due is not None and due > self._judged_ns), default=None)

    def _conditions(self, judgement: Judgement) -> dict[str, str]:
        """Let an interruption that comes and goes be one: it lasts as long as the state, unless it is explained."""
        if ADVICE_INTERRUPTED in judgement.conditions:
            self._interruption = judgement.conditions[ADVICE_INTERRUPTED]
        elif self._machine.state is not State.INTERRUPTED or judgement.observation is Observation.SILENT:
            self._interruption = ''
        kept = {ADVICE_INTERRUPTED: self._interruption} if self._interruption else {}
        return judgement.conditions | kept

    def _reasons(self, judgement: Judgement) -> tuple[str, ...]:
        if self._machine.state is State.OK:
            return ()
        return judgement.reasons or (RECOVERING_REASON,)


def load_of(view: View, observation: Observation) -> Load:
    """Tell how much the host has to do. While advice is not current, nothing can be told by it."""
    latency, timing, host = view.latency, view.topics.get(TIMING.name), view.around.host
    hot = host.hot if host is not None else ''
    if observation not in (Observation.CURRENT, Observation.IMPAIRED):
        return Load(room=False)
    if hot:
        return Load(hot)
    if latency.over_budget:
        return Load(f'three frames in a row took over the limit, the last {latency.breach_ms:.0f} ms')
    if latency.warning:
        return Load(
            f'the typical frame takes {latency.p50_ms:.0f} ms, the warning level is {LATENCY_WARNING_MS:.0f} ms'
        )
    if timing is not None and not timing.frequency_ok:
        return Load(f'{timing.rate:.0f} of {timing.promised:.0f} frames a second are advised on')
    return Load(room=latency.p50_ms <= ROOM * LATENCY_WARNING_MS)
