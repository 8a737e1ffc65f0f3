"""Stands in for the stages: publishes what they would, at the rate of a source. Also a process; see ``__main__``."""

from __future__ import annotations

import itertools
import os
import sys
import time
from functools import partial
from types import SimpleNamespace
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from std_msgs.msg import Header
from surgical_guidance_msgs.msg import (
    FrameRef,
    FrameTiming,
    SceneState,
    StageStatus,
    StageTiming,
    Suggestion,
)

from surgical_guidance.clock import monotonic_ns, to_time
from surgical_guidance.contract import FRAME, HEARTBEAT, SCENE, STAGES, SUGGESTION, TIMING, Topic
from surgical_guidance.ports import message_class, publisher
from surgical_guidance.pulses import Board
from surgical_guidance.watchdog.facts import REGULAR

FPS = 30.0


class Feed:
    """The messages of all stages: call each method at its own rate.

    :param fps: of the source.
    """

    def __init__(self, node: Node, fps: float) -> None:
        self.fps = fps
        self.stages = STAGES
        self.latency_ms = 20.0
        self.pictures = True
        self.states = dict.fromkeys(STAGES, StageStatus.ACTIVE)
        self.ring = 'feed'
        self.last_ns = self.last_stamp_ns = 0
        self._sequence = 0
        self._beats = 0
        self._publishers = {t: publisher(node, t) for t in (FRAME, SCENE, TIMING, SUGGESTION, HEARTBEAT, *REGULAR)}

    def frame(self) -> None:
        self._sequence += 1
        if not self.pictures:
            return
        self.last_stamp_ns = time.time_ns()
        header = Header(stamp=to_time(self.last_stamp_ns))
        self.last_ns = monotonic_ns()
        self._publishers[FRAME].publish(
            FrameRef(header=header, sequence=self._sequence, ring=self.ring, encoding='bgr8', nominal_rate=self.fps)
        )
        self._publishers[SCENE].publish(SceneState(header=header, sequence=self._sequence, valid=True))
        times = StageTiming(stage='capture_to_advice', duration_ms=float(self.latency_ms))
        self._publishers[TIMING].publish(
            FrameTiming(header=header, sequence=self._sequence, stages=[times], captured=self._sequence)
        )

    def suggest(self) -> None:
        self._publishers[SUGGESTION].publish(Suggestion(status=Suggestion.STATUS_NONE))

    def beat(self) -> None:
        self._beats += 1
        for topic in REGULAR if self._beats % 5 == 1 else ():
            self._publishers[topic].publish(message_class(topic)())
        for stage in self.stages:
            self._publishers[HEARTBEAT].publish(StageStatus(stage=stage, pid=os.getpid(), state=self.states[stage]))


class BoardFeed(Feed):
    """The same by boards of pulses, as stages of this host do; they could publish, and here they do not."""

    def __init__(self, node: Node, fps: float) -> None:
        super().__init__(node, fps)
        domain = str(node.context.get_domain_id())
        self.boards = {stage: Board(node.get_namespace(), domain, stage) for stage in STAGES}
        self._unused = self._publishers
        self._publishers = {topic: SimpleNamespace(publish=partial(self._write, topic)) for topic in self._unused}

    def _write(self, topic: Topic, message: Any) -> None:
        self.boards[message.stage if topic is HEARTBEAT else topic.publisher].write(topic, message)

    def close(self) -> None:
        for board in self.boards.values():
            board.close()


def main() -> None:
    """Feed until killed; says the monotonic time of every frame [ns], for who measures."""
    context = Context()
    rclpy.init(args=[], context=context)
    feed = Feed(Node('feed', namespace='/surgical_guidance', context=context), FPS)
    due = time.monotonic()
    for number in itertools.count():
        feed.frame()
        if number % 3 == 0:
            feed.beat()
        if number % 6 == 0:
            feed.suggest()
        sys.stdout.write(f'{feed.last_ns}\n')
        sys.stdout.flush()
        due += 1.0 / FPS
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == '__main__':
    main()
