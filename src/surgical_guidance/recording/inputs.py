"""What the processes say, taken out of the subscriptions turn by turn, as bytes.

As the watchdog does: taking what has come since the last turn costs a tenth of waking for every message, and what is
only kept is never unpacked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.contract import TOPICS, TRUTH, Durability, Reliability, Topic
from surgical_guidance.ports import message_class, reader_qos
from surgical_guidance.recording.memory import Record

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node
    from rclpy.subscription import Subscription

ROSOUT: Final = Topic(
    '/rosout', 'rcl_interfaces/msg/Log', 'every node', 'the log', Reliability.RELIABLE, Durability.TRANSIENT_LOCAL
)
PARAMETER_EVENTS: Final = Topic(
    '/parameter_events',
    'rcl_interfaces/msg/ParameterEvent',
    'every node',
    'changes of parameters',
    Reliability.RELIABLE,
)
_PICTURES: Final = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
RECORDED: Final = (
    *(topic for topic in TOPICS if topic.type not in _PICTURES and topic is not TRUTH), ROSOUT, PARAMETER_EVENTS,
)  # fmt: skip
"""Every topic of the contract but the pictures, which come by reference, and the two of ROS that every node has."""

KEPT: Final = 64  # messages of a topic that wait for the next turn


class Inputs:
    """The subscriptions of the recorder.

    :param unattended: a callback group that keeps the executor away from them.
    """

    def __init__(self, node: Node, unattended: CallbackGroup) -> None:
        self._node = node
        self.names = {topic: node.resolve_topic_name(topic.name) for topic in RECORDED}
        self.types = {self.names[topic]: topic.type for topic in RECORDED}
        self._subscriptions = [(topic, self._subscribe(topic, unattended)) for topic in RECORDED]

    def take(self) -> Iterator[tuple[Topic, Record]]:
        """Give what has come since the last time; of a topic that is flooded only so much that a turn ends."""
        for topic, subscription in self._subscriptions:
            for _ in range(KEPT):
                with subscription.handle:
                    taken = subscription.handle.take_message(subscription.msg_type, True)
                if taken is None:
                    break
                data, info = taken
                yield (
                    topic,
                    Record(
                        self.names[topic],
                        bytes(data),
                        monotonic_ns(),
                        int(info['received_timestamp']),
                        int(info['source_timestamp']),
                    ),
                )

    def close(self) -> None:
        """Take nothing any more."""
        for _, subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _subscribe(self, topic: Topic, unattended: CallbackGroup) -> Subscription[Any]:
        profile = reader_qos(topic)
        profile.depth = KEPT
        cls = message_class(topic)
        return self._node.create_subscription(cls, topic.name, _never_called, profile, callback_group=unattended)


def _never_called(_: Any) -> None:
    raise AssertionError('the executor has taken a message that the recorder takes by itself')
