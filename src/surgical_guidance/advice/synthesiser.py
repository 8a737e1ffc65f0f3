"""From scenes to what is sent: rules, choice, degradation and texts put together.

The law: what is sent, but for repeats of the same, depends on the scenes alone. Time is that of their stamps. What
falls due between two scenes (an interruption, the end of a validity) carries the time at which it was due, whether
:meth:`Synthesiser.on_time` was called often or never. For this a scene counts as having come when its stages say that
it was ready (``SceneState.ready_ns``), not when it happened to be handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from surgical_guidance.advice.arbiter import Arbiter
from surgical_guidance.advice.composer import Composer
from surgical_guidance.advice.degradation import Event, Health, after
from surgical_guidance.advice.evaluator import Candidate, Evaluator
from surgical_guidance.advice.features import ENERGY_TOOL, FeatureExtractor
from surgical_guidance.advice.interval import SceneInterval
from surgical_guidance.advice.path import PathPlanner, Way
from surgical_guidance.advice.rules import RuleTable
from surgical_guidance.advice.suggestion import Response, Status, Suggestion
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import SUGGESTION
from surgical_guidance.scene.state import SceneState

REFRESH_NS = round(NS_PER_S / SUGGESTION.rate)

_CONFIRM_NS = REFRESH_NS * 9 // 10  # six frames of 30 Hz are a few nanoseconds less than 200 ms
_INTERRUPTED_TEXTS = ('信号中断，暂无指导', 'Signal interrupted; no guidance.')
_WITHDRAWN_TEXTS = ('暂无指导', 'No guidance.')
_FOREVER = 1 << 63  # after every stamp
_LIVE = (Status.VALID, Status.INTERRUPTED)
_SENT_AT_ONCE = ('status', 'sequence', 'text_zh', 'text_en')  # nobody is to read what does not hold any more


@dataclass(frozen=True, slots=True)
class SynthesiserParams:
    """How advice behaves over time.

    :param interrupt_after_s: without a valid scene for this long advice is interrupted [s], or
    :param interrupt_after_scenes: for this many of the intervals at which scenes come, whichever is longer.
    :param recover_after_frames: valid scenes in a row that bring it back.
    :param min_display_s: see :class:`Arbiter` [s].
    :param text_hold_s: a text that is shown changes at most this often [s].
    :param gap_s: after a gap this long between valid scenes, what was held or seen before is forgotten [s].
    :param late_after_s: a scene that took longer than this from its capture is not valid any more [s].
    :param energy_tool: instrument class that carries energy.
    """

    interrupt_after_s: float = 0.1
    interrupt_after_scenes: int = 3
    recover_after_frames: int = 3
    min_display_s: float = 1.5
    text_hold_s: float = 0.5
    gap_s: float = 2.0
    late_after_s: float = 0.5
    energy_tool: str = ENERGY_TOOL


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the surgeon's response, and what to send because of it."""

    success: bool
    message: str
    suggestions: tuple[Suggestion, ...] = ()


class Synthesiser:
    """Gives advice. Not for two threads at once.

    :param table: the rules.
    :param params: how advice behaves over time.
    """

    def __init__(self, table: RuleTable, params: SynthesiserParams | None = None) -> None:
        self._params = params or SynthesiserParams()
        self._rules = {rule.id: rule for rule in table.rules}
        self._features = FeatureExtractor(table.features(), self._params.energy_tool)
        self._evaluator = Evaluator(table)
        self._arbiter = Arbiter(self._params.min_display_s)
        self._interval = SceneInterval()
        self._planner = PathPlanner(self._params.energy_tool)
        self._health = Health()
        self._speaking: tuple[Candidate, ...] = ()
        self._problem = ''
        self._last_stamp_ns: int | None = None
        self._good_ns: int | None = None  # stamp of the last valid scene
        self._good_ready_ns = 0  # when that was ready
        self._composer = Composer(self._params.text_hold_s)
        zh, en = _WITHDRAWN_TEXTS
        self._current = Suggestion(
            0, 0, status=Status.WITHDRAWN, text_zh=zh, text_en=en, reason='no picture yet'
        )  # not NONE: perception is not known to work, and that must not look like calm
        self._sent = self._current
        self._sent_at_ns: int | None = None

    def on_scene(self, scene: SceneState) -> Sequence[Suggestion]:
        """Take in a scene and give what to send because of it, in order."""
        out: list[Suggestion] = []
        ready_ns = scene.ready_ns
        if self._last_stamp_ns is not None and scene.stamp_ns < self._last_stamp_ns:
            self._restart(ready_ns, out)
        else:
            self._fall_due(ready_ns, out)
        self._last_stamp_ns = scene.stamp_ns
        problem = self._unusable(scene, ready_ns)
        if problem:
            self._problem = problem
            self._health = after(self._health, Event.BAD, self._params.recover_after_frames)
            return out
        if self._good_ns is not None and scene.stamp_ns - self._good_ns > self._ns(self._params.gap_s):
            self._evaluator.reset(forget_quiet=False)
            self._features.forget()
        self._problem = ''
        self._good_ns, self._good_ready_ns = scene.stamp_ns, ready_ns
        self._interval.add(scene.stamp_ns)
        self._health = after(self._health, Event.GOOD, self._params.recover_after_frames)
        self._speaking = tuple(self._evaluator.step(scene.stamp_ns, self._features.extract(scene), scene.phase))
        if self._health.nominal:
            ways = self._ways(scene)
            possible = [one for one in self._speaking if one.rule.id not in ways or ways[one.rule.id]]
            chosen = self._arbiter.choose(possible, scene.stamp_ns)
            self._show(chosen, scene, ready_ns, ways.get(chosen.rule.id, ()) if chosen else (), out)
        return out

    def _ways(self, scene: SceneState) -> dict[str, Way]:
        """Plan the way of each rule that speaks and shows one; a rule whose way is nowhere clear cannot be shown."""
        wanted = {one.rule.id: one.rule.highlight.path for one in self._speaking if one.rule.highlight.path}
        if not wanted:
            self._planner.forget()
        return {rule_id: self._planner.plan(scene, target) for rule_id, target in wanted.items()}

    @property
    def current(self) -> Suggestion:
        """What is shown."""
        return self._current

    @property
    def speaking(self) -> tuple[Candidate, ...]:
        """The rules that speak on the last valid scene: the one that is shown, and those that wait."""
        return self._speaking

    def on_time(self, now_ns: int) -> Sequence[Suggestion]:
        """Give what fell due before now, or a repeat where nothing was sent for a refresh interval.

        :param now_ns: on the time line of the stamps [ns]; every scene that was ready by then has been taken in.
        """
        out: list[Suggestion] = []
        self._fall_due(now_ns, out)
        if out:
            return out
        outlived = self._sent.status is not Status.WITHDRAWN and now_ns >= self._sent.valid_until_ns
        fresh = self._sent_at_ns is not None and 0 <= now_ns - self._sent_at_ns < REFRESH_NS
        if not outlived and not fresh:
            self._sent_at_ns = now_ns
            out.append(self._sent)
        return out

    def replace_rules(self, table: RuleTable, now_ns: int) -> Sequence[Suggestion]:
        """Go on with another rule table; of rules that are in both, what holds, speaks and is silenced is kept.

        :param now_ns: on the time line of the stamps [ns].
        """
        self._rules = {rule.id: rule for rule in table.rules}
        self._features.want(table.features())
        self._evaluator.replace(table)
        self._speaking = ()
        out: list[Suggestion] = []
        if self._current.sequence and self._current.rule_id not in self._rules:
            self._arbiter.reset()
            self._withdraw('its rule was taken out of the table', now_ns, out)
        return out

    def respond(self, sequence: int, response: int, by: str, now_ns: int) -> Answer:
        """Take in the surgeon's response to a suggestion.

        :param response: one of :class:`Response`.
        :param by: who responds.
        :param now_ns: on the time line of the stamps [ns].
        """
        current = self._current
        if current.status not in _LIVE or not current.sequence or sequence != current.sequence:
            return Answer(False, f'suggestion {sequence} is not shown now')
        if response == Response.ACCEPT:
            return Answer(True, f'{current.rule_id} accepted')
        rule = self._rules[current.rule_id]
        if response == Response.REJECT:
            quiet_s, reason = rule.silence_s, f'rejected by {by}'
        elif response == Response.NOT_NOW:
            quiet_s, reason = rule.cooldown_s, f'put off by {by}'
        else:
            return Answer(False, f'{response} is no response')
        self._evaluator.decline(rule.id, now_ns + self._ns(quiet_s))
        self._arbiter.reset()
        out: list[Suggestion] = []
        self._withdraw(reason, now_ns, out)
        return Answer(True, f'{rule.id} withdrawn and silent for {quiet_s:g} s', tuple(out))

    def fail(self, problem: str, now_ns: int) -> Sequence[Suggestion]:
        """Interrupt advice now, as it could not be made."""
        self._problem = problem
        out: list[Suggestion] = []
        if self._health.listening:
            self._interrupt(now_ns, out)
        return out

    def end(self, reason: str, now_ns: int) -> Sequence[Suggestion]:
        """Withdraw what is shown, as no more scenes will be taken in."""
        out: list[Suggestion] = []
        self._expire(reason, now_ns, out)
        return out

    # What falls due.

    def _fall_due(self, until_ns: int, out: list[Suggestion]) -> None:
        while True:
            silence_ns, expiry_ns = self._silence_ns(), self._expiry_ns()
            if silence_ns < until_ns and silence_ns <= expiry_ns:
                self._interrupt(silence_ns, out)
            elif expiry_ns < until_ns:
                held = (expiry_ns - self._current.stamp_ns) / NS_PER_S
                self._expire(f'not confirmed for {held:g} s: {self._problem or "no new frame"}', expiry_ns, out)
            else:
                return

    def _silence_ns(self) -> int:
        if self._good_ns is None or not self._health.listening:
            return _FOREVER
        usual_ns = self._params.interrupt_after_scenes * self._interval.ns
        return self._good_ready_ns + max(self._ns(self._params.interrupt_after_s), usual_ns)

    def _expiry_ns(self) -> int:
        return _FOREVER if self._current.status is Status.WITHDRAWN else self._current.valid_until_ns

    def _interrupt(self, due_ns: int, out: list[Suggestion]) -> None:
        was_nominal = self._health.nominal
        self._health = after(self._health, Event.SILENCE, self._params.recover_after_frames)
        if not was_nominal:
            return
        reason = self._problem or 'no new frame'
        shown = self._current
        if shown.status is not Status.VALID:
            zh, en = _INTERRUPTED_TEXTS
            valid_until_ns = max(shown.valid_until_ns, due_ns)
            shown = Suggestion(
                shown.stamp_ns, shown.frame_sequence, text_zh=zh, text_en=en, valid_until_ns=valid_until_ns
            )
        self._send(shown._replace(status=Status.INTERRUPTED, reason=reason, interrupted_at_ns=due_ns), due_ns, out)

    def _expire(self, reason: str, due_ns: int, out: list[Suggestion]) -> None:
        self._health = after(self._health, Event.EXPIRY, self._params.recover_after_frames)
        self._withdraw(reason, due_ns, out)

    def _restart(self, ready_ns: int, out: list[Suggestion]) -> None:
        self._health = after(self._health, Event.RESTART, self._params.recover_after_frames)
        self._withdraw('time went backwards', ready_ns, out)
        self._evaluator.reset(forget_quiet=True)
        self._arbiter.reset()
        self._features.forget()
        self._interval.forget()
        self._good_ns = None

    def _withdraw(self, reason: str, at_ns: int, out: list[Suggestion]) -> None:
        shown = self._current
        if shown.status is Status.WITHDRAWN:
            return
        if not shown.sequence:
            zh, en = _WITHDRAWN_TEXTS
            shown = shown._replace(text_zh=zh, text_en=en)
        self._send(shown._replace(status=Status.WITHDRAWN, reason=reason, interrupted_at_ns=0), at_ns, out)

    # What is shown.

    def _unusable(self, scene: SceneState, ready_ns: int) -> str:
        if not scene.valid:
            return scene.problem or 'the scene is not valid'
        age_ns = ready_ns - scene.stamp_ns
        return f'the scene came {age_ns / NS_PER_S:.2f} s late' if age_ns > self._ns(self._params.late_after_s) else ''

    def _show(
        self, chosen: Candidate | None, scene: SceneState, ready_ns: int, way: Way, out: list[Suggestion]
    ) -> None:
        shown = self._current
        live = shown.sequence != 0 and shown.status in _LIVE
        if live and (chosen is None or chosen.rule.id != shown.rule_id):
            why = self._evaluator.why_silent(shown.rule_id) if chosen is None else f'replaced by {chosen.rule.id}'
            self._current = shown._replace(stamp_ns=scene.stamp_ns, stages=scene.stages)
            self._withdraw(why, ready_ns, out)
        if chosen is None:
            fresh = self._composer.nothing(scene)
        elif live and chosen.rule.id == shown.rule_id:
            fresh = self._composer.confirmed(shown, chosen, scene, way)
        else:
            fresh = self._composer.raised(chosen, scene, way)
        changed = any(getattr(fresh, name) != getattr(shown, name) for name in _SENT_AT_ONCE)
        if changed or scene.stamp_ns - self._sent.stamp_ns >= _CONFIRM_NS:
            self._send(fresh, ready_ns, out)
        else:
            self._current = fresh

    def _send(self, suggestion: Suggestion, at_ns: int, out: list[Suggestion]) -> None:
        self._current = self._sent = suggestion
        self._sent_at_ns = at_ns
        out.append(suggestion)

    @staticmethod
    def _ns(seconds: float) -> int:
        return round(seconds * NS_PER_S)
