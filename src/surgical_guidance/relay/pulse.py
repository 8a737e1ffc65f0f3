"""Whether one input still speaks."""

from __future__ import annotations

from surgical_guidance.clock import NS_PER_S

RECOVER_S = 0.3
"""How long an input that fell silent must speak steadily before it is believed again: a picture that comes in gasps
shall not make the page flicker between "current" and "not"."""


class Pulse:
    """The beats of one input. A silence is told at once, its end only when the beats are steady."""

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._before_ns = 0  # the last beat before the silence
        self._steady_ns = 0  # when it is believed again

    def beat(self, now_ns: int, limit_s: float) -> None:
        """Take a beat.

        :param limit_s: longest time between two beats that is no silence [s].
        """
        if self._last_ns is not None and now_ns - self._last_ns > limit_s * NS_PER_S:
            if self._last_ns >= self._steady_ns:
                self._before_ns = self._last_ns
            self._steady_ns = now_ns + int(RECOVER_S * NS_PER_S)
        self._last_ns = now_ns

    def expect(self, now_ns: int) -> None:
        """Begin to listen to an input that nobody listened to: what it did meanwhile is not known, and no silence."""
        self._last_ns, self._steady_ns = now_ns, 0

    def silent_since(self, now_ns: int, limit_s: float) -> int | None:
        """Tell since when it is silent [ns], 0 if it never spoke; None while it speaks."""
        if self._last_ns is None:
            return 0
        late = now_ns - self._last_ns > limit_s * NS_PER_S
        if now_ns < self._steady_ns or (late and self._last_ns < self._steady_ns):
            return self._before_ns
        return self._last_ns if late else None
