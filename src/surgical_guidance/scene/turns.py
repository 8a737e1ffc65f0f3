"""Whose turn it is, of several things that cost much each: one a frame where frames are many."""

from __future__ import annotations

import math
from collections.abc import Sequence

TURN_S = 0.025
"""From one turn to the next, at least [s]: each frame has one at 30 Hz, two at 15 Hz."""


class Turns:
    """Shares things out among frames, always in the same order."""

    def __init__(self, things: Sequence[str]) -> None:
        self._things = things
        self._next, self._since_s = 0, math.inf

    def reset(self) -> None:
        """Let all of them be done for the next frame."""
        self._since_s = math.inf

    def due(self, step_s: float) -> Sequence[str]:
        """Give what is to be done for a frame. Where all is, it begins with the first.

        :param step_s: since the frame before [s]; 0: it is not known, and all is due.
        """
        self._since_s += step_s or math.inf
        number = int(min(self._since_s / TURN_S, len(self._things)))
        if number == 0:
            return ()
        self._since_s = 0.0
        if number == len(self._things):
            self._next = 0
        due = [self._things[(self._next + later) % len(self._things)] for later in range(number)]
        self._next += number
        return due


__all__ = ['TURN_S', 'Turns']
