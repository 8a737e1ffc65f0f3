"""What stages are joined with: by reference inside a process, by topic outside it.

A stage sends into an :class:`Output` and does not know who listens: a neighbour in the same process gets the object
itself, a publisher gets it as a message. Quality of service comes from the contract and from nowhere else.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from surgical_guidance import clock
from surgical_guidance.contract import FRAME, OPTICAL_FRAME, Durability, Reliability, Topic
from surgical_guidance.errors import FrameError
from surgical_guidance.frames import Frame, RingReaders

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from rclpy.qos import QoSProfile
    from rclpy.subscription import Subscription
    from surgical_guidance_msgs.msg import FrameRef

T = TypeVar('T')

SOON_HZ: Final = 8.0
"""From this rate on a lost message is replaced before anybody misses it."""


class Mailbox(Generic[T]):
    """A place for one item: the newest wins, an item nobody took in time is dropped and counted."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Leave an item, in place of the one that still lies there."""
        with self._changed:
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._changed.notify()

    def take(self, timeout: float | None = None) -> T | None:
        """Wait for an item and take it; None when the time [s] is over or the mailbox is closed."""
        with self._changed:
            if self._item is None and not self._closed:
                self._changed.wait(timeout)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        """Wake who waits; nothing is given out any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def waiting(self) -> bool:
        """Whether an item lies there."""
        return self._item is not None

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed


class Output(Generic[T]):
    """Where a stage sends its results. Sinks are called one after another, in the thread of the sender."""

    def __init__(self) -> None:
        self._sinks: tuple[Callable[[T], None], ...] = ()

    def connect(self, sink: Callable[[T], None]) -> None:
        """Add a listener; it must return at once."""
        self._sinks = (*self._sinks, sink)

    def send(self, item: T) -> None:
        """Hand an item to every listener, by reference."""
        for sink in self._sinks:
            sink(item)


def message_class(topic: Topic) -> type:
    """Import the message class of a topic."""
    package, kind, name = topic.type.split('/')
    cls: type = getattr(importlib.import_module(f'{package}.{kind}'), name)
    return cls


def qos(topic: Topic) -> QoSProfile:
    """Give the quality of service of a topic, as its publisher offers it."""
    from rclpy.duration import Duration
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy

    optional: dict[str, Any] = {}
    if topic.deadline and not topic.one_a_frame:  # in frame intervals it depends on the source: the watchdog's matter
        optional['deadline'] = Duration(seconds=topic.deadline)
    if topic.lifespan:
        optional['lifespan'] = Duration(seconds=topic.lifespan)
    if topic.lease:
        # Each message asserts it; a process that lives and hangs does not, and nothing is sent for it alone.
        optional['liveliness'] = LivelinessPolicy.MANUAL_BY_TOPIC
        optional['liveliness_lease_duration'] = Duration(seconds=topic.lease)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=topic.depth,
        reliability=(
            ReliabilityPolicy.RELIABLE if topic.reliability is Reliability.RELIABLE else ReliabilityPolicy.BEST_EFFORT
        ),
        durability=(
            DurabilityPolicy.TRANSIENT_LOCAL
            if topic.durability is Durability.TRANSIENT_LOCAL
            else DurabilityPolicy.VOLATILE
        ),
        **optional,
    )


def reader_qos(topic: Topic) -> QoSProfile:
    """Give the quality of service for one who listens: the publisher's, or less where less is as good.

    What comes at :data:`SOON_HZ` or faster needs no acknowledgement and no history: the next message says it again.
    Every acknowledgement is a timer here and wakes the publisher's process up.
    """
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    profile = qos(topic)
    if topic.rate >= SOON_HZ:
        profile.durability, profile.reliability = DurabilityPolicy.VOLATILE, ReliabilityPolicy.BEST_EFFORT
    return profile


def quiet_qos(topic: Topic, depth: int) -> QoSProfile:
    """Give the quality of service for one who looks at a topic by its own clock.

    Without what wakes the middleware up once more with each message: a deadline is a timer that is set anew, an
    acknowledgement a timer and an answer.

    :param depth: messages that may wait.
    """
    from rclpy.duration import Duration
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    profile = reader_qos(topic)
    profile.depth = depth
    profile.deadline = profile.liveliness_lease_duration = Duration()
    if profile.durability == DurabilityPolicy.VOLATILE:  # the last one of the others must come
        profile.reliability = ReliabilityPolicy.BEST_EFFORT
    return profile


def publisher(node: Node, topic: Topic, *, events: PublisherEventCallbacks | None = None) -> Publisher[Any]:
    """Make the publisher of a topic on a node."""
    return node.create_publisher(message_class(topic), topic.name, qos(topic), event_callbacks=events)


def subscription(
    node: Node,
    topic: Topic,
    callback: Callable[[Any], None],
    *,
    events: SubscriptionEventCallbacks | None = None,
    group: CallbackGroup | None = None,
) -> Subscription[Any]:
    """Make a subscription to a topic on a node."""
    return node.create_subscription(
        message_class(topic), topic.name, callback, reader_qos(topic), event_callbacks=events, callback_group=group
    )


def frame_ref(frame: Frame, nominal_rate: float = 0.0) -> FrameRef:
    """Give the message that names a frame."""
    from std_msgs.msg import Header
    from surgical_guidance_msgs.msg import FrameRef

    return FrameRef(
        header=Header(stamp=clock.to_time(frame.stamp_ns), frame_id=OPTICAL_FRAME),
        sequence=frame.sequence,
        monotonic_ns=frame.monotonic_ns,
        ring=frame.ring,
        slot=frame.slot,
        width=frame.width,
        height=frame.height,
        step=frame.image.strides[0],
        encoding=frame.encoding,
        nominal_rate=float(nominal_rate),
    )


class FrameInput:
    """Frames of a camera in another process: follows its references into its ring.

    :param node: where to subscribe.
    :param sink: gets every frame that could be viewed.
    :param problem: gets every one that could not, as the error that tells why.
    """

    def __init__(self, node: Node, sink: Callable[[Frame], None], problem: Callable[[FrameError], None]) -> None:
        self._readers = RingReaders()
        self._sink = sink
        self._problem = problem
        self._subscription = subscription(node, FRAME, self._on_reference)

    def _on_reference(self, reference: FrameRef) -> None:
        try:
            frame = self._readers.frame(reference.ring, reference.slot, reference.sequence)
        except FrameError as error:
            self._problem(error)
            return
        self._sink(frame)
