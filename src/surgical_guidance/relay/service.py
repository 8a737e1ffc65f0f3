"""The relay at work: one asyncio loop in a thread of its own, where what is said, who listens and who serves meet.

Facts come from any thread and are handed over with ``call_soon_threadsafe``; nothing is locked and nobody waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import uvloop

from surgical_guidance.annotations import Annotation
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import PARTICIPANTS
from surgical_guidance.errors import GuidanceError, HostError
from surgical_guidance.relay import wire
from surgical_guidance.relay.audience import Audience
from surgical_guidance.relay.clients import Client
from surgical_guidance.relay.facts import (
    AdviceFact,
    AlarmFact,
    FrameFact,
    Json,
    SceneFact,
    StatusFact,
    TimingFact,
)
from surgical_guidance.relay.hub import Hub
from surgical_guidance.relay.news import News
from surgical_guidance.relay.pictures import PictureEncoder
from surgical_guidance.relay.privacy import Privacy
from surgical_guidance.relay.requests import Requests
from surgical_guidance.relay.security import Door, Policy, Visit
from surgical_guidance.relay.server import Server
from surgical_guidance.relay.settings import Outward, Settings
from surgical_guidance.relay.video.settings import VideoSettings

if TYPE_CHECKING:
    from surgical_guidance.relay.video.room import Room

__all__ = ['Outward', 'Service', 'Settings']

TICK_S = 0.05  # how often silence is looked for and the state is sent: see view.py for what must fit into 500 ms
IDLE_TICK_S = 0.2  # while no page is here
GOODBYE_S = 0.5  # for the pages to go when the relay stops
ANSWER_S = 2.0  # for the loop to act on a service call
START_S = 10.0  # for the loop to come up, on a machine that loads models at the same time


class Service:
    """Serves from :meth:`start` to :meth:`stop`; not to be started twice.

    :param listener: bound socket to serve on; belongs to the service from now on.
    :param on_tick: called about 20 times a second while the loop turns, 5 times where no page is here, in its thread.
    :param on_problem: gets what is wrong, and ``''`` when pictures can be read (again), in any thread.
    :param door: who is let in; it belongs to the service's thread from now on. None: everybody on this host.
    :param tls: certificate and key; None: plain.
    :param on_participants: gets who is here, on change and once a second, in the service's thread.
    :param outward: where what pages do goes to.
    """

    def __init__(
        self,
        listener: socket.socket,
        settings: Settings,
        on_tick: Callable[[], None],
        on_problem: Callable[[str], None],
        door: Door | None = None,
        tls: ssl.SSLContext | None = None,
        on_participants: Callable[[Iterable[Visit]], None] = lambda _visits: None,
        outward: Outward | None = None,
    ) -> None:
        self.door = door or Door(Policy.load())
        self._tls = tls
        self._on_participants = on_participants
        self._participants_told_ns = 0
        self.door.attendance.on_change.append(self._tell_participants_soon)
        self._on_tick = on_tick
        self._on_problem = on_problem
        outward = outward or Outward()
        self._hub = Hub(self._on_leave)
        self.privacy = Privacy(settings.masks, unjudged=settings.withhold_unjudged)
        self._news = News(self._hub, self.privacy, outward.draw)
        self._encoder = PictureEncoder(
            settings.jpeg_quality,
            settings.max_width,
            lambda picture: self._call(self._news.picture, picture),
            on_problem,
            self.privacy,
        )
        self._server = Server(self._hub, self._hello, self._health, self.door, settings.limits)
        self._video, self._video_refused = self._open_video(settings.video)
        self._session = secrets.token_hex(8)
        self._loop = uvloop.new_event_loop()
        self._audience = Audience(outward.watch, self._news.view, self.privacy)
        self._server.ops.register('annotate', self._news.marks.draw)
        Requests(self._server.ops, outward.ask, self._loop)
        self._stop = asyncio.Event()
        self._somebody = asyncio.Event()
        self.door.attendance.on_change.append(self._somebody.set)
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener,), name='relay service')

    def start(self) -> None:
        """Serve.

        :raises HostError: if the loop does not come up.
        """
        self._thread.start()
        self._encoder.start()
        if not self._up.wait(START_S):
            raise HostError(f'the web server did not come up within {START_S:g} s', where='relay')

    def stop(self) -> None:
        """Close every page and the socket; nothing runs any more when this returns. Nobody may send facts any more."""
        self._encoder.stop()
        if self._video is not None:
            self._video.halt()
        self._call(self._stop.set)
        self._thread.join()
        self._loop.close()

    @property
    def video_told(self) -> str:
        """Say how video is made, or why there is none."""
        if self._video is None:
            return f'none, single pictures only: {self._video_refused}'
        choice = self._video.encoder
        return f'{choice.codec}' + (f' ({choice.why})' if choice.why else '')

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, for the parts of the relay that live on it too; it turns between :meth:`start` and :meth:`stop`."""
        return self._loop

    def frame(self, frame: FrameFact) -> None:
        """Take a frame, from any thread. Its pixels are touched only while somebody watches."""
        if self._hub.pictures:
            self._encoder.offer(frame)
        if self._video is not None:
            self._video.offer(frame)
        self._call(self._news.frame, frame)

    def scene(self, scene: SceneFact) -> None:
        """Take a scene, from any thread. Whether pictures may be seen is judged at once, not in the loop's turn."""
        self.privacy.on_scene(scene.outside)
        self._call(self._news.scene, scene)

    def advice(self, advice: AdviceFact) -> None:
        """Take a suggestion, from any thread."""
        self._call(self._news.advice, advice)

    def status(self, status: StatusFact) -> None:
        """Take the watchdog's word, from any thread."""
        self._call(self._news.status, status)

    def alarm(self, alarm: AlarmFact) -> None:
        """Take the change of an alarm, from any thread."""
        self._call(self._news.alarm, alarm)

    def timing(self, timing: TimingFact) -> None:
        """Take the times of a frame, from any thread."""
        self._call(self._news.timing, timing)

    def annotation(self, mark: Annotation) -> None:
        """Take a mark that somebody drew, from any thread."""
        self._call(self._news.annotation, mark)

    def _open_video(self, settings: VideoSettings | None) -> tuple[Room | None, str]:
        """Give the room, or why there is none: single pictures go on without it."""
        if settings is None:
            return None, 'switched off'
        try:
            from surgical_guidance.relay.video.room import Room  # here: hosts without aiortc have single pictures
        except ModuleNotFoundError as error:
            return None, f'{error.name} is not installed'
        try:
            return Room(settings, self._server.ops, self._call, self._on_problem, self.privacy.prepare, self._note), ''
        except GuidanceError as error:
            return None, str(error)

    def end_session(self, participant: str, by: str) -> list[str]:
        """Send somebody away, or everybody but the surgeons, from any thread but the service's; give their names.

        :param participant: id of a connection; '' = all.
        :raises AccessError: if there is no such participant.
        :raises HostError: if the service does not answer.
        """

        async def end() -> list[str]:
            return self.door.end_session(participant, by)

        try:
            return asyncio.run_coroutine_threadsafe(end(), self._loop).result(ANSWER_S)
        except TimeoutError as error:
            raise HostError('the relay is too busy to answer', where='end_session') from error

    def _call(self, work: Callable[..., None], *facts: object) -> None:
        self._loop.call_soon_threadsafe(work, *facts)

    def _run(self, listener: socket.socket) -> None:
        self._loop.set_exception_handler(self._on_exception)
        try:
            self._loop.run_until_complete(self._serve(listener))
        except Exception as error:  # noqa: BLE001  (it would end in a thread nobody looks at)
            self._on_problem(f'the console stopped: {error!r}')

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self._on_problem(f'the console failed: {context.get("exception") or context["message"]!r}')

    # From here on everything runs in the loop's thread.

    async def _serve(self, listener: socket.socket) -> None:
        runner = self.door.runner(self._server.app(), GOODBYE_S)
        await runner.setup()
        if self._video is not None:
            self._video.start()
        await self.door.site(runner, listener, self._tls).start()
        self._up.set()
        stop = asyncio.create_task(self._stop.wait())
        ticker = asyncio.create_task(self._tick())
        try:
            await asyncio.wait({stop, ticker}, return_when=asyncio.FIRST_COMPLETED)
            if ticker.done():
                ticker.result()
        finally:
            ticker.cancel()
            stop.cancel()
            self._hub.close()
            if self._video is not None:
                await self._video.close()
            await runner.cleanup()

    async def _tick(self) -> None:
        while True:
            self._on_tick()
            self.door.look()
            now_ns = self._news.look()
            self._audience.look(now_ns, watched=self._hub.watched or (self._video is not None and self._video.watched))
            self._tell_participants(now_ns)
            if self._hub.watched:
                self._news.send_state(now_ns)
            else:
                self._news.pairing.clear()
            await self._rest()

    async def _rest(self) -> None:
        """Wait until the next tick; long, where no page is here to be told, and until somebody comes."""
        if self._hub.watched:
            await asyncio.sleep(TICK_S)
            return
        self._somebody.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_TICK_S):
                await self._somebody.wait()

    def _tell_participants_soon(self) -> None:
        """Note a change; it is told with the next tick, however many come and go until then."""
        self._participants_told_ns = 0

    def _tell_participants(self, now_ns: int) -> None:
        if now_ns - self._participants_told_ns < NS_PER_S / PARTICIPANTS.rate:
            return
        changed = self._participants_told_ns == 0
        self._participants_told_ns = now_ns
        self._on_participants(self.door.attendance.visits.values())
        if changed:
            self._server.tell_participants()

    def _hello(self) -> Json:
        video = self._video.told if self._video is not None else None
        return {'protocol': wire.PROTOCOL, 'session': self._session, 'video': video} | self._news.hello()

    def _health(self) -> Json:
        health = self._hub.json()
        trips = [visit.round_trip_ms for visit in self.door.attendance.visits.values()]
        health['round_trip_ms'] = max((trip for trip in trips if math.isfinite(trip)), default=None)
        health['pictures'] |= {
            'skipped': self._encoder.dropped + self._encoder.overwritten,
            'superseded': self._news.pairing.superseded,
        }
        health['video'] = self._video.json() if self._video is not None else {'off': self._video_refused}
        return health

    def _note(self, connection: str, speaking: bool) -> None:
        self.door.attendance.note(connection, speaking=speaking)

    def _on_leave(self, client: Client) -> None:
        if self._video is not None:
            self._video.leave(client)
