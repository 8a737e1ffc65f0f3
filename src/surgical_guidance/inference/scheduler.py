"""Which models look at a frame: by priority, stride and measured cost, within the frame's time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from surgical_guidance.inference.cost import Cost

PATIENCE = 3
"""A model that has waited for so many of its strides looks at the next frame, room or not."""

_LONGEST = (
    30_000  # frames over which strides are laid side by side; strides up to 30 repeat sooner in all but odd cases
)


class Verdict(Enum):
    """What is decided about a model whose turn it is; the value is for people."""

    NONE = 'its turn has not come yet'
    LOOKS = 'looks'
    FORCED = 'looks though there is no room: it has waited too long'
    NO_ROOM = 'put off: no room in the time of the frame'
    NEWER_FRAME = 'put off: a newer frame waits'
    DROPPED = 'dropped by the degradation step'

    @property
    def runs(self) -> bool:
        """Whether the model looks at the frame."""
        return self in (Verdict.LOOKS, Verdict.FORCED)


@dataclass(frozen=True, slots=True)
class Job:
    """What the scheduler must know of a model.

    :param stride: it looks at every such frame.
    :param safety_relevant: it looks whenever its turn comes.
    :param cost_ms: what a look took when the model was run warm [ms].
    """

    name: str
    priority: int
    stride: int
    safety_relevant: bool
    cost_ms: float


@dataclass(slots=True)
class Turns:
    """How a model has fared so far.

    :param stride: in force; 0: dropped.
    :param offset: of its turns: it looks at the frames whose sequence is this, modulo the stride.
    :param last: sequence of the frame it looked at last; None: it has not looked at this recording.
    :param due_since: sequence of the frame at which its turn came; None: it has not come.
    :param postponed: turns put off, counted once a frame.
    """

    job: Job
    cost: Cost
    stride: int
    offset: int = 0
    last: int | None = None
    due_since: int | None = None
    looks: int = 0
    postponed: int = 0
    forced: int = 0
    verdict: Verdict = field(default=Verdict.NONE)

    def due(self, sequence: int) -> bool:
        """Whether its turn has come: a multiple of its stride lies between its last look and this frame."""
        if not self.stride:
            return False
        if self.last is None:
            return True
        return (sequence - self.offset) // self.stride > (self.last - self.offset) // self.stride


class Scheduler:
    """Decides frame by frame which models look.

    The safety-relevant ones look first, and whenever their turn comes. Any other looks where what it is expected to
    cost still fits into the frame's time and no newer frame waits; else its turn is put off to the next frame that has
    room, until it has waited for :data:`PATIENCE` strides. Turns fall on different frames where they can.

    Of one frame: :meth:`due` gives the models in their order; for each of them :meth:`decide`, and where it looks
    :meth:`looked`. An engine that runs several at once decides on all of them before the first has ended.

    :param budget_ms: for all models that look at one frame [ms].
    """

    def __init__(self, jobs: Iterable[Job], budget_ms: float) -> None:
        self.budget_ms = budget_ms
        in_order = sorted(jobs, key=lambda job: -job.priority)
        self._turns = {job.name: Turns(job, Cost(job.cost_ms), job.stride) for job in in_order}
        self._sequence = 0
        self._stagger()

    @property
    def turns(self) -> Mapping[str, Turns]:
        """How the models fare, by name; the first in order first."""
        return self._turns

    def due(self, sequence: int) -> tuple[str, ...]:
        """Give the models whose turn has come, the most important first.

        :param sequence: of the frame. Smaller than before: another recording has begun.
        """
        if sequence <= self._sequence:
            self.restart()
        self._sequence = sequence
        return tuple(name for name, turns in self._turns.items() if turns.due(sequence))

    def decide(self, name: str, spent_ms: float, *, newer_waits: bool = False) -> Verdict:
        """Decide whether a model that is due looks at the frame.

        :param spent_ms: of the frame's time, by the models before it [ms].
        :param newer_waits: whether a newer frame is there already.
        """
        turns = self._turns[name]
        if turns.due_since is None:
            turns.due_since = self._sequence
        verdict = turns.verdict = self._verdict(turns, spent_ms, newer_waits)
        if verdict.runs:
            turns.last, turns.due_since = self._sequence, None
            turns.looks += 1
            turns.forced += verdict is Verdict.FORCED
        else:
            turns.postponed += 1
        return verdict

    def _verdict(self, turns: Turns, spent_ms: float, newer_waits: bool) -> Verdict:
        if turns.job.safety_relevant:
            return Verdict.LOOKS
        fits = spent_ms + turns.cost.expected_ms <= self.budget_ms
        if fits and not newer_waits:
            return Verdict.LOOKS
        if turns.due_since is not None and self._sequence - turns.due_since >= PATIENCE * turns.stride:
            return Verdict.FORCED
        return Verdict.NO_ROOM if not fits else Verdict.NEWER_FRAME

    def looked(self, name: str, cost_ms: float) -> None:
        """Tell what a look took [ms]."""
        self._turns[name].cost.add(cost_ms)

    def give_strides(self, strides: Mapping[str, int]) -> None:
        """Put other strides in force; 0 drops a model."""
        for name, stride in strides.items():
            turns = self._turns[name]
            turns.stride = stride
            turns.verdict = Verdict.NONE if stride else Verdict.DROPPED
            turns.due_since = None
        self._stagger()

    def forget_cost(self, name: str, first_ms: float) -> None:
        """Reckon anew with what a model costs: its picture has another size now."""
        self._turns[name].cost = Cost(first_ms)

    def restart(self) -> None:
        """Let every model look at the next frame that has room for it: another recording begins."""
        self._sequence = 0
        for turns in self._turns.values():
            turns.last = turns.due_since = None

    def _stagger(self) -> None:
        at_work = [turns for turns in self._turns.values() if turns.stride]
        offsets = stagger([turns.stride for turns in at_work], [turns.cost.expected_ms for turns in at_work])
        for turns, offset in zip(at_work, offsets, strict=True):
            turns.offset = offset


def stagger(strides: Sequence[int], costs: Sequence[float]) -> tuple[int, ...]:
    """Lay the turns of models so that the costliest frame costs as little as can be, one model after another.

    :return: for each model the first frame that it looks at, from 0 to its stride - 1.
    """
    load = np.zeros(min(math.lcm(*strides), _LONGEST)) if strides else np.zeros(1)
    offsets = []
    for stride, cost in zip(strides, costs, strict=True):
        offset = min(range(stride), key=lambda start: load[start::stride].max())
        load[offset::stride] += cost
        offsets.append(offset)
    return tuple(offsets)
