"""A relay without ROS whose pictures tell their number, and viewers that are no browsers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from numpy.typing import NDArray

from surgical_guidance.clock import StampClock, monotonic_ns
from surgical_guidance.frames import RingWriter, ring_scope
from surgical_guidance.relay.access import bind
from surgical_guidance.relay.facts import FrameFact, SceneFact
from surgical_guidance.relay.security import Door, Policy
from surgical_guidance.relay.server import Limits
from surgical_guidance.relay.service import Service, Settings
from surgical_guidance.relay.video.settings import Reach, VideoSettings

BARS, BAR = 16, 40  # bits of the number, and how many pixels of 1280 each takes


def numbered(number: int, width: int = 1280, height: int = 720) -> NDArray[np.uint8]:
    """A picture that tells its number, in bars that survive any encoder."""
    image = np.full((height, width, 3), 90, np.uint8)
    for bit in range(BARS):
        left, right = bit * BAR * width // 1280, (bit + 1) * BAR * width // 1280
        image[: height // 4, left:right] = 235 if number >> bit & 1 else 20
    return image


def number_of(image: NDArray[np.uint8]) -> int:
    """Read it back from a picture of any size."""
    width, row = image.shape[1], image[image.shape[0] // 8]
    return sum(1 << bit for bit in range(BARS) if row[int((bit + 0.5) * BAR * width / 1280)].mean() > 128)


class Camera:
    """Takes pictures steadily and remembers when each was taken."""

    def __init__(self, service: Service, rate: float = 30.0) -> None:
        self.captured_ns: dict[int, int] = {}
        self._service = service
        self._ring = RingWriter(ring_scope('video-test'), 8, 1280 * 720 * 3)
        self._clock = StampClock.from_system()
        self._rate = rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(1.0 / self._rate):
            draft = self._ring.begin(1280, 720)
            draft.image[:] = numbered(draft.sequence % (1 << BARS))
            now_ns = monotonic_ns()
            frame = self._ring.commit(draft, self._clock.stamp_ns(now_ns), now_ns)
            self.captured_ns[frame.sequence] = now_ns
            self._service.frame(FrameFact(frame.sequence, frame.stamp_ns, now_ns, frame.ring, frame.slot, self._rate))
            self._service.scene(SceneFact(frame.sequence, now_ns, {'width': 1280, 'height': 720, 'of': frame.sequence}))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._ring.close()


@dataclass
class VideoRelay:
    service: Service
    camera: Camera
    url: str
    problems: list[str]


@contextmanager
def video_relay(door: Door | None = None, **settings: Any) -> Iterator[VideoRelay]:
    listener = bind('127.0.0.1', 0)
    port = listener.getsockname()[1]
    problems: list[str] = []
    video = VideoSettings(encoder='libx264', reach=Reach(('127.0.0.1',)), **({'max_height': 1080} | settings))
    service = Service(
        listener,
        Settings(80, 1280, Limits(clients=24), video=video),
        lambda: None,
        lambda problem: problems.append(problem) if problem else None,
        door=door or Door(Policy.load()),
    )
    service.start()
    camera = Camera(service)
    try:
        yield VideoRelay(service, camera, f'http://127.0.0.1:{port}', problems)
    finally:
        camera.close()
        service.stop()


@dataclass
class Viewer:
    """One who watches. ``overlays`` are what came over the socket; ``say`` sends."""

    peer: RTCPeerConnection
    say: Callable[[dict[str, Any]], Any]
    offer: dict[str, Any]
    tracks: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    messages: list[dict[str, Any]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def track(self) -> Any:
        return await asyncio.wait_for(self.tracks.get(), 20)

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something holds of what has come over the socket."""
        async with asyncio.timeout(20):
            while not holds():
                self.arrived.clear()
                await self.arrived.wait()


@asynccontextmanager
async def viewer(url: str, prepare: Callable[[RTCPeerConnection], None] = lambda _peer: None) -> AsyncIterator[Viewer]:
    """Join as a page does. ``aioice`` must be told to use the loopback interface (the fixture ``loopback``)."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f'{url}/ws', headers={'Origin': url}) as socket,
    ):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        one = Viewer(peer, socket.send_json, {})
        peer.on('track', one.tracks.put_nowait)

        async def listen() -> None:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    one.messages.append(json.loads(message.data))
                    one.arrived.set()

        listening = asyncio.create_task(listen())
        try:
            await socket.send_json({'op': 'video.start'})
            await one.until(lambda: any(m['op'] == 'video.offer' for m in one.messages))
            one.offer = next(m for m in one.messages if m['op'] == 'video.offer')
            await peer.setRemoteDescription(RTCSessionDescription(one.offer['sdp'], 'offer'))
            prepare(peer)
            await peer.setLocalDescription(await peer.createAnswer())
            await socket.send_json({'op': 'video.answer', 'sdp': peer.localDescription.sdp})
            yield one
        finally:
            listening.cancel()
            await peer.close()
