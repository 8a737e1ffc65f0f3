"""The alarms that stand. An alarm latches: it goes when its condition is gone and somebody has acknowledged it.

One of medium priority that lasts and that nobody acknowledges becomes one of high priority after a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.watchdog.alarm_table import Definition, Priority

ESCALATE_AFTER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as it stands.

    :param raised_ns: the last time it was raised, ROS time [ns].
    :param active: the condition lasts.
    :param cleared_ns: when the condition ended, ROS time [ns]; 0 while it lasts.
    :param acknowledged_by: who has seen it; empty until then.
    :param acknowledged_ns: when that was, ROS time [ns]; 0 until then.
    :param detail: values against limits at the moment it was raised.
    :param count: how often it was raised since start.
    :param escalated: nobody acknowledged it in time; it is one priority more urgent than its definition says.
    """

    definition: Definition
    raised_ns: int
    detail: str
    count: int
    active: bool = True
    cleared_ns: int = 0
    acknowledged_by: str = ''
    acknowledged_ns: int = 0
    escalated: bool = False

    @property
    def priority(self) -> Priority:
        """How urgent it is now."""
        return Priority(self.definition.priority + self.escalated)

    @property
    def acknowledged(self) -> bool:
        """Whether somebody has seen it."""
        return self.acknowledged_ns != 0


class Event(Enum):
    """What can happen to an alarm."""

    RAISED = 'raised'
    CLEARED = 'cleared'
    ACKNOWLEDGED = 'acknowledged'
    ESCALATED = 'escalated'


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened to an alarm; ``alarm`` is as it is after that."""

    event: Event
    alarm: Alarm


class AlarmList:
    """Keeps every alarm from when it is raised until it is gone and acknowledged.

    :param table: every alarm there is, by id.
    :param escalate_after_s: how long an alarm of medium priority may last before somebody has acknowledged it [s].
    """

    def __init__(self, table: Mapping[str, Definition], escalate_after_s: float = ESCALATE_AFTER_S) -> None:
        self.table = table
        self._escalate_after_ns = int(escalate_after_s * NS_PER_S)
        self._raised_ns: dict[str, int] = {}  # monotonic
        self._standing: dict[str, Alarm] = {}
        self._counts = dict.fromkeys(table, 0)
        self._since_ns: dict[str, int] = {}  # monotonic; since when the condition differs from the alarm

    @property
    def standing(self) -> tuple[Alarm, ...]:
        """Those that are active or not acknowledged; the most urgent first, of one priority the newest first."""
        return tuple(sorted(self._standing.values(), key=lambda a: (-a.priority, -a.raised_ns)))

    def update(self, conditions: Mapping[str, str], now_ns: int, stamp_ns: int) -> list[Change]:
        """Take the conditions of this moment.

        :param conditions: the alarms whose condition holds, and their details.
        :param now_ns: monotonic [ns], for delays.
        :param stamp_ns: ROS time [ns], for people.
        :return: what happened because of it.
        """
        changes: list[Change] = []
        if not conditions and not self._standing and not self._since_ns:  # as nearly always
            return changes
        for definition in self.table.values():
            holds = definition.id in conditions
            alarm = self._standing.get(definition.id)
            if holds == (alarm is not None and alarm.active):
                self._since_ns.pop(definition.id, None)
                if alarm is not None and self._is_overdue(alarm, now_ns):
                    changes.append(self._keep(Event.ESCALATED, replace(alarm, escalated=True)))
                continue
            delay_s = definition.raise_after_s if holds else definition.clear_after_s
            if now_ns - self._since_ns.setdefault(definition.id, now_ns) < delay_s * NS_PER_S:
                continue
            del self._since_ns[definition.id]
            if holds:
                self._raised_ns[definition.id] = now_ns
                changes.append(self._raise(definition, conditions[definition.id], stamp_ns))
            elif alarm is not None:
                changes.append(self._clear(alarm, stamp_ns))
        return changes

    def acknowledge(self, alarm_id: str, by: str, stamp_ns: int) -> list[Change]:
        """Note that somebody has seen an alarm.

        :param alarm_id: which; empty: all that stand.
        :param by: who.
        :return: what happened; empty if there was nothing to acknowledge.
        """
        meant = [alarm for alarm in self.standing if alarm_id in ('', alarm.definition.id)]
        return [
            self._keep(Event.ACKNOWLEDGED, replace(alarm, acknowledged_by=by, acknowledged_ns=stamp_ns))
            for alarm in meant
            if not alarm.acknowledged
        ]

    def restore(self, alarms: Iterable[Alarm]) -> None:
        """Let alarms stand that another watchdog had raised and nobody had acknowledged when it died.

        They wait to be acknowledged. Whether their conditions still hold is seen anew.
        """
        for alarm in alarms:
            self._counts[alarm.definition.id] = alarm.count
            self._standing[alarm.definition.id] = replace(alarm, active=False)

    def _is_overdue(self, alarm: Alarm, now_ns: int) -> bool:
        waits = alarm.active and not alarm.acknowledged and not alarm.escalated
        lasted_ns = now_ns - self._raised_ns.get(alarm.definition.id, now_ns)
        return waits and alarm.definition.priority is Priority.MEDIUM and lasted_ns >= self._escalate_after_ns

    def knows(self, alarm_id: str) -> bool:
        """Whether there is such an alarm at all."""
        return alarm_id in self.table

    def _raise(self, definition: Definition, detail: str, stamp_ns: int) -> Change:
        self._counts[definition.id] += 1
        return self._keep(Event.RAISED, Alarm(definition, stamp_ns, detail, self._counts[definition.id]))

    def _clear(self, alarm: Alarm, stamp_ns: int) -> Change:
        return self._keep(Event.CLEARED, replace(alarm, active=False, cleared_ns=stamp_ns))

    def _keep(self, event: Event, alarm: Alarm) -> Change:
        if alarm.active or not alarm.acknowledged:
            self._standing[alarm.definition.id] = alarm
        else:
            del self._standing[alarm.definition.id]
        return Change(event, alarm)
