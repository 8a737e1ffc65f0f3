"""All who watch over WebRTC, how they come and go: signalling over the console's socket, pictures over their peers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from aiortc import RTCCertificate

from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.errors import GuidanceError
from surgical_guidance.relay import wire
from surgical_guidance.relay.clients import Client
from surgical_guidance.relay.facts import FrameFact, Json
from surgical_guidance.relay.ops import Message, Ops
from surgical_guidance.relay.security import Principal
from surgical_guidance.relay.video import hardware, ladder, offer
from surgical_guidance.relay.video.broadcast import KEY_EVERY_S, Broadcast
from surgical_guidance.relay.video.keys import KeyRequests
from surgical_guidance.relay.video.offer import Answer
from surgical_guidance.relay.video.pace import Pace
from surgical_guidance.relay.video.peer import Peer
from surgical_guidance.relay.video.pressure import Pressure
from surgical_guidance.relay.video.producer import Prepare, RungProducer, as_it_is
from surgical_guidance.relay.video.rtp_clock import rtp_time
from surgical_guidance.relay.video.settings import VideoSettings
from surgical_guidance.relay.video.units import Unit
from surgical_guidance.relay.video.viewer import Viewer
from surgical_guidance.relay.video.voices import Voice, Voices

RUNGS = 2
WAITING = 8  # units between encoder and viewers
REPORT_S = 1.0  # between two sender's reports
START_AGAIN_NS = NS_PER_S  # a page that begins anew more often only costs
VIDEO = 'video'  # the name of the line of the pictures


class Room:
    """Made in any thread; all else belongs to the loop's thread, but :meth:`offer`.

    :param ops: where the pages' requests are registered.
    :param call: runs a function in the loop's thread, from any thread.
    :param problem: gets what is wrong, and ``''`` when it works again, in any thread.
    :param prepare: gives the pixels that may leave.
    :param note: is told whose microphone was turned on or off, by the connection's id.
    :raises HostError: if no encoder works here.
    """

    def __init__(
        self,
        settings: VideoSettings,
        ops: Ops,
        call: Callable[..., None],
        problem: Callable[[str], None],
        prepare: Prepare = as_it_is,
        note: Callable[[str, bool], None] = lambda _connection, _speaking: None,
    ) -> None:
        self.encoder = hardware.choose(settings.encoder)
        self._settings = settings
        self._certificate = RTCCertificate.generateCertificate()
        self._producers = [
            RungProducer(index, self.encoder.codec, self._ladder, prepare, lambda unit: call(self._take, unit), problem)
            for index in range(RUNGS)
        ]
        self._keys = [KeyRequests(producer.ask_for_key) for producer in self._producers]
        self._started: WeakKeyDictionary[Client, int] = WeakKeyDictionary()
        self._broadcast = Broadcast(settings.rtp_output) if settings.rtp_output else None
        self._viewers: dict[Client, Viewer] = {}
        self.voices = Voices(ops, note)
        self._units: asyncio.Queue[Unit] = asyncio.Queue(WAITING)
        self._tasks: set[asyncio.Task[None]] = set()
        self._size = (1920, 1080)
        self._pace = Pace(settings.max_height or hardware.height(self.encoder.codec))
        self._pressure = Pressure()
        self._offered = 0
        self._sent = 0
        self._left_out = 0
        ops.register('video.start', self._start, needs='watch')
        ops.register('video.answer', self._answer, needs='watch')
        ops.register('video.stop', lambda _principal, client, _message: self.leave(client), needs='watch')

    def start(self) -> None:
        """Begin; the loop turns."""
        for producer in self._producers:
            producer.start()
        self._spawn(self._pump())
        self._spawn(self._report())
        if self._broadcast is not None:
            self._spawn(self._broadcast_keys())
            self._watch()

    def offer(self, frame: FrameFact) -> None:
        """Leave a frame to be encoded, from any thread; its pixels are touched only while somebody watches."""
        if frame.sequence % self._pace.every:
            return
        for producer in self._producers:
            self._offered += producer.watched
            producer.offer(frame)

    def halt(self) -> None:
        """Stop the encoders; called from another thread than the loop's, before :meth:`close`."""
        for producer in self._producers:
            producer.stop()

    async def close(self) -> None:
        """Let go of everybody."""
        for key in self._keys:
            key.close()
        viewers, self._viewers = list(self._viewers.values()), {}
        await asyncio.gather(*(viewer.peer.close() for viewer in viewers), return_exceptions=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._broadcast is not None:
            self._broadcast.close()

    def leave(self, client: Client) -> None:
        """Close the peer of a page that is gone, at once: not when ICE notices."""
        viewer = self._viewers.pop(client, None)
        self.voices.leave(client)
        client.video = False
        if viewer is not None:
            viewer.live = False
            self._watch()
            self._spawn(viewer.peer.close())

    @property
    def watched(self) -> bool:
        """Whether anything is encoded."""
        return any(producer.watched for producer in self._producers)

    @property
    def rtp_description(self) -> str:
        """SDP of the plain RTP stream; empty where there is none."""
        return self._broadcast.sdp() if self._broadcast is not None else ''

    @property
    def told(self) -> Json:
        """What a page is told: the encoder, and whether it is one of the processor's."""
        return {'encoder': self.encoder.codec, 'software': self.encoder.codec == hardware.SOFTWARE}

    def json(self) -> Json:
        """Tell how it goes, for ``/healthz``."""
        return {
            'encoder': self.encoder.codec,
            'max_height': self._pace.max_height,
            'every': self._pace.every,
            'viewers': [viewer.json() for viewer in self._viewers.values()],
            'voices': self.voices.json(),
            'sent': self._sent,
            'left_out': self._left_out + sum(producer.dropped for producer in self._producers),
        }

    def _ladder(self, width: int, height: int) -> tuple[ladder.Rung, ...]:
        self._size = (width, height)
        return ladder.rungs(width, height, self._pace.max_height, self._settings.bit_rate)

    def _rungs(self) -> int:
        return len(self._ladder(*self._size))

    def _start(self, principal: Principal, client: Client, _message: Message) -> None:
        now_ns = monotonic_ns()
        if now_ns - self._started.get(client, -START_AGAIN_NS) < START_AGAIN_NS:
            raise GuidanceError('it has only just begun', where='video.start')
        self._started[client] = now_ns
        self.leave(client)
        peer = Peer(self._certificate, self._settings.reach, principal.connection)
        viewer = self._viewers[client] = Viewer(peer, self._rungs, lambda rung: self._keys[rung].need())
        voice = viewer.voice = self.voices.join(client, principal, peer)
        self._spawn(self._open(client, viewer, voice))

    async def _open(self, client: Client, viewer: Viewer, voice: Voice | None) -> None:
        lines = [offer.Line(VIDEO, 'video', 'sendonly', viewer.outlet.ssrc), *(voice.lines if voice else ())]
        try:
            content = await viewer.peer.offer(lines)
        except OSError as error:  # an address that this host has no more
            client.put_event(wire.text('video.failed', {'reason': f'no way out of this host ({error.strerror})'}))
            self.leave(client)
            return
        client.put_event(wire.text('video.offer', content))

    def _answer(self, _principal: Principal, client: Client, message: Message) -> None:
        viewer = self._viewers.get(client)
        if viewer is None:
            raise GuidanceError('nothing was offered', where='video.answer')
        text = message.get('sdp')
        if not isinstance(text, str):
            raise GuidanceError('an answer without its text', where='sdp')
        self._spawn(self._connect(client, viewer, offer.read(text)))

    async def _connect(self, client: Client, viewer: Viewer, answer: Answer) -> None:
        try:
            await viewer.peer.connect(answer, viewer.voice if viewer.voice and viewer.voice.may_speak else None)
        except ConnectionError as error:
            if self._viewers.get(client) is viewer:
                client.put_event(wire.text('video.failed', {'reason': str(error)}))
                self.leave(client)
            return
        if self._viewers.get(client) is not viewer:
            return  # gone meanwhile
        client.video = True
        viewer.begin()
        if viewer.voice is not None:
            viewer.voice.live = True
        self._watch()
        await viewer.peer.closed.wait()
        if self._viewers.get(client) is viewer:
            client.put_event(wire.text('video.failed', {'reason': 'the browser went away'}))
            self.leave(client)

    def _take(self, unit: Unit) -> None:
        """Take a unit from an encoder."""
        try:
            self._units.put_nowait(unit)
        except asyncio.QueueFull:  # this process gets no time; what lies there is old by now
            while not self._units.empty():
                self._units.get_nowait()
                self._left_out += 1
            for viewer in self._viewers.values():
                viewer.lost_units()

    async def _pump(self) -> None:
        while True:
            unit = await self._units.get()
            if self._broadcast is not None:
                self._broadcast.deliver(unit)
            for viewer in list(self._viewers.values()):
                with contextlib.suppress(ConnectionError):
                    self._sent += viewer.deliver(unit)
                await asyncio.sleep(0)  # others' turn: twenty viewers take as long as a small message may
            self._watch()

    async def _broadcast_keys(self) -> None:
        while True:
            self._keys[0].need()
            await asyncio.sleep(KEY_EVERY_S)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            behind = sum(producer.dropped + producer.late for producer in self._producers)
            now_ns = monotonic_ns()
            self._pace.look(self._offered, behind, now_ns, self._pressure.look(now_ns))
            for viewer in list(self._viewers.values()):
                if viewer.live:
                    now = rtp_time(monotonic_ns()), time.time_ns()
                    with contextlib.suppress(ConnectionError):
                        viewer.peer.report(viewer.outlet.report(*now, VIDEO))
            with contextlib.suppress(ConnectionError):
                self.voices.report()

    def _watch(self) -> None:
        """Have encoded what is watched, and nothing else."""
        watched: set[int] = set().union(*(viewer.rungs for viewer in self._viewers.values()))
        if self._broadcast is not None:
            watched.add(0)
        for index, producer in enumerate(self._producers):
            if not producer.watched and index in watched:
                producer.ask_for_key()
            producer.watched = index in watched

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
