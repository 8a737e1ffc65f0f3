"""Stands in for the processes that a recorder listens to: frames in a real ring, and what is said of them."""

from __future__ import annotations

import os
import time

import numpy as np
from rclpy.node import Node
from surgical_guidance_msgs.msg import Alarm, FrameTiming, GuidanceStatus, SceneState, StageStatus, StageTiming

from surgical_guidance.clock import monotonic_ns, to_time
from surgical_guidance.contract import ALARM, FRAME, HEARTBEAT, SCENE, STATUS, TIMING
from surgical_guidance.frames import RingWriter, ring_scope
from surgical_guidance.ports import frame_ref, publisher
from surgical_guidance.recording.node import RecorderNode

WIDTH, HEIGHT = 320, 180


class Feed:
    """Sends by timers on a node, as long as its graph is turned."""

    def __init__(self, node: Node) -> None:
        self.ring = RingWriter(ring_scope(f'/recording_{os.getpid()}'), 8, WIDTH * HEIGHT * 3)
        self.latency_ms = 20.0
        self.watchdog = True
        self.frames = 0
        self._publishers = {topic: publisher(node, topic) for topic in (FRAME, SCENE, TIMING, HEARTBEAT, STATUS, ALARM)}
        node.create_timer(1.0 / 30.0, self.frame)
        node.create_timer(0.1, self.beat)

    def frame(self) -> None:
        draft = self.ring.begin(WIDTH, HEIGHT)
        draft.image[:] = np.uint8((self.frames * 3) % 256)
        frame = self.ring.commit(draft, time.time_ns(), monotonic_ns())
        self.frames = frame.sequence
        reference = frame_ref(frame, 30.0)
        self._publishers[FRAME].publish(reference)
        self._publishers[SCENE].publish(SceneState(header=reference.header, sequence=frame.sequence, valid=True))
        times = StageTiming(stage='capture_to_advice', duration_ms=float(self.latency_ms))
        self._publishers[TIMING].publish(FrameTiming(header=reference.header, sequence=frame.sequence, stages=[times]))

    def beat(self) -> None:
        stamp = to_time(time.time_ns())
        beat = StageStatus(stamp=stamp, stage='camera', pid=os.getpid(), state=StageStatus.ACTIVE)
        self._publishers[HEARTBEAT].publish(beat)
        if self.watchdog:
            self._publishers[STATUS].publish(GuidanceStatus(stamp=stamp, state=GuidanceStatus.OK))

    def alarm(self, name: str, priority: int = Alarm.PRIORITY_HIGH, count: int = 1, ago_s: float = 0.0) -> None:
        at = to_time(time.time_ns() - int(ago_s * 1e9))
        self._publishers[ALARM].publish(
            Alarm(raised_at=at, id=name, priority=priority, active=True, count=count, text_en='text', detail='values')
        )

    def close(self) -> None:
        self.ring.close()


def held(node: RecorderNode) -> dict[str, int]:
    """Count what a recorder has in memory, by topic."""
    counts: dict[str, int] = {}
    for record in node._recorder._memory.snapshot():
        counts[record.topic] = counts.get(record.topic, 0) + 1
    return counts
