"""What a page may ask: one handler an operation, each checked against the policy before it is called.

A room that offers something to the pages registers its handlers here; the server knows none of them. A page that asks
for what it may not, or asks it wrongly, is told so in a ``refused`` event; only what is no message at all ends the
connection.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from surgical_guidance.errors import GuidanceError
from surgical_guidance.relay import wire
from surgical_guidance.relay.clients import Client
from surgical_guidance.relay.security import Policy, Principal

Message = dict[str, Any]
Handler = Callable[[Principal, Client, Message], None]
"""Belongs to the loop's thread; returns at once. A :class:`GuidanceError` that it raises is told to the page."""


class Ops:
    """The table of operations. Belongs to the loop's thread.

    :param policy: who may do what.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._handlers: dict[str, tuple[str, Handler]] = {}

    def register(self, op: str, handler: Handler, *, needs: str = '') -> None:
        """Offer an operation.

        :param needs: the operation of the policy that it counts as; its own name if empty.
        """
        self._handlers[op] = (needs or op, handler)

    def take(self, principal: Principal, client: Client, data: str) -> bool:
        """Act on one message of a page; False if it is none of ours."""
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            return False
        op = message.get('op') if isinstance(message, dict) else None
        if not isinstance(op, str) or op not in self._handlers:
            return False
        needs, handler = self._handlers[op]
        if not self._policy.allows(principal, needs):
            _refuse(client, op, f'a {principal.role} may not do this')
            return True
        try:
            handler(principal, client, message)
        except GuidanceError as error:
            _refuse(client, op, str(error))
        return True


def _refuse(client: Client, op: str, reason: str) -> None:
    client.put_event(wire.text('refused', {'what': op, 'reason': reason}))
