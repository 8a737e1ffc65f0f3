"""What a page may ask: one handler an operation, each checked against the policy before it is called.

A room that offers something to the pages registers its handlers here; the server knows none of them. A page that asks
for what it may not, or asks it wrongly, is told so in a ``refused`` event; only what is no message at all ends the
connection. Everything asked is in the audit log, but for the steady talk of watching (``needs='watch'``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from surgical_guidance.errors import GuidanceError
from surgical_guidance.relay import wire
from surgical_guidance.relay.clients import Client
from surgical_guidance.relay.security import Audit, Policy, Principal, read_json

Message = dict[str, Any]
Handler = Callable[[Principal, Client, Message], None]
"""Belongs to the loop's thread; returns at once. A :class:`GuidanceError` that it raises is told to the page."""

STEADY = 'watch'


class Ops:
    """The table of operations. Belongs to the loop's thread.

    :param policy: who may do what.
    :param audit: gets a record of what was asked, and what came of it.
    """

    def __init__(self, policy: Policy, audit: Audit | None = None) -> None:
        self._policy = policy
        self._audit = audit or Audit(None)
        self._handlers: dict[str, tuple[str, Handler]] = {}

    def register(self, op: str, handler: Handler, *, needs: str = '') -> None:
        """Offer an operation.

        :param needs: the operation of the policy that it counts as; its own name if empty.
        """
        self._handlers[op] = (needs or op, handler)

    def allowed(self, principal: Principal) -> list[str]:
        """List the operations that somebody may ask for."""
        return [op for op, (needs, _) in self._handlers.items() if self._policy.allows(principal, needs)]

    def refuse(self, principal: Principal, why: str) -> None:
        """Note that something was no message at all."""
        self._audit.record('message', f'refused: {why}', who=principal)

    def take(self, principal: Principal, client: Client, data: str) -> bool:
        """Act on one message of a page; False if it is none of ours."""
        try:
            message = read_json(data)
        except ValueError as error:
            self.refuse(principal, _first_words(error))
            return False
        op = message.get('op')
        if not isinstance(op, str) or op not in self._handlers:
            self._audit.record('message', 'refused: no operation of ours', who=principal, target=str(op)[:40])
            return False
        needs, handler = self._handlers[op]
        if not self._policy.allows(principal, needs):
            self._audit.record(op, 'refused: not allowed to this role', who=principal)
            _refuse(client, op, f'a {principal.role} may not do this')
            return True
        try:
            handler(principal, client, message)
        except GuidanceError as error:
            self._audit.record(op, 'refused: asked wrongly', who=principal)
            _refuse(client, op, str(error))
        else:
            if needs != STEADY:
                self._audit.record(op, 'allowed', who=principal)
        return True


def _first_words(error: ValueError) -> str:
    """Say what was wrong with a message, without what was in it."""
    return str(error).partition(':')[0]


def _refuse(client: Client, op: str, reason: str) -> None:
    client.put_event(wire.text('refused', {'what': op, 'reason': reason}))
