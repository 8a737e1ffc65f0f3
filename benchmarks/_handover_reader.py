"""The reading process of the handover benchmark: prints the times of all frames as JSON when its input ends."""

from __future__ import annotations

import json
import sys
import threading

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

from surgical_guidance import clock
from surgical_guidance.errors import FrameError
from surgical_guidance.frames import Frame
from surgical_guidance.ports import FrameInput


def main(kind: str, namespace: str) -> None:
    """Read frames or images until standard input says so."""
    rclpy.init(args=[])
    node = Node('reader', namespace=namespace)
    times: list[float] = []
    lost: list[FrameError] = []

    def on_frame(frame: Frame) -> None:
        assert frame.image.shape[2] == 3
        times.append(clock.elapsed_ms(frame.monotonic_ns))

    def on_image(message: Image) -> None:
        array = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        assert array.shape[2] == 3
        times.append(clock.elapsed_ms(clock.from_time(message.header.stamp)))

    if kind == 'ring':
        FrameInput(node, on_frame, lost.append)
    else:
        node.create_subscription(Image, 'image', on_image, 10)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not ended.is_set():
        executor.spin_once(timeout_sec=0.05)
    sys.stdout.write(json.dumps(times))


if __name__ == '__main__':
    main(*sys.argv[1:])
