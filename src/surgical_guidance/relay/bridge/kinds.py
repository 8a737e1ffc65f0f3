"""What becomes of a topic's messages that a client does not take in time."""

from __future__ import annotations

from dataclasses import dataclass

from surgical_guidance.contract import ALARM, STATUS, SUGGESTION, TOPICS, Reliability

PICTURES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/PointCloud2')

QUEUE = 100  # messages, where the client asks for no length; roslib asks for this many
LONGEST_QUEUE = 1000
LANE_BYTES = 1 << 20  # waiting of one topic


@dataclass(frozen=True, slots=True)
class Kind:
    """How much of a topic may wait for one client.

    :param longest: messages; beyond it the oldest goes, and the client is told.
    :param strict: nothing may go: a client that does not keep up is closed.
    """

    longest: int
    strict: bool = False


NEWEST = Kind(1)
"""Pictures and telemetry: worth nothing when a newer one is there."""
STRICT = Kind(64, strict=True)
"""Advice and alarms: a client is closed rather than left with a hole."""


class Kinds:
    """Tells the kind of every topic.

    :param namespace: where our own topics live.
    """

    def __init__(self, namespace: str) -> None:
        names = {topic: topic.name if topic.name.startswith('/') else f'{namespace}/{topic.name}' for topic in TOPICS}
        self._strict = {names[topic] for topic in (SUGGESTION, ALARM)}
        self._newest = {
            name
            for topic, name in names.items()
            if topic.one_a_frame
            or topic is STATUS
            or (topic.depth == 1 and topic.reliability is Reliability.BEST_EFFORT)
        }

    def of(self, topic: str, type_: str, queue_length: int) -> Kind:
        """Give the kind of a topic.

        :param queue_length: what the client asks for; 0: it does not say.
        """
        if topic in self._strict:
            return STRICT
        if topic in self._newest or type_ in PICTURES:
            return NEWEST
        return Kind(min(queue_length, LONGEST_QUEUE) or QUEUE)
