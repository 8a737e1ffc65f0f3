"""What waits for one client. Bounded in every direction, so a client that does not read costs nobody anything.

Answers go first and must arrive. Each topic has a lane of its own; the lanes take turns. What has to go when a lane is
full is dropped, counted, and told to the client as soon as it reads again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol

from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.relay.bridge.kinds import LANE_BYTES, Kind
from surgical_guidance.relay.bridge.sample import Form, Frame, Sample, text
from surgical_guidance.relay.clients import TRY_LATER, Goodbye

ANSWERS = 1024  # waiting for one client
ANSWER_BYTES = 1 << 20
WAITING_BYTES = 4 << 20  # of all topics together
REPORT_S = 1.0  # between two reports of drops
COUNTED = 64  # topics in a report


class Socket(Protocol):
    """What is needed of a connection."""

    on_writable: Callable[[], None]
    """Called when the client reads again."""

    @property
    def writable(self) -> bool:
        """Whether all that was written has gone to the network: nothing is written meanwhile."""

    def write(self, frame: Frame) -> None:
        """Send a message. Returns at once."""


class Lane:
    """One topic on its way to one client. Belongs to the loop's thread.

    :param form: how the client wants it.
    :param interval_ns: shortest time between two messages [ns].
    """

    def __init__(self, outbox: Outbox, topic: str) -> None:
        self._outbox = outbox
        self.topic = topic
        self.kind = Kind(1)
        self.form = Form(topic)
        self.interval_ns = 0
        self.due_ns = 0
        self.waiting: deque[Sample] = deque()
        self.bytes = 0
        self.is_broken = False

    def put(self, sample: Sample) -> None:
        """Leave a message for the client."""
        self._outbox.put(self, sample)

    def take(self) -> Sample:
        """Take the oldest."""
        sample = self.waiting.popleft()
        self.bytes -= len(sample.raw)
        return sample

    def is_full(self, more: int) -> bool:
        """Tell whether there is no room for so many bytes more."""
        if not self.waiting:
            return False
        return len(self.waiting) >= self.kind.longest or self.bytes + more > LANE_BYTES


class Outbox:
    """Everything that waits for one client. Belongs to the loop's thread; nothing here waits.

    While the client reads, a message goes to the network in the very call that brings it: no task is woken for it.

    :param report: makes the message that tells of drops, by topic.
    """

    def __init__(self, socket: Socket, report: Callable[[Counter[str]], Frame | None]) -> None:
        self._socket = socket
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._socket.on_writable = self._flush
        self._answers: deque[Frame] = deque()
        self._pieces: deque[Frame] = deque()  # of a message that is begun
        self._answer_bytes = 0
        self._lanes: deque[Lane] = deque()
        self._waiting_bytes = 0
        self._dropped: Counter[str] = Counter()
        self._report_ns = 0
        self._timer: asyncio.TimerHandle | None = None
        self.goodbye: asyncio.Future[Goodbye] = self._loop.create_future()
        self.sent = 0
        self.dropped = 0

    def lane(self, topic: str) -> Lane:
        """Open a lane."""
        lane = Lane(self, topic)
        self._lanes.append(lane)
        return lane

    def remove(self, lane: Lane) -> None:
        """Close a lane; what waits there is not sent any more, and no drop."""
        self._lanes.remove(lane)
        self._waiting_bytes -= lane.bytes
        lane.waiting.clear()

    def answer(self, *frames: Frame) -> None:
        """Send what must arrive."""
        self._answers.extend(frames)
        self._answer_bytes += sum(len(frame) for frame in frames)
        if len(self._answers) > ANSWERS or (self._answer_bytes > ANSWER_BYTES and len(self._answers) > len(frames)):
            self.close(Goodbye(TRY_LATER, 'this client does not take its answers'))
        self._flush()

    def put(self, lane: Lane, sample: Sample) -> None:
        """Leave a message in a lane, and drop what it has no room for."""
        size = len(sample.raw)
        while lane.is_full(size) or (lane.waiting and self._waiting_bytes + size > WAITING_BYTES):
            if lane.kind.strict:
                self.close(Goodbye(TRY_LATER, f'this client does not keep up with {lane.topic}'))
                return
            self._waiting_bytes -= len(lane.take().raw)
            self._drop(lane)
        if self._waiting_bytes and self._waiting_bytes + size > WAITING_BYTES and not lane.kind.strict:
            self._drop(lane)
            return
        lane.waiting.append(sample)
        lane.bytes += size
        self._waiting_bytes += size
        self._flush()

    def close(self, goodbye: Goodbye) -> None:
        """Ask for the end; the first reason counts."""
        if not self.goodbye.done():
            self.goodbye.set_result(goodbye)

    @property
    def waiting_bytes(self) -> int:
        """Of the topics, as ROS serialised them."""
        return self._waiting_bytes

    def _flush(self) -> None:
        """Send what waits, as far as the client takes it."""
        while self._socket.writable:
            if not self._pieces:
                frames = self._next()
                if frames is None:
                    return
                self._pieces.extend(frames)
            if self._pieces:
                self._socket.write(self._pieces.popleft())

    def _next(self) -> tuple[Frame, ...] | None:
        """Take the most urgent message; None if nothing may go now."""
        if self._answers:
            frame = self._answers.popleft()
            self._answer_bytes -= len(frame)
            return (frame,)
        now_ns = monotonic_ns()
        if self._dropped and now_ns >= self._report_ns:
            self._report_ns = now_ns + int(REPORT_S * NS_PER_S)
            dropped, self._dropped = self._dropped, Counter()
            report = self._report(dropped)
            if report is not None:
                return (report,)
        soonest: int | None = None
        for _ in range(len(self._lanes)):
            lane = self._lanes[0]
            self._lanes.rotate(-1)
            if not lane.waiting:
                continue
            if now_ns >= lane.due_ns:
                lane.due_ns = now_ns + lane.interval_ns
                sample = lane.take()
                self._waiting_bytes -= len(sample.raw)
                self.sent += 1
                return self._encoded(lane, sample)
            soonest = lane.due_ns if soonest is None else min(soonest, lane.due_ns)
        if soonest is not None:
            self._wake_at(soonest)
        return None

    def _encoded(self, lane: Lane, sample: Sample) -> tuple[Frame, ...]:
        """Encode a message, or say once why it cannot be: a text in it that is no Unicode, for one."""
        try:
            return sample.frames(lane.form)
        except Exception as error:  # noqa: BLE001  (a message that cannot be sent must not end the connection)
            if lane.is_broken:
                return ()
            lane.is_broken = True
            words = f'{lane.topic}: a message cannot be sent ({type(error).__name__}: {str(error)[:200]})'
            return (text({'op': 'status', 'level': 'error', 'msg': words}),)

    def _wake_at(self, at_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0, at_ns - monotonic_ns()) / NS_PER_S, self._flush)

    def _drop(self, lane: Lane) -> None:
        """Count what the client will never see; not what it asked to be spared."""
        self.dropped += 1
        if lane.interval_ns == 0 and (lane.topic in self._dropped or len(self._dropped) < COUNTED):
            self._dropped[lane.topic] += 1
