"""Who is here: every connection that was let in, of the pages and of the bridge, until it goes or is sent away."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from surgical_guidance.relay.security.limits import Bucket, Limits
from surgical_guidance.relay.security.principal import Principal, Role

EXPIRED = 4001
REVOKED = 4002
ENDED = 4003
"""WebSocket close codes of our own (RFC 6455, 7.4.2: 4000 to 4999 are free)."""

Close = Callable[[int, str], None]
"""Sends one connection away: close code and reason. Returns at once."""


@dataclass(eq=False)
class Visit:
    """One connection.

    :param principal: who it is; another with a later end once the token was renewed.
    :param address: where from.
    :param close: sends it away.
    :param joined_ns: wall clock [ns since 1970].
    """

    principal: Principal
    address: str
    close: Close
    limits: Limits = field(default_factory=Limits)
    joined_ns: int = field(default_factory=time.time_ns)
    speaking: bool = False
    round_trip_ms: float = math.nan

    def __post_init__(self) -> None:
        self._messages = Bucket(self.limits.messages, 4.0 * self.limits.messages)
        self._bytes = Bucket(self.limits.incoming_rate, 4.0 * self.limits.incoming_rate)

    def accepts(self, size: int) -> bool:
        """Tell whether one more message of so many bytes is within what a connection may send."""
        return size <= self.limits.incoming and self._messages.take() and self._bytes.take(size)


class Attendance:
    """All visits. Belongs to the loop's thread.

    :param on_change: called when somebody came, went, speaks or is silent; returns at once.
    """

    def __init__(self) -> None:
        self.visits: dict[str, Visit] = {}
        self.on_change: list[Callable[[], None]] = []

    def enter(self, visit: Visit) -> None:
        """Take somebody in."""
        self.visits[visit.principal.connection] = visit
        self._changed()

    def leave(self, visit: Visit) -> None:
        """Forget somebody."""
        if self.visits.pop(visit.principal.connection, None) is not None:
            self._changed()

    def note(self, connection: str, *, speaking: bool | None = None, round_trip_ms: float | None = None) -> None:
        """Note what is known of a connection; one that is gone by now is passed over."""
        visit = self.visits.get(connection)
        if visit is None:
            return
        if round_trip_ms is not None:
            visit.round_trip_ms = round_trip_ms
        if speaking is not None and speaking != visit.speaking:
            visit.speaking = speaking
            self._changed()

    def to_end(self, participant: str, asking: str) -> list[Visit]:
        """Find whom the end of a session means.

        :param participant: id of a connection; '' = all but the surgeons.
        :param asking: id of the connection that asks; it stays. '' where none does.
        """
        if participant:
            visit = self.visits.get(participant)
            return [visit] if visit is not None else []
        return [
            visit
            for visit in self.visits.values()
            if visit.principal.role is not Role.SURGEON and visit.principal.connection != asking
        ]

    def _changed(self) -> None:
        for call in self.on_change:
            call()
