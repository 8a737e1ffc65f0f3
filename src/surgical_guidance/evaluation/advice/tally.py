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
from surgical_guidance.phantom.take import Take
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

    @property
    def all(self) -> RuleTally:
        """All rules together."""
        return self.over(list(self.rules.values()))

    @property
    def high(self) -> RuleTally:
        """Those of high priority together."""
        return self.over([rule for rule in self.rules.values() if rule.priority is Priority.HIGH])


def evaluate(
    takes: Sequence[TakeName], maker: SceneMaker, table: RuleTable, tolerance: Tolerance, tell: Tell
) -> AdviceTally:
    """Play takes and add up."""
    rules = {rule.id: RuleTally(rule.id, rule.number, rule.priority) for rule in table.rules}
    sums = AdviceTally(maker.name, tolerance, rules)
    for number, name in enumerate(takes):
        tell(number, len(takes), str(name))
        _add(sums, name, maker, table)
    tell(len(takes), len(takes), 'done')
    return sums


def _add(sums: AdviceTally, name: TakeName, maker: SceneMaker, table: RuleTable) -> None:
    take, player = name.open(), Player(table)
    truths: list[FrameTruth] = []
    scenes: list[SceneState] = []
    currents: list[Suggestion] = []
    for truth, scene in maker.scenes(take):
        truths.append(truth)
        scenes.append(scene)
        currents.append(player.take(scene))
    played = player.end()
    expected = expected_in(truths, take.rate, table)
    found = match(expected, played, sums.tolerance, cooldowns(table, take.rate))
    sums.takes.append(name)
    sums.frames += len(truths)
    _count(sums, expected, played, found)
    for kind, rule_id, frame, facts in _wrongs(found):
        at = min(frame, len(scenes) - 1)
        shown = currents[at] if currents[at].sequence else None
        sums.wrong.append(Wrong(kind, name, rule_id, at, scenes[at], shown, facts))


def _count(sums: AdviceTally, expected: Sequence[Expected], played: Played, found: Match) -> None:
    for due in expected:
        sums.rules[due.rule_id].due += 1
    for hit in found.hits:
        rule = sums.rules[hit.expected.rule_id]
        rule.how[hit.how] += 1
        if hit.delay is not None:
            rule.delays.append(hit.delay)
    for due in found.missed:
        sums.rules[due.rule_id].missed += 1
    for said in found.false:
        sums.rules[said.rule_id].false += 1
    for said in found.repeats:
        sums.rules[said.rule_id].repeats += 1
    for said in played.shown:
        rule = sums.rules[said.rule_id]
        rule.shown += 1
        rule.shown_false += any(
            one.rule_id == said.rule_id and said.start < one.end and one.start < said.end for one in found.false
        )


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
