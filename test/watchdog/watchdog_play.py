"""A play of stages for the watchdog without ROS: synthetic time, and every way in which a stage can misbehave."""

from __future__ import annotations

import random
from collections.abc import Callable

from surgical_guidance.contract import FRAME, HEARTBEAT, SCENE, STAGES, SUGGESTION, TIMING
from surgical_guidance.watchdog.alarms import Change, Event
from surgical_guidance.watchdog.facts import RECORDER, REGULAR, StageState
from surgical_guidance.watchdog.state import State
from surgical_guidance.watchdog.watch import Outcome, Watch

MS = 1_000_000
S = 1_000_000_000
STEP_NS = 10 * MS
STAMP_NS = 1_700_000_000 * S  # ROS time minus monotonic time


class Play:
    """Stages that work well at first. Its fields say how; change them between two calls of :meth:`run`.

    :param fps: of the source; ``nominal`` is what it promises, the same unless told.
    :param silent: stages that send nothing at all.
    :param heartless: stages that send no heartbeat, but all else.
    :param mute: topics that do not come, by their name in the contract.
    :param late: how late a frame is [s], drawn for each; the next one is due all the same.
    """

    def __init__(
        self,
        fps: float = 30.0,
        *,
        stages: tuple[str, ...] = STAGES,
        grace_s: float = 15.0,
        nominal: float | None = None,
        late: Callable[[], float] = lambda: 0.0,
        steps: int = 0,
    ) -> None:
        self.now_ns = S
        self.fps = fps
        self.nominal = fps if nominal is None else nominal
        self.late = late
        self.latency_ms = 20.0
        self.silent: set[str] = set()
        self.heartless: set[str] = set()
        self.mute: set[str] = set()
        self.states = dict.fromkeys((*STAGES, RECORDER), StageState.ACTIVE)
        self.details = dict.fromkeys((*STAGES, RECORDER), '')
        self.pids = dict.fromkeys(STAGES, 100) | {RECORDER: 300}
        self.scene_problem = ''
        self.suggestion_problem = ''
        self.stages_ms: dict[str, float] = {}
        self.flood = 0  # messages that somebody else sends at every step
        self.watch = Watch(stages, grace_s, self.now_ns, degradation_steps=steps)
        self.changes: list[Change] = []
        self.outcomes: list[Outcome] = []
        self._sequence = 0
        self._next_frame_ns = self.now_ns
        self._late_s = 0.0
        self._next_ns = {HEARTBEAT.name: self.now_ns, SUGGESTION.name: self.now_ns}
        self._next_ns |= {topic.name: self.now_ns for topic in REGULAR}

    def run(self, seconds: float) -> Outcome:
        """Let time pass, with a turn of the watchdog at every step; give the outcome of the last."""
        end_ns = self.now_ns + int(seconds * S)
        while self.now_ns < end_ns:
            self.now_ns += STEP_NS
            self._act()
            outcome = self.watch.turn(self.now_ns, self.now_ns + STAMP_NS)
            self.outcomes.append(outcome)
            self.changes += outcome.changes
        return self.outcomes[-1]

    def feed(self, seconds: float) -> None:
        """Let time pass without a turn of the watchdog."""
        end_ns = self.now_ns + int(seconds * S)
        while self.now_ns < end_ns:
            self.now_ns += STEP_NS
            self._act()

    @property
    def state(self) -> State:
        return self.outcomes[-1].state

    @property
    def raised(self) -> list[str]:
        """Every alarm that was raised, in order."""
        return [change.alarm.definition.id for change in self.changes if change.event is Event.RAISED]

    @property
    def active(self) -> set[str]:
        return {alarm.definition.id for alarm in self.watch.alarms.standing if alarm.active}

    @property
    def states_seen(self) -> list[State]:
        """Every state, each time it was entered."""
        states = [outcome.state for outcome in self.outcomes]
        return [state for before, state in zip([None, *states], states, strict=False) if state is not before]

    def _act(self) -> None:
        for _ in range(self.flood):
            self.watch.messages[HEARTBEAT.name].arrived(self.now_ns)
        if self._due(HEARTBEAT.name, HEARTBEAT.rate):
            for stage in (*self.watch.stages, RECORDER):
                if stage not in self.silent | self.heartless:
                    self.beat(stage)
        while self._next_frame_ns + int(self._late_s * S) <= self.now_ns:
            self._next_frame_ns += int(S / self.fps)
            self._late_s = self.late()
            self._sequence += 1
            self._frame()
        for topic in REGULAR:
            if topic.publisher not in self.silent and self._due(topic.name, topic.rate):
                self._comes(topic.name)
        if 'advice' not in self.silent and self._due(SUGGESTION.name, SUGGESTION.rate) and self._comes(SUGGESTION.name):
            self.watch.saw_suggestion(self.now_ns, self.suggestion_problem)

    def beat(self, stage: str) -> None:
        heart = self.watch.recorder if stage == RECORDER else self.watch.stages[stage]
        self.watch.news |= heart.beat(self.now_ns, self.pids[stage], self.states[stage], self.details[stage], 1)

    def _frame(self) -> None:
        if 'camera' in self.silent or self.states['camera'] is not StageState.ACTIVE or FRAME.name in self.mute:
            return
        if self._comes(FRAME.name):
            self.watch.saw_frame(self.now_ns, 'ring', self._sequence, self.nominal)
        if 'inference' in self.silent or self.states['inference'] is not StageState.ACTIVE or SCENE.name in self.mute:
            return
        if self._comes(SCENE.name):
            self.watch.saw_scene(self.now_ns, self.scene_problem)
        if 'advice' not in self.silent and self.states['advice'] is StageState.ACTIVE and self._comes(TIMING.name):
            self.watch.saw_timing(self.now_ns, self.latency_ms, self._sequence, 0, self.stages_ms)

    def _comes(self, topic: str) -> bool:
        if topic in self.mute or topic not in self.watch.topics:
            return False
        self.watch.topics[topic].arrived(self.now_ns)
        return True

    def _due(self, topic: str, rate: float) -> bool:
        if self._next_ns[topic] > self.now_ns:
            return False
        self._next_ns[topic] += int(S / rate)
        return True


def jitter(seed: int, longest_s: float) -> Callable[[], float]:
    """Give lateness as a busy machine makes it: mostly none, now and then up to ``longest_s``."""
    chance = random.Random(seed)  # noqa: S311  (a play, not a secret)
    return lambda: chance.random() ** 6 * longest_s
