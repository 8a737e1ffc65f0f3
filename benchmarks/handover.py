"""Handing a 1080p picture from capture to engine input: by reference, through the ring, and as sensor_msgs/Image.

All three in one run at 30 Hz, each from the moment the pixels lie in the memory that the source draws into, until the
stage that feeds the engine holds them as an array: scaling into the engine's input comes after that, and is the same
for all. ``Image`` goes the way a user would take without this project: plain rclpy between two processes with the
default quality of service, filled the fastest way rclpy allows.
"""

from __future__ import annotations

import array
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import Image

from surgical_guidance import clock
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.contract import FRAME
from surgical_guidance.errors import HostError
from surgical_guidance.frames import Frame, RingWriter, ring_scope
from surgical_guidance.ports import Mailbox, Output, frame_ref, publisher

WIDTH, HEIGHT, RATE = 1920, 1080, 30.0
WARM_UP, FRAMES = 15, 150
NAMESPACE = '/bench_handover'


def run(tell: Tell) -> Iterator[Measured]:
    """Measure the three ways and their ratios."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    rclpy.init(args=[])
    node = Node('writer', namespace=NAMESPACE)
    ring = RingWriter(ring_scope(NAMESPACE), 8, picture.nbytes)
    try:
        composed = _composed(ring, picture, lambda share: tell(share / 3, 'by reference'))
        by_ring = _ring(node, ring, picture, lambda share: tell((1 + share) / 3, 'through the ring'))
        image = _image(node, picture, lambda share: tell((2 + share) / 3, 'sensor_msgs/Image'))
    finally:
        ring.close()
        node.destroy_node()
        rclpy.try_shutdown()
    for name, times in (('composed', composed), ('ring', by_ring), ('image', image)):
        for quantile in (50, 99):
            yield Measured(f'{name}_p{quantile}', float(np.percentile(times, quantile)), 'ms')
        yield Measured(f'{name}_max', max(times), 'ms')
        yield Measured(f'{name}_delivered', 100.0 * len(times) / FRAMES, '%')
    yield Measured('composed_times_faster_p50', float(np.median(image) / np.median(composed)), 'x')
    yield Measured('ring_times_faster_p50', float(np.median(image) / np.median(by_ring)), 'x')


def _paced(send: Callable[[], None], tell: Callable[[float], None]) -> None:
    """Send every frame when it is due."""
    start = time.monotonic()
    for number in range(WARM_UP + FRAMES):
        delay = start + number / RATE - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        send()
        tell((number + 1) / (WARM_UP + FRAMES))


def _draw(ring: RingWriter, picture: NDArray[np.uint8]) -> Frame:
    """Draw into the ring as a source does; the capture time is when the pixels are there."""
    draft = ring.begin(WIDTH, HEIGHT)
    np.copyto(draft.image, picture)
    return ring.commit(draft, time.time_ns(), clock.monotonic_ns())


def _composed(ring: RingWriter, picture: NDArray[np.uint8], tell: Callable[[float], None]) -> list[float]:
    """Measure what the composed process does: an output, a mailbox, the thread that feeds the engine."""
    mailbox: Mailbox[Frame] = Mailbox()
    output: Output[Frame] = Output()
    output.connect(mailbox.put)
    times: list[float] = []
    drained = threading.Event()

    def feed_engine() -> None:
        while (frame := mailbox.take()) is not None:
            assert frame.image.shape == picture.shape
            times.append(clock.elapsed_ms(frame.monotonic_ns))
            if len(times) == WARM_UP + FRAMES:
                drained.set()

    thread = threading.Thread(target=feed_engine)
    thread.start()
    _paced(lambda: output.send(_draw(ring, picture)), tell)
    drained.wait(1.0)
    mailbox.close()
    thread.join()
    return times[WARM_UP:]


def _ring(node: Node, ring: RingWriter, picture: NDArray[np.uint8], tell: Callable[[float], None]) -> list[float]:
    references = publisher(node, FRAME)
    with _Reader('ring') as reader:
        reader.wait_until(lambda: references.get_subscription_count() > 0)
        _paced(lambda: references.publish(frame_ref(_draw(ring, picture), RATE)), tell)
        return reader.times()


def _image(node: Node, picture: NDArray[np.uint8], tell: Callable[[float], None]) -> list[float]:
    images = node.create_publisher(Image, 'image', 10)

    def send() -> None:
        drawn = picture.copy()
        now = clock.to_time(clock.monotonic_ns())
        data = array.array('B')
        data.frombytes(memoryview(drawn).cast('B'))
        message = Image(height=HEIGHT, width=WIDTH, encoding='bgr8', step=WIDTH * 3)
        message.header.stamp = now
        message.data = data
        images.publish(message)

    with _Reader('image') as reader:
        reader.wait_until(lambda: images.get_subscription_count() > 0)
        _paced(send, tell)
        return reader.times()


class _Reader:
    """The reading process; at its end it writes the times of all frames [ms]."""

    def __init__(self, kind: str) -> None:
        program = Path(__file__).with_name('_handover_reader.py')
        self._process = subprocess.Popen(
            [sys.executable, str(program), kind, NAMESPACE], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        )

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def wait_until(self, connected: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20.0
        while not connected():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise HostError(
                    'the reading process was not found', where='handover', remedy='do DDS packets pass here?'
                )
            time.sleep(0.02)

    def times(self) -> list[float]:
        """End the reader and give its times after the warm-up."""
        time.sleep(0.3)  # the last frames may be on their way
        output, _ = self._process.communicate('end\n', timeout=20.0)
        times: list[float] = json.loads(output)
        return times[WARM_UP:]
