"""Adds up, rule by rule, how what is said fits what is due."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from surgical_guidance.advice.rules import RuleTable
from surgical_guidance.advice.suggestion import Priority, Suggestion
from surgical_guidance.evaluation.advice.expected import Expected, cooldowns, expected_in
from surgical_guidance.evaluation.advice.matching import How, Match, Tolerance, match
from surgical_guidance.evaluation.advice.playing import Played, Player, Said
from surgical_guidance.evaluation.advice.scenes import SceneMaker
from surgical_guidance.phantom.take import Take, frames_of
from surgical_guidance.phantom.truth import FrameTruth
from surgical_guidance.scene.state import SceneState

EXACT = Tolerance(early=1, late=1)
"""For scenes as they truly are: the right frame, give or take one."""

WHILE_IT_LASTS = Tolerance(early=15)
"""For scenes as models see them: from half a second early (they warn at d - 2 sigma) until the cause is gone."""

Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class TakeName:
    """Which take: scenario, patient, camera and size."""

    scenario: str
    seed: int
    vendor: str
    width: int
    height: int

    def open(self) -> Take:
        """Make it."""
        return Take(self.scenario, self.seed, self.width, self.height, self.vendor)

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return frames_of(self.scenario, self.seed)

    def __str__(self) -> str:
        return f'{self.scenario}, patient {self.seed}, {self.vendor}'


@dataclass(frozen=True, slots=True)
class Wrong:
    """A miss or a false alarm, with what is needed to show it.

    :param kind: ``missed`` or ``false alarm``.
    :param frame: at which it should have been, or was, said.
    :param shown: what was shown in that frame; None: nothing.
    """

    kind: str
    take: TakeName
    rule_id: str
    frame: int
    scene: SceneState
    shown: Suggestion | None
    facts: str


@dataclass(slots=True)
class RuleTally:
    """What came of one rule."""

    rule_id: str
    number: int
    priority: Priority
    due: int = 0
    how: dict[How, int] = field(default_factory=lambda: dict.fromkeys(How, 0))
    delays: list[int] = field(default_factory=list)
    missed: int = 0
    false: int = 0
    repeats: int = 0
    shown: int = 0
    shown_false: int = 0

    @property
    def met(self) -> int:
        """How many of those due were said in time."""
        return self.due - self.missed

    @property
    def recall(self) -> float:
        """Share of what was due that was said in time; NaN where nothing was due."""
        return _share(self.met, self.due)

    @property
    def precision(self) -> float:
        """Share of what was said that was due; NaN where nothing was said. Repeats do not count."""
        return _share(self.right, self.right + self.false)

    @property
    def right(self) -> int:
        """How often it began to speak when it was due."""
        return self.how[How.SHOWN] + self.how[How.WAITED]

    @property
    def delay(self) -> float:
        """Median delay beyond the hold time [frames]; NaN where it was never timed."""
        return statistics.median(self.delays) if self.delays else float('nan')


@dataclass(slots=True)
class AdviceTally:
    """The sums over all takes."""

    source: str
    tolerance: Tolerance
    rules: dict[str, RuleTally]
    takes: list[TakeName] = field(default_factory=list)
    frames: int = 0
    wrong: list[Wrong] = field(default_factory=list)

    def over(self, rules: Sequence[RuleTally]) -> RuleTally:
        """Sum up some rules."""
        total = RuleTally('', 0, Priority.NONE)
        for rule in rules:
            for name in ('due', 'missed', 'false', 'repeats', 'shown', 'shown_false'):
                setattr(total, name, getattr(total, name) + getattr(rule, name))
            for how, count in rule.how.items():
                total.how[how] += count
            total.delays += rule.delays
        return total

    def add(self, result: TakeResult) -> None:
        """Add what came of a take."""
        self.takes.append(result.take)
        self.frames += result.frames
        self.wrong += result.wrong
        for due in result.expected:
            self.rules[due.rule_id].due += 1
        for hit in result.found.hits:
            rule = self.rules[hit.expected.rule_id]
            rule.how[hit.how] += 1
            if hit.delay is not None:
                rule.delays.append(hit.delay)
        for due in result.found.missed:
            self.rules[due.rule_id].missed += 1
        for said in result.found.false:
            self.rules[said.rule_id].false += 1
        for said in result.found.repeats:
            self.rules[said.rule_id].repeats += 1
        for said in result.played.shown:
            rule = self.rules[said.rule_id]
            rule.shown += 1
            rule.shown_false += any(
                one.rule_id == said.rule_id and said.start < one.end and one.start < said.end
                for one in result.found.false
            )

    @property
    def all(self) -> RuleTally:
        """All rules together."""
        return self.over(list(self.rules.values()))

    @property
    def high(self) -> RuleTally:
        """Those of high priority together."""
        return self.over([rule for rule in self.rules.values() if rule.priority is Priority.HIGH])


@dataclass(frozen=True, slots=True)
class TakeResult:
    """What came of one take."""

    take: TakeName
    frames: int
    expected: tuple[Expected, ...]
    played: Played
    found: Match
    wrong: tuple[Wrong, ...]


def empty_tally(source: str, table: RuleTable, tolerance: Tolerance) -> AdviceTally:
    """Give the sums over no take.

    :param source: ``truth`` or ``models``.
    """
    return AdviceTally(
        source, tolerance, {rule.id: RuleTally(rule.id, rule.number, rule.priority) for rule in table.rules}
    )


def evaluate(
    takes: Sequence[TakeName], maker: SceneMaker, table: RuleTable, tolerance: Tolerance, tell: Tell
) -> AdviceTally:
    """Play takes, one after another in this process, and add up."""
    sums = empty_tally(maker.name, table, tolerance)
    for number, name in enumerate(takes):
        tell(number, len(takes), str(name))
        take = name.open()
        truths = [take.truth(index) for index in range(take.frames)]
        sums.add(judge(name, maker, truths, table, tolerance))
    tell(len(takes), len(takes), 'done')
    return sums


def judge(
    name: TakeName,
    maker: SceneMaker,
    truths: Sequence[FrameTruth],
    table: RuleTable,
    tolerance: Tolerance,
    step: Callable[[], None] = lambda: None,
) -> TakeResult:
    """Play a take and hold what is said against what is due.

    :param truths: of all its frames.
    :param step: called after every frame.
    """
    take, player = name.open(), Player(table)
    scenes: list[SceneState] = []
    currents: list[Suggestion] = []
    for scene in maker.scenes(take, truths):
        scenes.append(scene)
        currents.append(player.take(scene))
        step()
    played = player.end()
    expected = expected_in(truths, take.rate, table)
    found = match(expected, played, tolerance, cooldowns(table, take.rate))
    wrong = []
    for kind, rule_id, frame, facts in _wrongs(found):
        at = min(frame, len(scenes) - 1)
        shown = currents[at] if currents[at].sequence else None
        wrong.append(Wrong(kind, name, rule_id, at, scenes[at], shown, facts))
    return TakeResult(name, len(truths), tuple(expected), played, found, tuple(wrong))


def _wrongs(found: Match) -> Iterator[tuple[str, str, int, str]]:
    for due in found.missed:
        yield (
            'missed',
            due.rule_id,
            due.speak_at,
            f'true from frame {due.onset} to {due.end}, to be said at {due.speak_at}',
        )
    for said in found.false:
        yield 'false alarm', said.rule_id, said.start, _facts_of(said)


def _facts_of(said: Said) -> str:
    return f'said from frame {said.start} to {said.end}'


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float('nan')
