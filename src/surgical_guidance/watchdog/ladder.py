"""The degradation ladder: how much inference is asked to give up, step by step, and step by step back.

What each step gives up is inference's matter (``inference/degradation.yaml``, docs/models.md); here it is only decided
how far down to go. Down when the load has lasted, up when there has been room for a good while. A step up that had to
be taken back soon doubles the next wait, so that a host that is just too slow for a step does not swing around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from surgical_guidance.clock import NS_PER_S

DOWN_AFTER_S: Final = 1.5  # longer than a breach counts as going on: one hiccup is no load
UP_AFTER_S: Final = 10.0
LONGEST_UP_S: Final = 320.0
RELAPSE_S: Final = 20.0
"""A step down so soon after a step up says that the step up was too early [s]."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much the host has to do, at one moment.

    :param strain: what is too much, one line; empty: nothing.
    :param room: there is room for more. Neither strained nor with room: the step stays.
    """

    strain: str = ''
    room: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """The step that is asked for.

    :param reason: one line for people.
    """

    step: int
    reason: str


class Ladder:
    """Decides on the step.

    :param steps: how many there are below nothing given up; 0: never anything.
    :param down_after_s: how long the strain must have lasted, also since the last step [s].
    :param up_after_s: how long there must have been room, at first [s].
    """

    def __init__(self, steps: int, down_after_s: float = DOWN_AFTER_S, up_after_s: float = UP_AFTER_S) -> None:
        self.step = 0
        self._steps = steps
        self._down_after_ns = int(down_after_s * NS_PER_S)
        self._first_up_s = up_after_s
        self._up_after_s = up_after_s
        self._strained_since_ns: int | None = None
        self._room_since_ns: int | None = None
        self._stepped_up_ns: int | None = None

    def observe(self, load: Load, now_ns: int) -> Asked | None:
        """Take the load of this moment; give the new step if it changes.

        :param now_ns: monotonic [ns].
        """
        self._strained_since_ns = _since(self._strained_since_ns, bool(load.strain), now_ns)
        self._room_since_ns = _since(self._room_since_ns, load.room and not load.strain, now_ns)
        if self.step < self._steps and _lasted(self._strained_since_ns, now_ns) >= self._down_after_ns:
            return self._down(load.strain, now_ns)
        if self.step > 0 and _lasted(self._room_since_ns, now_ns) >= self._up_after_s * NS_PER_S:
            return self._up(now_ns)
        return None

    def _down(self, why: str, now_ns: int) -> Asked:
        relapse = self._stepped_up_ns is not None and now_ns - self._stepped_up_ns < RELAPSE_S * NS_PER_S
        if relapse:
            self._up_after_s = min(2.0 * self._up_after_s, LONGEST_UP_S)
        self._stepped_up_ns = None
        self.step += 1
        self._strained_since_ns = now_ns  # the step gets its time to help
        return Asked(self.step, why)

    def _up(self, now_ns: int) -> Asked:
        self.step -= 1
        self._stepped_up_ns = self._room_since_ns = now_ns
        if self.step == 0:
            reason = 'nothing needs to be given up any more'
        else:
            reason = f'there has been room for {self._up_after_s:g} s'
        return Asked(self.step, reason)


def _since(since_ns: int | None, holds: bool, now_ns: int) -> int | None:
    if not holds:
        return None
    return now_ns if since_ns is None else since_ns


def _lasted(since_ns: int | None, now_ns: int) -> int:
    return -1 if since_ns is None else now_ns - since_ns
