"""When evidence is written: some seconds after what happened, and so seldom that a storm of alarms fills no disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from surgical_guidance.clock import NS_PER_S

KEPT: Final = 32  # causes named in one piece of evidence; more are counted


@dataclass(frozen=True, slots=True)
class Cause:
    """Why evidence is wanted.

    :param id: of an alarm, or ``save_context``, or ``watchdog_lost``.
    :param at_ns: ``CLOCK_MONOTONIC`` [ns].
    """

    id: str
    detail: str
    at_ns: int


class Triggers:
    """Gathers causes until they are due. Not for several threads at a time.

    :param post_roll_s: what is to be seen after a cause [s].
    :param gap_s: shortest time between two pieces of evidence [s]; causes in between wait for the next one.
    """

    def __init__(self, post_roll_s: float, gap_s: float) -> None:
        self._post_roll_ns = int(post_roll_s * NS_PER_S)
        self._gap_ns = int(gap_s * NS_PER_S)
        self._waiting: list[Cause] = []
        self._due_ns = 0
        self._taken_ns: int | None = None
        self.left_out = 0

    def add(self, cause: Cause, *, at_once: bool = False) -> None:
        """Ask for evidence.

        :param at_once: without waiting for what comes after, nor for the gap.
        """
        if not self._waiting:
            gap_ends_ns = self._taken_ns + self._gap_ns if self._taken_ns is not None else 0
            self._due_ns = max(cause.at_ns + self._post_roll_ns, gap_ends_ns)
        if at_once:
            self._due_ns = cause.at_ns
        if len(self._waiting) < KEPT:
            self._waiting.append(cause)
        else:
            self.left_out += 1

    @property
    def waiting(self) -> bool:
        """Whether evidence is wanted that is not taken yet."""
        return bool(self._waiting)

    def take(self, now_ns: int, *, at_once: bool = False) -> Sequence[Cause]:
        """Give the causes if they are due, the first one first, and forget them; empty if nothing is due."""
        if not self._waiting or (now_ns < self._due_ns and not at_once):
            return ()
        causes, self._waiting = tuple(self._waiting), []
        self._taken_ns = now_ns
        return causes
