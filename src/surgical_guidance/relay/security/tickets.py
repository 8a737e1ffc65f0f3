"""Tickets: what a browser shows at the handshake of a WebSocket, where it cannot set a header.

A ticket is bought with the bearer token (``POST /ticket``), is good once and for 30 s, and is worth nothing to whoever
reads it in a log afterwards.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable

from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.errors import AccessError
from surgical_guidance.relay.security.principal import Principal

LIFE_S = 30
KEPT = 1024  # bought and not used yet; the oldest is forgotten first


class Tickets:
    """The tickets that are out. Belongs to the loop's thread."""

    def __init__(self, now_ns: Callable[[], int] = monotonic_ns) -> None:
        self._now_ns = now_ns
        self._out: OrderedDict[str, tuple[Principal, int]] = OrderedDict()

    def sell(self, principal: Principal) -> str:
        """Give a ticket for somebody whose token was verified."""
        ticket = secrets.token_urlsafe(32)
        self._out[ticket] = (principal, self._now_ns() + LIFE_S * NS_PER_S)
        while len(self._out) > KEPT:
            self._out.popitem(last=False)
        return ticket

    def redeem(self, ticket: str) -> Principal:
        """Take a ticket back; it is gone from now on.

        :raises AccessError: if it was never sold, was used or is too old; which of them is not told.
        """
        principal, until_ns = self._out.pop(ticket, (None, 0))
        if principal is None or self._now_ns() > until_ns:
            raise AccessError('this ticket is not valid', remedy='get another with POST /ticket')
        return principal
