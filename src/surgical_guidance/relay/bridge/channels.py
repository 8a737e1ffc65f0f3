"""The topics that somebody listens to: one subscription each, however many clients.

Who comes late to a topic whose publishers keep messages is first fed by a subscription of its own, since only the
middleware knows what is still valid of the past. When that has told it, the client goes over to the common one;
what both brought is delivered once. Messages are told apart by the time their publisher sent them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.interfaces import find, type_name
from surgical_guidance.relay.bridge.lanes import Lane
from surgical_guidance.relay.bridge.robot import Feed, Robot
from surgical_guidance.relay.bridge.sample import Sample

DEPTH = 64  # of a subscription; DDS sends it nothing that its publisher does not keep
CATCH_UP_S = 0.5  # for a subscription of a late comer's own to bring what publishers keep
REMEMBERED = 256  # messages that are told apart


class Channel:
    """One topic and its listeners. Belongs to the loop's thread."""

    def __init__(self, robot: Robot, topic: str, cls: type) -> None:
        self.topic = topic
        self.cls = cls
        self.type = type_name(cls)
        self.feed: Feed | None = None
        self.listeners: set[Lane] = set()
        self.late: dict[Lane, LateComer] = {}
        self.samples = 0
        self._robot = robot
        self._seen: deque[int] = deque(maxlen=REMEMBERED)
        self.recent: deque[tuple[int, Sample]] = deque(maxlen=REMEMBERED)

    def take(self, stamp_ns: int, raw: bytes) -> None:
        """Hand a message to everybody who listens."""
        if stamp_ns:
            if stamp_ns in self._seen:
                return  # two subscriptions overlap while the quality of service changes
            self._seen.append(stamp_ns)
        self.samples += 1
        sample = self.sample(raw)
        if self.late:
            self.recent.append((stamp_ns, sample))
        for lane in self.listeners:
            late = self.late.get(lane)
            if late is None or late.wants(stamp_ns):
                lane.put(sample)

    def sample(self, raw: bytes) -> Sample:
        """Wrap a message."""
        return Sample(self.cls, raw, self._robot.deserialise, self._robot.now_ns())


class LateComer:
    """What a lane that came late has been told of the past, until it is one of many."""

    def __init__(self, channel: Channel, lane: Lane) -> None:
        self._channel = channel
        self._lane = lane
        self._told: set[int] = set()
        self._caught_up = False

    def take(self, stamp_ns: int, raw: bytes) -> None:
        """Take a message of the lane's own subscription."""
        if self._caught_up or self._channel.late.get(self._lane) is not self:
            return
        self._told.add(stamp_ns)
        self._lane.put(self._channel.sample(raw))

    def wants(self, stamp_ns: int) -> bool:
        """Tell whether a message of the common subscription is new to the lane."""
        return self._caught_up and stamp_ns not in self._told

    def catch_up(self) -> None:
        """Go over to the common subscription: what only that brought so far comes now."""
        self._caught_up = True
        for stamp_ns, sample in self._channel.recent:
            if stamp_ns not in self._told:
                self._lane.put(sample)


class Channels:
    """All channels. Belongs to the loop's thread.

    :param robot: ROS.
    """

    def __init__(self, robot: Robot) -> None:
        self._robot = robot
        self._channels: dict[str, Channel] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def type_of(self, topic: str) -> str:
        """Give the type of a topic that somebody listens to already; empty for any other."""
        channel = self._channels.get(topic)
        return channel.type if channel is not None else ''

    @property
    def topics(self) -> tuple[str, ...]:
        """What somebody listens to."""
        return tuple(self._channels)

    async def join(self, topic: str, type_: str, lane: Lane) -> str:
        """Let a lane listen.

        :param type_: empty: whatever the topic has.
        :return: the full type.
        :raises ProtocolError: if there is no such topic or it has another type.
        """
        async with self._lock(topic):
            channel = self._channels.get(topic)
            if channel is None:
                channel = Channel(self._robot, topic, await self.resolve(topic, type_))
                channel.listeners.add(lane)
                self._channels[topic] = channel
                try:
                    channel.feed = await self._robot.subscribe(topic, channel.cls, DEPTH, channel.take)
                except BaseException:
                    del self._channels[topic]
                    raise
                return channel.type
            if type_ and find(type_, 'msg') is not channel.cls:
                raise ProtocolError(f'this topic has the type {channel.type}', where=topic)
            if lane not in channel.listeners:
                if channel.feed is not None and channel.feed.keeps:
                    await self._join_late(channel, lane)
                channel.listeners.add(lane)
            return channel.type

    async def leave(self, topic: str, lane: Lane) -> None:
        """Let a lane listen no more; the last one closes the channel."""
        async with self._lock(topic):
            channel = self._channels.get(topic)
            if channel is None:
                return
            channel.listeners.discard(lane)
            channel.late.pop(lane, None)
            if not channel.listeners:
                del self._channels[topic]
                if channel.feed is not None:
                    await channel.feed.close()

    async def resolve(self, topic: str, type_: str) -> type:
        """Give the class of a topic that nobody here listens to.

        :raises ProtocolError: if the type cannot be told, or is another one than the topic has.
        """
        known = (await self._robot.topics()).get(topic, [])
        if not type_ and not known:
            raise ProtocolError('there is no such topic, so its type is not known', where=topic,
                                remedy='give the type')  # fmt: skip
        cls = find(type_ or known[0], 'msg')
        if known and type_name(cls) not in known:
            raise ProtocolError(f'this topic has the type {known[0]}, not {type_name(cls)}', where=topic)
        return cls

    async def close(self) -> None:
        """Forget everything."""
        for task in self._tasks:
            task.cancel()
        for channel in list(self._channels.values()):
            if channel.feed is not None:
                await channel.feed.close()
        self._channels.clear()

    async def _join_late(self, channel: Channel, lane: Lane) -> None:
        late = channel.late[lane] = LateComer(channel, lane)
        own = await self._robot.subscribe(channel.topic, channel.cls, DEPTH, late.take)
        task = asyncio.create_task(self._catch_up(channel, lane, late, own))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _catch_up(self, channel: Channel, lane: Lane, late: LateComer, own: Feed) -> None:
        try:
            await asyncio.sleep(CATCH_UP_S)
            if channel.late.get(lane) is late:
                late.catch_up()
            await own.close()
            await asyncio.sleep(CATCH_UP_S)  # what the common subscription still brings of the same
        finally:
            if channel.late.get(lane) is late:
                del channel.late[lane]
            if not channel.late:
                channel.recent.clear()
            with contextlib.suppress(ProtocolError):
                await own.close()

    def _lock(self, topic: str) -> asyncio.Lock:
        if len(self._locks) > 4 * REMEMBERED:
            self._locks = {name: lock for name, lock in self._locks.items() if lock.locked() or name in self._channels}
        return self._locks.setdefault(topic, asyncio.Lock())
