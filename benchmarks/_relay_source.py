"""The publishing process of the relay benchmark: a 1080p JPEG and a small message at 30 Hz, stamped when they are sent.

Stamps are of the monotonic clock, which all processes of a host share. It ends when its input does.
"""

from __future__ import annotations

import array
import sys
import threading

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage

from surgical_guidance import clock

RATE = 30.0
BYTES = 205_000  # of the JPEG, about


def picture() -> bytes:
    """Make a 1080p JPEG of about :data:`BYTES` bytes: smooth, with as much noise as that takes."""
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(0, 256, (9, 16, 3), np.uint8), (1920, 1080), interpolation=cv2.INTER_CUBIC)
    noise = rng.normal(0.0, 1.0, smooth.shape)
    best = b''
    for amount in np.arange(0.5, 12.0, 0.5):
        noisy = np.clip(smooth + amount * noise, 0, 255).astype(np.uint8)
        encoded = cv2.imencode('.jpg', noisy, (cv2.IMWRITE_JPEG_QUALITY, 80))[1].tobytes()
        if abs(len(encoded) - BYTES) < abs(len(best) - BYTES):
            best = encoded
    return best


def main() -> None:
    """Publish until standard input ends."""
    rclpy.init(args=[])
    node = Node('relay_bench_source')
    pictures = node.create_publisher(CompressedImage, '/bench/picture', 1)
    smalls = node.create_publisher(DiagnosticArray, '/bench/small', 10)
    jpeg = CompressedImage(format='jpeg', data=array.array('B', picture()))
    values = [KeyValue(key=f'value {number}', value=str(number)) for number in range(8)]
    small = DiagnosticArray(status=[DiagnosticStatus(name='bench', message='runs', values=values)])
    sys.stdout.write(f'{len(jpeg.data)}\n')
    sys.stdout.flush()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    start_ns, number = clock.monotonic_ns(), 0
    while not ended.wait(max(0.0, (start_ns + number * 1e9 / RATE - clock.monotonic_ns()) / 1e9)):
        small.header.stamp = clock.to_time(clock.monotonic_ns())
        smalls.publish(small)
        jpeg.header.stamp = clock.to_time(clock.monotonic_ns())
        pictures.publish(jpeg)
        number += 1
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
