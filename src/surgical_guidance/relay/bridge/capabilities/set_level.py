"""How much a client wants to be told."""

from __future__ import annotations

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.frames import Message, needed
from surgical_guidance.relay.bridge.names import shown
from surgical_guidance.relay.bridge.session import LEVELS, Session


async def set_level(session: Session, message: Message) -> None:
    """Send status messages of this level and of the worse ones."""
    level = needed(message, 'level', str)
    if level not in LEVELS:
        raise ProtocolError(f'{shown(level)} is no level', where='level', remedy=f'use {", ".join(LEVELS)}')
    session.level = level
