"""A relay without ROS that tests can talk to over real sockets."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from surgical_guidance.clock import StampClock, monotonic_ns
from surgical_guidance.frames import RingWriter, ring_scope
from surgical_guidance.relay.access import bind
from surgical_guidance.relay.facts import FrameFact, SceneFact
from surgical_guidance.relay.security import Door
from surgical_guidance.relay.server import Limits
from surgical_guidance.relay.service import Service, Settings

SIZE = (1280, 720)


class Camera:
    """Writes frames to a ring and tells a service of them."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ring = RingWriter(ring_scope('test'), 8, SIZE[0] * SIZE[1] * 3)
        self._clock = StampClock.from_system()
        self._noise = np.random.default_rng(1).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
        self._rate = 25.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def shoot(self) -> FrameFact:
        """Take one frame, seen through at once."""
        draft = self._ring.begin(*SIZE)
        draft.image[:] = self._noise  # as hard to compress as can be: large messages
        frame = self._ring.commit(draft, self._clock.stamp_ns(monotonic_ns()), monotonic_ns())
        fact = FrameFact(frame.sequence, frame.stamp_ns, frame.monotonic_ns, frame.ring, frame.slot, self._rate)
        self._service.frame(fact)
        self._service.scene(SceneFact(fact.sequence, fact.monotonic_ns, {'of': fact.sequence}))
        return fact

    def run(self, rate: float = 25.0) -> None:
        """Take frames until the end."""
        self._rate = rate

        def shoot_on() -> None:
            while not self._stop.wait(1.0 / rate):
                self.shoot()

        self._thread = threading.Thread(target=shoot_on)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._ring.close()


@dataclass(frozen=True)
class Relay:
    """A running service, its camera and where it is."""

    service: Service
    camera: Camera
    port: int
    problems: list[str]
    ticks: list[int]

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'


@contextmanager
def running(limits: Limits, door: Door | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Relay]:
    listener = bind('127.0.0.1', 0)
    port = listener.getsockname()[1]
    problems: list[str] = []
    ticks: list[int] = []
    service = Service(listener, Settings(80, 1280, limits), lambda: ticks.append(1), problems.append, door, tls)
    service.start()
    camera = Camera(service)
    try:
        yield Relay(service, camera, port, problems, ticks)
    finally:
        camera.close()
        service.stop()
