"""A peer that sends garbage on the topics of the frame path, up to 1000 a second on each, until it is killed."""

from __future__ import annotations

import random
import sys
import time

import rclpy
from rclpy.node import Node
from std_msgs.msg import Header
from surgical_guidance_msgs.msg import FrameRef, FrameTiming, SceneState, StageStatus, StageTiming

from surgical_guidance.contract import FRAME, HEARTBEAT, NAMESPACE, SCENE, TIMING
from surgical_guidance.ports import publisher

EVERY_S = 0.001  # between two rounds of the four topics


def flood(domain: int) -> None:
    """Send garbage for ever."""
    rclpy.init(args=[], domain_id=domain)
    node = Node('garbage', namespace=NAMESPACE)
    chance = random.Random(1)  # noqa: S311  (garbage, not a secret)
    outputs = {topic: publisher(node, topic) for topic in (FRAME, SCENE, TIMING, HEARTBEAT)}
    nan = float('nan')
    while True:
        time.sleep(EVERY_S)
        outputs[FRAME].publish(
            FrameRef(header=Header(), sequence=chance.getrandbits(60), ring='surgical_guidance.x', encoding='?' * 50,
                     nominal_rate=chance.choice((nan, -1.0, 1e-9, 1e30)))
        )  # fmt: skip
        outputs[SCENE].publish(SceneState(sequence=chance.getrandbits(60), problem='garbage' * 20))
        outputs[TIMING].publish(FrameTiming(stages=[StageTiming(stage='capture_to_advice', duration_ms=nan)]))
        outputs[HEARTBEAT].publish(StageStatus(stage=chance.choice(('camera', 'nobody', '')), pid=2**31 - 1, state=99))


if __name__ == '__main__':
    flood(int(sys.argv[1]))
