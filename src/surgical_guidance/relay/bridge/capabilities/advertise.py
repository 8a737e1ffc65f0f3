"""Topics from the client: saying that it will send to one."""

from __future__ import annotations

from dataclasses import dataclass, field

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.frames import Message, identity, needed, optional
from surgical_guidance.relay.bridge.interfaces import find, type_name
from surgical_guidance.relay.bridge.kinds import LONGEST_QUEUE
from surgical_guidance.relay.bridge.names import absolute, full_type, shown
from surgical_guidance.relay.bridge.robot import Publisher
from surgical_guidance.relay.bridge.session import Session

QUEUE = 100  # messages that a publisher keeps for slow subscribers in ROS, where the client asks for no number


@dataclass
class Advertised:
    """One topic that the client sends to."""

    cls: type
    type: str
    publisher: Publisher
    ids: set[str | int | None] = field(default_factory=set)


class Publishers:
    """What one client sends to, by absolute name."""

    def __init__(self, session: Session) -> None:
        self.topics: dict[str, Advertised] = {}
        self._session = session
        session.on_leave(self.close)

    async def close(self) -> None:
        """End all of it."""
        for topic in list(self.topics):
            await self.leave(topic)

    async def leave(self, topic: str) -> None:
        """End one."""
        await self.topics.pop(topic).publisher.close()

    async def get(self, topic: str, type_: str, *, latch: bool = False, depth: int = QUEUE) -> Advertised:
        """Give the publisher of a topic, and make it at the first need.

        :raises ProtocolError: if the topic has another type, or too many are advertised.
        """
        session = self._session
        known = self.topics.get(topic)
        if known is not None:
            if type_ and find(type_, 'msg') is not known.cls:
                raise ProtocolError(f'this topic is advertised as {known.type}', where=topic)
            return known
        if len(self.topics) >= session.world.limits.subscriptions:
            raise ProtocolError(f'{session.world.limits.subscriptions} topics are the most for one client', where=topic)
        cls = await session.world.channels.resolve(topic, type_)
        publisher = await session.world.robot.advertise(topic, cls, latch, depth)
        advertised = self.topics[topic] = Advertised(cls, type_name(cls), publisher)
        return advertised


async def advertise(session: Session, message: Message) -> None:
    """Make a publisher; ``latch`` keeps the last message for late comers."""
    topic = absolute(needed(message, 'topic', str))
    type_ = full_type(needed(message, 'type', str), 'msg')
    latch = optional(message, 'latch', bool, False)
    depth = min(max(optional(message, 'queue_size', int, 0), 0), LONGEST_QUEUE) or QUEUE
    session.may('advertise', topic, type_)
    advertised = await session.state(Publishers).get(topic, type_, latch=latch, depth=depth)
    advertised.ids.add(identity(message))
    session.status('info', f'advertise: {topic} of type {type_}', identity(message))


async def unadvertise(session: Session, message: Message) -> None:
    """Take it back: for the component of that id, or for all of them."""
    topic = absolute(needed(message, 'topic', str))
    mine = session.state(Publishers)
    advertised = mine.topics.get(topic)
    if advertised is None:
        session.status('warning', f'unadvertise: {shown(topic)} was not advertised', identity(message))
        return
    if identity(message) is not None:
        advertised.ids.discard(identity(message))
        if advertised.ids - {None}:
            return
    await mine.leave(topic)
