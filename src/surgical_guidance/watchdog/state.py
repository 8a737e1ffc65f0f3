"""The state of the whole guidance: a pure state machine. Worse at once, better only after a while.

=============  =========================================================
observation    state it leads to
=============  =========================================================
``WAITING``    ``STARTING`` from ``STARTING``, else ``INTERRUPTED``: a start happens once
``CURRENT``    ``OK``
``IMPAIRED``   ``DEGRADED``
``SILENT``     ``INTERRUPTED``
``BROKEN``     ``FAILED``
=============  =========================================================

The start is left at once, for better and for worse. Any other state is left for a better one when nothing as bad as
itself was observed for its time in :data:`HOLD_S`; what is observed at that moment says which.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from surgical_guidance.clock import NS_PER_S


class State(IntEnum):
    """As in ``GuidanceStatus.msg``; from ``OK`` on, a greater one is worse."""

    STARTING = 0
    OK = 1
    DEGRADED = 2
    INTERRUPTED = 3
    FAILED = 4


class Observation(IntEnum):
    """What the facts of one moment come to."""

    WAITING = 0
    """No frame was advised on yet, and that is no wonder."""
    CURRENT = 1
    """Advice is current and everything within its limits."""
    IMPAIRED = 2
    """Advice is current, but something is over its limit."""
    SILENT = 3
    """Advice is not current."""
    BROKEN = 4
    """A stage is gone or cannot work."""


HOLD_S: Final = {State.OK: 0.0, State.DEGRADED: 2.0, State.INTERRUPTED: 0.5, State.FAILED: 0.5}
"""How long a state lasts after the last observation as bad as itself [s]."""

_LEADS_TO: Final = {
    Observation.WAITING: State.INTERRUPTED,
    Observation.CURRENT: State.OK,
    Observation.IMPAIRED: State.DEGRADED,
    Observation.SILENT: State.INTERRUPTED,
    Observation.BROKEN: State.FAILED,
}


class StateMachine:
    """Follows the observations, one after another."""

    def __init__(self) -> None:
        self.state = State.STARTING
        self._bad_ns = 0  # of the last observation as bad as the state

    def observe(self, observation: Observation, now_ns: int) -> bool:
        """Take an observation; True if the state changed."""
        before = self.state
        if before is State.STARTING:
            if observation is not Observation.WAITING:
                self._enter(_LEADS_TO[observation], now_ns)
            return self.state is not before
        target = _LEADS_TO[observation]
        if target >= before or now_ns - self._bad_ns >= HOLD_S[before] * NS_PER_S:
            self._enter(target, now_ns)
        return self.state is not before

    def _enter(self, state: State, now_ns: int) -> None:
        self.state, self._bad_ns = state, now_ns
