"""A longer stay: for a client whose token runs out while it is here, as the pages have it."""

from __future__ import annotations

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.frames import Message, identity, needed
from surgical_guidance.relay.bridge.session import Session
from surgical_guidance.relay.security.door import seconds_left


async def renew(session: Session, message: Message) -> None:
    """Stay for as long as the newer token is good that a ticket was bought with (``POST /ticket`` of the console)."""
    door = session.world.door
    visit = door.attendance.visits.get(session.principal.connection)
    if visit is None:
        raise ProtocolError('this client is being sent away')
    door.renew(visit, needed(message, 'ticket', str))
    session.principal = visit.principal
    session.send({'op': 'renewed', 'token_expires_in': seconds_left(visit.principal)}, identity(message))
