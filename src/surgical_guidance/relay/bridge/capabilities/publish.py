"""Topics from the client: sending."""

from __future__ import annotations

from typing import Any

from surgical_guidance.clock import to_time
from surgical_guidance.relay.bridge.capabilities.advertise import Publishers
from surgical_guidance.relay.bridge.decoding import fill
from surgical_guidance.relay.bridge.frames import Message, identity, needed, optional
from surgical_guidance.relay.bridge.interfaces import type_name
from surgical_guidance.relay.bridge.names import absolute
from surgical_guidance.relay.bridge.session import Session

STAMP = ('header', 'header.stamp')


async def publish(session: Session, message: Message) -> None:
    """Send a message. A topic that was not advertised is, by that; a header without a stamp gets one."""
    topic = absolute(needed(message, 'topic', str))
    mine = session.state(Publishers)
    known = mine.topics.get(topic)
    given = optional(message, 'type', str, '')
    type_ = known.type if known else type_name(await session.world.channels.resolve(topic, given))
    session.may('publish', topic, type_)
    advertised = known or await mine.get(topic, type_)
    if not known:
        advertised.ids.add(identity(message))
    values = message.get('msg', {})
    made: Any = advertised.cls()
    missing = fill(made, {} if values is None else values)
    if any(name in STAMP for name in missing) and hasattr(made, 'header'):
        made.header.stamp = to_time(session.world.robot.now_ns())
    advertised.publisher.publish(made)
    left = [name for name in missing if not name.startswith('header')]
    if left:
        session.status('warning', f'publish: {topic} without {", ".join(left[:16])}', identity(message))
