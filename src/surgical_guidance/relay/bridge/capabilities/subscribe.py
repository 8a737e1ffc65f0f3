"""Topics to the client."""

from __future__ import annotations

from dataclasses import dataclass, field

from surgical_guidance.clock import NS_PER_MS
from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.frames import Message, identity, needed, optional
from surgical_guidance.relay.bridge.interfaces import type_name
from surgical_guidance.relay.bridge.kinds import NEWEST
from surgical_guidance.relay.bridge.lanes import Lane
from surgical_guidance.relay.bridge.names import absolute, full_type, shown
from surgical_guidance.relay.bridge.sample import Form
from surgical_guidance.relay.bridge.session import Session

COMPRESSIONS = ('none', 'cbor', 'cbor-raw')  # the last of these that a client asked for a topic counts
LONGEST_THROTTLE_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Wish:
    """How one component of a client wants a topic."""

    compression: str
    throttle_ms: int
    queue_length: int
    fragment_size: int | None


@dataclass
class Listening:
    """One topic that the client listens to; its components' wishes by their ids."""

    lane: Lane
    wishes: dict[str | int | None, Wish] = field(default_factory=dict)


class Subscriptions:
    """What one client listens to, by the names it spelt."""

    def __init__(self, session: Session) -> None:
        self.topics: dict[str, Listening] = {}
        self._session = session
        session.on_leave(self.close)

    async def close(self) -> None:
        """End all of it."""
        for name in list(self.topics):
            await self.leave(name)

    async def leave(self, name: str) -> None:
        """End one."""
        listening = self.topics.pop(name)
        self._session.outbox.remove(listening.lane)
        await self._session.world.channels.leave(absolute(name), listening.lane)


async def subscribe(session: Session, message: Message) -> None:
    """Listen to a topic, from now on and, where its publishers keep messages, from before."""
    name = needed(message, 'topic', str)
    topic = absolute(name)
    given = optional(message, 'type', str, '')
    wish = _wish(message)
    world, mine = session.world, session.state(Subscriptions)
    type_ = full_type(given, 'msg') if given else world.channels.type_of(topic)
    if not type_:
        type_ = type_name(await world.channels.resolve(topic, ''))
    session.may('subscribe', topic, type_)
    if name not in mine.topics and len(mine.topics) >= world.limits.subscriptions:
        raise ProtocolError(f'{world.limits.subscriptions} topics are the most for one client', where=name)
    is_new = name not in mine.topics
    listening = mine.topics.setdefault(name, Listening(session.outbox.lane(topic))) if is_new else mine.topics[name]
    before = dict(listening.wishes)
    listening.wishes[identity(message)] = wish
    _shape(session, name, listening, type_)
    try:
        found = await world.channels.join(topic, type_, listening.lane)
    except ProtocolError:
        listening.wishes = before
        if is_new:
            await mine.leave(name)
        raise
    _shape(session, name, listening, found)
    session.status('info', f'subscribe: {name} of type {found}', identity(message))


async def unsubscribe(session: Session, message: Message) -> None:
    """Listen no more: the component of that id, or all of them."""
    name = needed(message, 'topic', str)
    mine = session.state(Subscriptions)
    listening = mine.topics.get(name)
    if listening is None:
        session.status('warning', f'unsubscribe: {shown(name)} was not subscribed to', identity(message))
        return
    if 'id' in message and message['id'] is not None:
        if listening.wishes.pop(identity(message), None) is None:
            session.status('warning', f'unsubscribe: no subscription of this id to {name}', identity(message))
            return
        if listening.wishes:
            _shape(session, name, listening, session.world.channels.type_of(absolute(name)))
            return
    await mine.leave(name)


def _wish(message: Message) -> Wish:
    compression = optional(message, 'compression', str, 'none')
    if compression not in COMPRESSIONS:
        raise ProtocolError(
            f'{shown(compression)} is not served', where='compression', remedy=f'use {", ".join(COMPRESSIONS)}'
        )
    throttle = optional(message, 'throttle_rate', float, 0.0)
    queue_length = optional(message, 'queue_length', int, 0)
    fragment_size = optional(message, 'fragment_size', int, 0) or None
    if not 0 <= throttle <= LONGEST_THROTTLE_MS:
        raise ProtocolError(f'{throttle:g} ms is no time between messages', where='throttle_rate')
    if queue_length < 0:
        raise ProtocolError(f'{queue_length} is no length', where='queue_length')
    if fragment_size is not None and fragment_size < 0:
        raise ProtocolError(f'{fragment_size} is no length', where='fragment_size')
    return Wish(compression, int(throttle), queue_length, fragment_size)


def _shape(session: Session, name: str, listening: Listening, type_: str) -> None:
    """Let the lane serve all wishes at once: the fastest, with the longest queue and the smallest pieces."""
    wishes, lane = listening.wishes.values(), listening.lane
    compression = max((wish.compression for wish in wishes), key=COMPRESSIONS.index)
    sizes = [wish.fragment_size for wish in wishes if wish.fragment_size]
    throttle_ms = min(wish.throttle_ms for wish in wishes)
    length = max(wish.queue_length for wish in wishes)
    kind = session.world.kinds.of(absolute(name), type_, length)
    if throttle_ms and length <= 1 and not kind.strict:
        kind = NEWEST
    lane.kind = kind
    lane.interval_ns = 0 if kind.strict else throttle_ms * NS_PER_MS
    lane.form = Form(name, compression, min(sizes) if sizes else None)
