"""What somebody who sees all scenes may expect of what is told of them, worked out another way than advice does."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from surgical_guidance.advice.features import DISTANCES, FeatureExtractor
from surgical_guidance.advice.rules import UNKNOWN_PHASE, Rule, RuleTable
from surgical_guidance.advice.suggestion import Priority, Status, Suggestion
from surgical_guidance.advice.synthesiser import Synthesiser, SynthesiserParams
from surgical_guidance.advice.texts import MAX_CHARACTERS_ZH, MAX_WORDS_EN
from surgical_guidance.clock import NS_PER_MS, NS_PER_S
from surgical_guidance.scene.state import SceneState

CALM_NS = 2 * NS_PER_S  # for so long "no rule speaks" is valid
ROUNDING_S = 0.001  # three frames of 30 Hz are a little less than 0.1 s
SURE_S = 0.1
CURRENT = (Status.NONE, Status.VALID)
FURTHEST = 2.0**33  # twice the size of the largest picture that a message can tell of [px]
_DEFAULT = SynthesiserParams()


def seconds(value: float) -> int:
    return round(value * NS_PER_S)


class Runs:
    """Since when, by the scenes' stamps, something has been so [ns]; None: it is not."""

    def __init__(self) -> None:
        self.since: dict[str, int] = {}

    def note(self, name: str, so: bool, stamp_ns: int) -> None:
        if so:
            self.since.setdefault(name, stamp_ns)
        else:
            self.since.pop(name, None)

    def lasted_s(self, name: str, stamp_ns: int) -> float:
        """For how long it has been so [s]; minus infinity: it is not."""
        return (stamp_ns - self.since[name]) / NS_PER_S if name in self.since else -math.inf


class Reader:
    """Holds what is told against the scenes. Everything is asserted as it comes."""

    def __init__(self, table: RuleTable) -> None:
        self._rules = {rule.id: rule for rule in table.rules}
        self._features = FeatureExtractor(table.features())
        self._ended: set[int] = set()
        self._live: Suggestion | None = None  # what is shown
        self._latest: Suggestion | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._last_ns: int | None = None
        self._good: SceneState | None = None
        self._longest_ns = 0  # between two usable scenes
        self._in_a_row, self._broken = 0, True
        self._met, self._holding, self._not = Runs(), Runs(), Runs()
        self._quiet: dict[str, int] = {}

    # What happens.

    def play(self, synthesiser: Synthesiser, scenes: Iterable[SceneState], every_ns: int) -> None:
        """Play scenes, and ask what fell due every so often."""
        now_ns: int | None = None
        for one in scenes:
            backwards = self._last_ns is not None and one.stamp_ns < self._last_ns
            now_ns = one.ready_ns if now_ns is None or backwards else now_ns
            while now_ns < one.ready_ns:
                self.ask(synthesiser, now_ns)
                onwards_ns = now_ns + max(every_ns, (one.ready_ns - now_ns) // 200)
                ends_ns = synthesiser.current.valid_until_ns
                now_ns = ends_ns if now_ns < ends_ns < onwards_ns else onwards_ns  # at its very end too
            self.scene(synthesiser, one)

    def ask(self, synthesiser: Synthesiser, now_ns: int) -> None:
        for one in synthesiser.on_time(now_ns):
            self._told(one, now_ns)
            assert one.status is Status.WITHDRAWN or now_ns < one.valid_until_ns
        self._holds_at(now_ns, synthesiser.current)

    def scene(self, synthesiser: Synthesiser, one: SceneState) -> None:
        usable = one.valid and one.ready_ns - one.stamp_ns <= seconds(_DEFAULT.late_after_s)
        before = self._good
        if self._last_ns is not None and one.stamp_ns < self._last_ns:
            self._begin_anew()
            before = None
        elif self._good is not None and one.ready_ns > self._good.ready_ns + self._patience_ns:
            self._in_a_row, self._broken = 0, True
        self._last_ns = one.stamp_ns
        told = synthesiser.on_scene(one)
        due = [each for each in told if each.stamp_ns != one.stamp_ns]  # had fallen due before
        for each in due:
            assert each.status not in CURRENT
            self._told(each, one.ready_ns)
        if usable:
            self._take(one, before)
        elif self._broken:
            self._in_a_row = 0
        for each in told[len(due) :]:
            assert usable
            self._told(each, one.ready_ns)
            assert each.status is Status.WITHDRAWN or one.ready_ns < each.valid_until_ns
        if usable and synthesiser.current.status in CURRENT:
            self._is_of(one, synthesiser.current)
            assert self._latest is not None
            assert (self._latest.status, self._latest.sequence) == (
                synthesiser.current.status,
                synthesiser.current.sequence,
            )
            assert self._latest.text_en == synthesiser.current.text_en  # nobody reads what does not hold any more
        self._holds_at(one.ready_ns, synthesiser.current)

    def _take(self, one: SceneState, before: SceneState | None) -> None:
        if before is not None:
            step_ns = one.stamp_ns - before.stamp_ns
            self._longest_ns = max(self._longest_ns, min(step_ns, NS_PER_S // 2))
            if step_ns > seconds(_DEFAULT.gap_s):
                self._features.forget()
                self._met, self._holding, self._not = Runs(), Runs(), Runs()
        else:
            self._features.forget()
        self._good = one
        self._in_a_row += 1
        values = {name: feature.bound for name, feature in self._features.extract(one).items()}
        for rule in self._rules.values():
            phase = not rule.phases or (one.phase or UNKNOWN_PHASE) in rule.phases
            when = phase and rule.when.holds(values)
            stays = phase and rule.stays is not None and rule.stays.holds(values)
            self._met.note(rule.id, when, one.stamp_ns)
            self._not.note(rule.id, not (when or stays), one.stamp_ns)
            over = self._not.lasted_s(rule.id, one.stamp_ns) >= rule.release_s
            if when or over:
                self._holding.note(rule.id, when or not over, one.stamp_ns)

    # What must hold of it.

    @property
    def _patience_ns(self) -> int:
        """How long without a usable scene is no interruption yet, at most."""
        return max(
            seconds(_DEFAULT.interrupt_after_s), _DEFAULT.interrupt_after_scenes * (self._longest_ns + NS_PER_MS)
        )

    def _holds_at(self, now_ns: int, current: Suggestion) -> None:
        assert current.status is Status.WITHDRAWN or now_ns <= current.valid_until_ns
        if self._good is None or now_ns > self._good.ready_ns + self._patience_ns:
            assert current.status not in CURRENT

    def _told(self, one: Suggestion, now_ns: int) -> None:
        before, self._latest = self._latest, one
        _readable(one)
        assert (one.interrupted_at_ns != 0) == (one.status is Status.INTERRUPTED)
        assert (one.reason != '') == (one.status in (Status.INTERRUPTED, Status.WITHDRAWN))
        if one.status is Status.INTERRUPTED and before is not None and before.status in CURRENT:
            self._interrupted(one, now_ns)
        if one.status in CURRENT:
            assert not self._broken or self._in_a_row >= _DEFAULT.recover_after_frames
            self._broken = False
        self._one_at_a_time(one)

    def _interrupted(self, one: Suggestion, now_ns: int) -> None:
        assert self._good is not None
        silent_ns = one.interrupted_at_ns - self._good.ready_ns
        assert seconds(_DEFAULT.interrupt_after_s) <= silent_ns <= self._patience_ns
        assert one.interrupted_at_ns <= now_ns
        if one.sequence:
            assert one.valid_until_ns == self._good.stamp_ns + seconds(self._rules[one.rule_id].valid_for_s)
        self._in_a_row, self._broken = 0, True

    def _one_at_a_time(self, one: Suggestion) -> None:
        if one.status is Status.WITHDRAWN:
            if self._live is not None:
                assert one.sequence == self._live.sequence
                self._ended.add(one.sequence)
                self._withdrawn(one)
            self._live = None
        elif one.sequence:
            assert one.sequence not in self._ended
            assert self._live is None or self._live.sequence == one.sequence
            if self._live is None:
                self._raised(one)
            self._live = one
        elif one.status is Status.NONE:
            assert self._live is None

    def _raised(self, one: Suggestion) -> None:
        rule = self._rules[one.rule_id]
        assert one.status is Status.VALID
        assert one.raised_at_ns == one.stamp_ns
        assert self._holding.lasted_s(rule.id, one.stamp_ns) >= rule.hold_s - ROUNDING_S
        assert one.stamp_ns >= self._quiet.get(rule.id, one.stamp_ns)

    def _withdrawn(self, one: Suggestion) -> None:
        if one.reason == 'its cause is gone':
            rule = self._rules[one.rule_id]
            assert self._not.lasted_s(rule.id, one.stamp_ns) >= rule.release_s - ROUNDING_S
            self._quiet[rule.id] = one.stamp_ns + seconds(rule.cooldown_s)

    def _is_of(self, scene: SceneState, current: Suggestion) -> None:
        """What is current is of the scene that has just come, and of a rule that may speak of it."""
        assert current.stamp_ns == scene.stamp_ns
        due = [rule.priority for rule in self._rules.values() if self._must_speak(rule, scene)]
        assert not due or current.status is Status.VALID
        assert Priority.HIGH not in due or current.priority is Priority.HIGH
        if current.status is Status.NONE:
            assert current.valid_until_ns == scene.stamp_ns + CALM_NS
            return
        rule = self._rules[current.rule_id]
        assert current.valid_until_ns == scene.stamp_ns + seconds(rule.valid_for_s)
        assert not any(self._silences(other, scene) for other in rule.suppressed_by)
        _has_number_only_if_sure(current)

    def _silences(self, other: str, scene: SceneState) -> bool:
        return self._met.lasted_s(other, scene.stamp_ns) >= self._rules[other].hold_s

    def _must_speak(self, rule: Rule, scene: SceneState) -> bool:
        """Whether nothing can keep it silent any more: neither a cooldown nor another rule that holds, or may."""
        long_s = rule.hold_s + rule.cooldown_s + SURE_S
        suppressed = any(other in self._holding.since for other in rule.suppressed_by)
        return self._met.lasted_s(rule.id, scene.stamp_ns) >= long_s and not suppressed and not rule.highlight.path


def _readable(one: Suggestion) -> None:
    """A text that is read at a glance, whatever was filled in, and numbers that a picture has a place for."""
    assert not re.search(r'[{}]|\b(nan|inf)', one.text_zh + one.text_en)
    assert len(one.text_zh) <= MAX_CHARACTERS_ZH
    assert len(one.text_en.split()) <= MAX_WORDS_EN
    assert bool(one.text_zh and one.text_en) == (one.status is not Status.NONE)
    assert all(abs(place) < FURTHEST for place in (*one.highlight_path, *one.highlight_arrow))
    assert all(math.isfinite(used.value) for used in one.evidence)


def _has_number_only_if_sure(current: Suggestion) -> None:
    for number in re.findall(r'(\d+) ?mm', f'{current.text_zh} {current.text_en}'):
        sure = [
            used
            for used in current.evidence
            if used.name in DISTANCES
            and used.unit == 'mm'
            and 0.0 <= used.sigma <= used.value / 3
            and used.value >= 0.5
        ]
        assert sure
        assert int(number) >= 1


__all__ = ['FURTHEST', 'Reader']
