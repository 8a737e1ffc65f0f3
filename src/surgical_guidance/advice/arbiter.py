"""One suggestion at a time: by priority, then by recency; high ones at once, the others calmly."""

from __future__ import annotations

from collections.abc import Sequence

from surgical_guidance.advice.evaluator import Candidate
from surgical_guidance.advice.suggestion import Priority
from surgical_guidance.clock import NS_PER_S


class Arbiter:
    """Chooses which rule is shown.

    :param min_display_s: how long one stays, while its cause lasts, before another of medium or low priority or a
        second high one takes its place [s].
    """

    def __init__(self, min_display_s: float) -> None:
        self._min_display_ns = round(min_display_s * NS_PER_S)
        self._shown = ''
        self._shown_at_ns = 0

    def reset(self) -> None:
        """Forget what is shown."""
        self._shown = ''

    def choose(self, candidates: Sequence[Candidate], stamp_ns: int) -> Candidate | None:
        """Choose one of the rules that speak, given in the order of the table; the first of equals."""
        eligible = [candidate for candidate in candidates if not candidate.fading or candidate.rule.id == self._shown]
        if not eligible:
            self._shown = ''
            return None
        best = max(eligible, key=lambda candidate: (candidate.rule.priority, candidate.since_ns))
        shown = next((candidate for candidate in eligible if candidate.rule.id == self._shown), None)
        if shown is not None and not self._may_replace(shown, best, stamp_ns):
            return shown
        if best is not shown:
            self._shown, self._shown_at_ns = best.rule.id, stamp_ns
        return best

    def _may_replace(self, shown: Candidate, best: Candidate, stamp_ns: int) -> bool:
        if best.rule.priority is Priority.HIGH and shown.rule.priority is not Priority.HIGH:
            return True
        return stamp_ns - self._shown_at_ns >= self._min_display_ns
