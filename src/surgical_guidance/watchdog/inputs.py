"""What the stages send, taken out of the subscriptions turn by turn.

A Python executor that wakes for each of the 150 messages a second costs 10 % of a core. Taking what has come since the
last turn costs 1 %, and needs no event of the middleware at all. When a message came is known all the same: the
middleware notes it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from surgical_guidance_msgs.msg import FrameRef, FrameTiming, SceneState, StageStatus, Suggestion

from surgical_guidance.clock import NS_PER_MS
from surgical_guidance.contract import FRAME, HEARTBEAT, SCENE, SUGGESTION, TIMING, Topic
from surgical_guidance.ports import message_class, quiet_qos
from surgical_guidance.watchdog.facts import REGULAR, StageState
from surgical_guidance.watchdog.metrics import Metrics
from surgical_guidance.watchdog.picture import PictureWatch
from surgical_guidance.watchdog.processes import Processes
from surgical_guidance.watchdog.watch import Watch

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node
    from rclpy.subscription import Subscription

KEPT: Final = 64  # messages of a topic that wait for the next turn, however late it is
LOOK_EVERY_MS: Final = 500
"""How often to look into messages that are costly to unpack; as long as all is well the others are only counted."""

ONLY_COUNTED_MS: Final = 10**9

NO_REASON: Final = 'it does not say why'

_STATES: Final = frozenset(StageState)


@dataclass(slots=True)
class _Feed:
    topic: Topic
    subscription: Subscription[Any]
    look: Callable[[Any, int], None]
    every_ns: int
    next_ns: int = 0
    idle_until_ns: int = 0


class Inputs:
    """Feeds a :class:`Watch` from the topics of the stages it expects.

    :param pictures: is told which ring the frames are in.
    :param unattended: a callback group that keeps the executor away from the subscriptions.
    """

    def __init__(
        self,
        node: Node,
        watch: Watch,
        processes: Processes,
        pictures: PictureWatch,
        unattended: CallbackGroup,
        now_ns: int,
    ) -> None:
        self._watch = watch
        self._processes = processes
        self._pictures = pictures
        self.metrics: Metrics | None = None
        self._taken_ns = now_ns
        self._feeds = [
            _Feed(topic, self._subscribe(node, topic, unattended), look, every_ms * NS_PER_MS)
            for topic, look, every_ms in (
                (HEARTBEAT, self._heartbeat, 0),
                (FRAME, self._frame, LOOK_EVERY_MS),
                (SCENE, self._scene, LOOK_EVERY_MS),
                (TIMING, self._timing, 0),
                (SUGGESTION, self._suggestion, 0),
                *((topic, _nothing, ONLY_COUNTED_MS) for topic in REGULAR),
            )
            if topic is HEARTBEAT or topic.name in watch.topics
        ]

    def take(self, now_ns: int) -> None:
        """Hand on everything that has come since the last time."""
        for feed in self._feeds:
            if now_ns < feed.idle_until_ns:
                continue
            if feed.every_ns >= ONLY_COUNTED_MS * NS_PER_MS:  # seldom, and nothing depends on it
                feed.idle_until_ns = now_ns + LOOK_EVERY_MS * NS_PER_MS
            for _ in range(KEPT):  # a flood must not keep the one who watches from judging
                unpacked = now_ns >= feed.next_ns
                with feed.subscription.handle:
                    taken = feed.subscription.handle.take_message(feed.subscription.msg_type, not unpacked)
                if taken is None:
                    break
                message, info = taken
                at_ns = self._arrival_ns(info['received_timestamp'], now_ns)
                arrivals = self._watch.topics.get(feed.topic.name)
                if arrivals is not None:
                    arrivals.arrived(at_ns)
                elif feed.topic is HEARTBEAT:
                    self._watch.heartbeats.arrived(at_ns)
                if unpacked:
                    feed.look(message, at_ns)
                    doubtful = arrivals is not None and arrivals.doubtful
                    feed.next_ns = now_ns if doubtful else now_ns + feed.every_ns
        self._taken_ns = now_ns

    def _arrival_ns(self, received_ns: int, now_ns: int) -> int:
        """Turn the middleware's note (system time) into monotonic time; it was after the last turn in any case."""
        ago_ns = time.time_ns() - received_ns  # bounded by the turn on both sides: a step of that clock does no harm
        return now_ns - min(max(ago_ns, 0), now_ns - self._taken_ns)

    @staticmethod
    def _subscribe(node: Node, topic: Topic, unattended: CallbackGroup) -> Subscription[Any]:
        profile = quiet_qos(topic, KEPT)
        cls = message_class(topic)
        return node.create_subscription(cls, topic.name, _never_called, profile, callback_group=unattended)

    def _heartbeat(self, message: StageStatus, at_ns: int) -> None:
        if self.metrics is not None:
            self.metrics.heartbeat(message.stage, message.pid, message.detail)
        stage = self._watch.stages.get(message.stage)
        if stage is None:  # not expected: not watched
            return
        if message.pid != stage.pid:
            self._processes.follow(message.pid)
        state, detail = StageState.ERROR, f'its state {message.state} is not known'
        if message.state in _STATES:
            state, detail = StageState(message.state), message.detail
        stage.beat(at_ns, message.pid, state, detail, message.done)

    def _frame(self, message: FrameRef, at_ns: int) -> None:
        self._watch.saw_frame(at_ns, message.ring, message.sequence, message.nominal_rate)
        self._pictures.follow(message.ring)

    def _scene(self, message: SceneState, at_ns: int) -> None:
        self._watch.saw_scene(at_ns, '' if message.valid else message.problem or NO_REASON)

    def _timing(self, message: FrameTiming, at_ns: int) -> None:
        stages = {stage.stage: stage.duration_ms for stage in message.stages}
        latency_ms = stages.get('capture_to_advice', math.nan)
        self._watch.saw_timing(at_ns, latency_ms, message.captured, message.dropped, stages)
        if self.metrics is not None:
            self.metrics.timing(stages, message.captured, message.dropped)

    def _suggestion(self, message: Suggestion, at_ns: int) -> None:
        if self.metrics is not None and message.status == Suggestion.STATUS_VALID:
            self.metrics.suggestion(message.rule_id, message.priority, message.sequence)
        interrupted = message.status == Suggestion.STATUS_INTERRUPTED
        self._watch.saw_suggestion(at_ns, (message.reason or NO_REASON) if interrupted else '')


def _nothing(message: Any, at_ns: int) -> None:
    """Look for nothing in a message: that it came is all there is to know."""


def _never_called(_: Any) -> None:
    raise AssertionError('the executor has taken a message that the watchdog takes by itself')
