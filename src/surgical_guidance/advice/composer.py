"""Makes suggestions from rules that speak, and renews them while these go on speaking."""

from __future__ import annotations

import math

from surgical_guidance.advice.evaluator import Candidate
from surgical_guidance.advice.feature import FAR
from surgical_guidance.advice.suggestion import Evidence, Status, Suggestion
from surgical_guidance.advice.texts import fill, quotes_number
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.scene.state import SceneState

_NONE_VALID_NS = 2 * NS_PER_S
_NO_DIRECTION = 1e-3  # px; what is nearer lies nowhere in particular
_ARROW_SHARES = (0.1, 0.3)  # shortest and longest arrow, of the picture's height


class Composer:
    """Counts suggestions and keeps their texts calm.

    :param text_hold_s: a text changes at most this often [s], but at once where it may not give its number any more.
    """

    def __init__(self, text_hold_s: float) -> None:
        self._text_hold_ns = round(text_hold_s * NS_PER_S)
        self._text_at_ns = 0
        self._quotes = False
        self._sequence = 0

    def nothing(self, scene: SceneState) -> Suggestion:
        """Say that perception works and no rule speaks."""
        valid_until_ns = scene.stamp_ns + _NONE_VALID_NS
        return Suggestion(scene.stamp_ns, scene.sequence, valid_until_ns=valid_until_ns, stages=scene.stages)

    def raised(self, chosen: Candidate, scene: SceneState, way: tuple[float, ...] = ()) -> Suggestion:
        """Make a new suggestion.

        :param way: to show in the picture, ``x0, y0, x1, y1, ...`` [px].
        """
        self._sequence += 1
        rule = chosen.rule
        bare = Suggestion(
            stamp_ns=scene.stamp_ns,
            frame_sequence=scene.sequence,
            sequence=self._sequence,
            rule_id=rule.id,
            priority=rule.priority,
            highlight_class=rule.highlight.structure,
            raised_at_ns=scene.stamp_ns,
        )
        return self._with_text(self._current(bare, chosen, scene, way), chosen, scene.stamp_ns)

    def confirmed(
        self, shown: Suggestion, chosen: Candidate, scene: SceneState, way: tuple[float, ...] = ()
    ) -> Suggestion:
        """Renew a suggestion whose rule still speaks."""
        current = self._current(shown, chosen, scene, way)
        calm = scene.stamp_ns - self._text_at_ns < self._text_hold_ns and self._quotes == quotes_number(chosen.subject)
        return current if calm else self._with_text(current, chosen, scene.stamp_ns)

    @staticmethod
    def _current(suggestion: Suggestion, chosen: Candidate, scene: SceneState, way: tuple[float, ...]) -> Suggestion:
        return suggestion._replace(
            stamp_ns=scene.stamp_ns,
            frame_sequence=scene.sequence,
            status=Status.VALID,
            reason='',
            evidence=tuple([Evidence(used.name, used.value, used.sigma, used.unit) for used in chosen.features]),
            valid_until_ns=scene.stamp_ns + round(chosen.rule.valid_for_s * NS_PER_S),
            interrupted_at_ns=0,
            highlight_path=way,
            highlight_arrow=arrow(chosen, scene.height),
            stages=scene.stages,
        )

    def _with_text(self, suggestion: Suggestion, chosen: Candidate, stamp_ns: int) -> Suggestion:
        self._text_at_ns = stamp_ns
        self._quotes = quotes_number(chosen.subject)
        text = chosen.rule.text
        return suggestion._replace(
            text_zh=fill(text.zh, 'zh', chosen.subject), text_en=fill(text.en, 'en', chosen.subject)
        )


def arrow(chosen: Candidate, height: int) -> tuple[float, ...]:
    """Give the direction to show, ``x0, y0, x1, y1`` [px]; empty where the rule wants none or none is known.

    :param height: of the picture [px].
    """
    kind, about = chosen.rule.highlight.arrow, chosen.subject
    if not kind or about is None:
        return ()
    length = math.hypot(about.dx, about.dy)
    if not (_NO_DIRECTION < length < math.inf and abs(about.x) < FAR and abs(about.y) < FAR):
        return ()
    reach = min(max(length, _ARROW_SHARES[0] * height), _ARROW_SHARES[1] * height) / length
    sign = 1.0 if kind == 'towards' else -1.0
    ends = (about.x, about.y, about.x + sign * reach * about.dx, about.y + sign * reach * about.dy)
    return tuple(round(value * 4.0) / 4.0 for value in ends)  # float32 holds a quarter of a pixel exactly
