"""The rules over time: hold, release, hysteresis, suppression, cooldown. Driven by the scenes' stamps alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from surgical_guidance.advice.expressions import Conditions
from surgical_guidance.advice.feature import Feature, Found
from surgical_guidance.advice.rules import Rule, RuleTable
from surgical_guidance.clock import NS_PER_MS, NS_PER_S

_NEVER = -(1 << 63)  # before every stamp
_ROUNDING_NS = NS_PER_MS  # three frames of 30 Hz are a nanosecond less than 0.1 s


class Candidate(NamedTuple):
    """A rule that speaks.

    :param since_ns: stamp of the frame from which on it does [ns].
    :param features: what its condition last rested on, in the order in which it names them.
    :param subject: the one that its text is about; None if it is about none.
    :param fading: its condition holds no more, but it is not released yet: it may stay, but not newly appear.
    """

    rule: Rule
    since_ns: int
    features: tuple[Feature, ...]
    subject: Feature | None
    fading: bool = False


@dataclass(slots=True)
class _Memory:
    """What is remembered of one rule."""

    true: bool = False  # its condition holds in the last scene
    holding: bool = False  # its condition holds, hold and release times counted
    turning_ns: int | None = None  # since when it does what would end this state
    speaking_ns: int | None = None  # since when it speaks
    quiet_until_ns: int = _NEVER
    features: tuple[Feature, ...] = ()
    subject: Feature | None = None


class Evaluator:
    """Evaluates a rule table scene by scene."""

    def __init__(self, table: RuleTable) -> None:
        self._rules = table.rules
        self._conditions = Conditions([rule.when for rule in table.rules])
        self._memories = {rule.id: _Memory() for rule in table.rules}  # in the order of the rules
        self._silenced_by: dict[str, str] = {}  # of rules that stirred in the last scene, '' where nothing does

    def reset(self, *, forget_quiet: bool) -> None:
        """Forget what holds and speaks.

        :param forget_quiet: forget cooldowns and the surgeon's rejections too: their times mean nothing any more.
        """
        for name, memory in self._memories.items():
            self._memories[name] = _Memory(quiet_until_ns=_NEVER if forget_quiet else memory.quiet_until_ns)

    def decline(self, rule_id: str, until_ns: int) -> None:
        """Keep a rule quiet until a stamp [ns]."""
        memory = self._memories[rule_id]
        memory.quiet_until_ns = max(memory.quiet_until_ns, until_ns)
        memory.speaking_ns = None

    def why_silent(self, rule_id: str) -> str:
        """Tell why a rule that spoke speaks no more."""
        other = self._silenced_by.get(rule_id)
        if other is None:
            rule = next(rule for rule in self._rules if rule.id == rule_id)
            other = self._silencer(rule, self._memories[rule_id])
        return f'suppressed by {other}' if other else 'its cause is gone'

    def replace(self, table: RuleTable) -> None:
        """Take another table; of a rule that is in both what holds and speaks is kept."""
        self._rules = table.rules
        self._conditions = Conditions([rule.when for rule in table.rules])
        self._memories = {rule.id: self._memories.get(rule.id, _Memory()) for rule in table.rules}

    def step(self, stamp_ns: int, found: Found, phase: str = '') -> Sequence[Candidate]:
        """Take in one scene and give the rules that speak, in the order of the table.

        :param phase: of the operation; '' where unknown: of the rules for some phases those that name it hold then.
        """
        met = self._conditions.hold(found.bounds)
        stirred = [  # most rules rest: nothing became true, nothing was
            (rule, memory, when)
            for rule, memory, when in zip(self._rules, self._memories.values(), met, strict=True)
            if when or memory.true or memory.holding
        ]
        for rule, memory, when in stirred:
            memory.true = rule.holds(found.bounds, phase, when=when, held=memory.holding)
            if memory.true or memory.holding:
                self._update_holding(rule, memory, stamp_ns, found)
            else:
                memory.turning_ns = None
        self._silenced_by = {rule.id: self._silencer(rule, memory) for rule, memory, _ in stirred}
        spoken = [self._spoken(rule, memory, stamp_ns) for rule, memory, _ in stirred]
        return [one for one in spoken if one is not None]

    @staticmethod
    def _update_holding(rule: Rule, memory: _Memory, stamp_ns: int, found: Found) -> None:
        holds = memory.true
        if holds:  # while it fades it goes on resting on what it rested on
            memory.features = tuple([found[name] for name in rule.features if name in found.bounds])
            memory.subject = next((found[name] for name in rule.subjects if name in found.bounds), None)
        if holds == memory.holding:
            memory.turning_ns = None
            return
        if memory.turning_ns is None:
            memory.turning_ns = stamp_ns
        wait_s = rule.hold_s if holds else rule.release_s
        if stamp_ns - memory.turning_ns >= round(wait_s * NS_PER_S) - _ROUNDING_NS:
            memory.holding, memory.turning_ns = holds, None

    def _silencer(self, rule: Rule, memory: _Memory) -> str:
        """Name the rule that keeps another silent: one that holds, or will soon where the other does not speak yet."""
        for other in rule.suppressed_by:
            cause = self._memories[other]
            if cause.holding or (cause.true and memory.speaking_ns is None):
                return other
        return ''

    def _spoken(self, rule: Rule, memory: _Memory, stamp_ns: int) -> Candidate | None:
        """Let a rule begin, go on or cease to speak."""
        if not memory.holding:
            if memory.speaking_ns is not None:
                memory.quiet_until_ns = max(memory.quiet_until_ns, stamp_ns + round(rule.cooldown_s * NS_PER_S))
            memory.speaking_ns = None
            return None
        if self._silenced_by[rule.id] or stamp_ns < memory.quiet_until_ns:
            memory.speaking_ns = None
            return None
        if memory.speaking_ns is None:
            if memory.turning_ns is not None:  # nobody begins when the cause is gone
                return None
            memory.speaking_ns = stamp_ns
        return Candidate(
            rule, memory.speaking_ns, memory.features, memory.subject, fading=memory.turning_ns is not None
        )
