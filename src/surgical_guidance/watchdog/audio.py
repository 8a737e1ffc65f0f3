"""The pause of the alarm sounds: for a limited time, by somebody with a name, never over a new alarm of high priority.

After IEC 60601-1-8 ("audio paused"): what is shown stays, and the sounds come back by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.watchdog.alarm_table import Priority
from surgical_guidance.watchdog.alarms import Change, Event

LONGEST_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of the alarm sounds.

    :param until_ns: its end, monotonic [ns]; 0: there is none.
    :param until_stamp_ns: the same in ROS time [ns], for people.
    :param by: who asked for it.
    """

    until_ns: int = 0
    until_stamp_ns: int = 0
    by: str = ''


NO_PAUSE: Final = Pause()


class AudioPause:
    """Keeps the pause, if there is one."""

    def __init__(self) -> None:
        self._pause = NO_PAUSE

    def ask(self, seconds: float, by: str, now_ns: int, stamp_ns: int) -> tuple[bool, str]:
        """Begin a pause, or end it with 0 s; tell whether that was done, and what was done or why not.

        :param now_ns: monotonic [ns].
        :param stamp_ns: the same moment in ROS time [ns].
        """
        if not by:
            return False, 'nobody is named who asks; fill in "by"'
        if not 0.0 <= seconds <= LONGEST_S:  # false for NaN too
            return False, f'a pause has 0 to {LONGEST_S:.0f} s, not {seconds:g}'
        if seconds == 0.0:
            self._pause = NO_PAUSE
            return True, 'the alarm sounds are on'
        length_ns = int(seconds * NS_PER_S)
        self._pause = Pause(now_ns + length_ns, stamp_ns + length_ns, by)
        return True, f'the alarm sounds are off for {seconds:g} s'

    def at(self, now_ns: int) -> Pause:
        """Give the pause that lasts now, or :data:`NO_PAUSE`."""
        if now_ns >= self._pause.until_ns:
            self._pause = NO_PAUSE
        return self._pause

    def heed(self, changes: Iterable[Change]) -> bool:
        """End the pause if an alarm of high priority is new; True if that ended one."""
        urgent = any(
            change.event in (Event.RAISED, Event.ESCALATED) and change.alarm.priority is Priority.HIGH
            for change in changes
        )
        if not urgent or self._pause is NO_PAUSE:
            return False
        self._pause = NO_PAUSE
        return True
