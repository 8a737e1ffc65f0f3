"""What happened, in order: the changes between one look at the view and the next, for the page's list.

Made from what was shown, not from what was received: an interruption that only the relay noticed is in it too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from surgical_guidance.clock import NS_PER_MS
from surgical_guidance.relay.facts import AlarmFact, Json
from surgical_guidance.relay.view import Shown

KEPT = 50  # events given to a page that has just joined


class Timeline:
    """Notices changes and keeps the last of them."""

    def __init__(self) -> None:
        self.events: deque[Json] = deque(maxlen=KEPT)
        self._number = 0
        self._advice: tuple[int, str, str] | None = None
        self._alarms: dict[str, AlarmFact] = {}
        self._system = ''

    def look(self, shown: Shown, alarms: Iterable[AlarmFact], system: str, stamp_ns: int) -> list[Json]:
        """Compare with the last look; give what is new, in the order to be shown.

        :param stamp_ns: ROS time of this look [ns].
        """
        new = [*self._system_changes(system), *self._alarm_changes(alarms), *self._advice_changes(shown)]
        for event in new:
            self._number += 1
            event |= {'number': self._number, 'stamp_ms': stamp_ns // NS_PER_MS}
        self.events.extend(new)
        return new

    def _system_changes(self, system: str) -> list[Json]:
        if system == self._system:
            return []
        self._system = system
        return [{'kind': 'system', 'status': system}]

    def _alarm_changes(self, alarms: Iterable[AlarmFact]) -> list[Json]:
        before, self._alarms = self._alarms, {alarm.id: alarm for alarm in alarms}
        changed = [alarm for alarm in self._alarms.values() if _told(before.get(alarm.id)) != _told(alarm)]
        gone = [alarm for alarm in before.values() if alarm.active and alarm.id not in self._alarms]
        return [
            *({'kind': 'alarm', 'status': _told(alarm)[0], **alarm.json} for alarm in changed),
            *({'kind': 'alarm', 'status': 'cleared', **alarm.json, 'active': False} for alarm in gone),
        ]

    def _advice_changes(self, shown: Shown) -> list[Json]:
        key = (shown.fact.sequence if shown.fact else 0, shown.status, shown.why)
        if key == self._advice:
            return []
        first, self._advice = self._advice is None, key
        if shown.fact is None:
            if first or shown.status == 'none':
                return []
            return [{'kind': 'advice', 'status': shown.status, 'why': shown.why}]
        return [{'kind': 'advice', 'status': shown.status, 'why': shown.why, **shown.fact.json}]


def _told(alarm: AlarmFact | None) -> tuple[str, int]:
    """Give what is worth a line about an alarm: its state, and that it was raised once more."""
    if alarm is None:
        return '', 0
    if not alarm.active:
        return 'cleared', alarm.count
    return 'acknowledged' if alarm.acknowledged else 'raised', alarm.count
