"""The web server: the page's files, ``/ticket``, ``/ws`` and ``/healthz``."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from surgical_guidance.clock import NS_PER_MS, monotonic_ns
from surgical_guidance.errors import GuidanceError
from surgical_guidance.relay import wire
from surgical_guidance.relay.access import add_headers
from surgical_guidance.relay.clients import POLICY, TRY_LATER, Client, Goodbye
from surgical_guidance.relay.facts import Json
from surgical_guidance.relay.hub import Hub
from surgical_guidance.relay.ops import Message, Ops
from surgical_guidance.relay.security import Door, Principal, Visit
from surgical_guidance.relay.security.door import seconds_left
from surgical_guidance.relay.web import Asset, load

TRIP_MS = 60_000.0  # a longer round trip is nonsense
REQUEST_BODY = 4096  # bytes of the body of a request; none of ours has one


@dataclass(frozen=True, slots=True)
class Limits:
    """What the pages may cost; what one connection may is the door's business.

    :param clients: pages at once.
    :param heartbeat_s: a page that does not answer a ping of this interval within half of it is gone [s].
    :param goodbye_s: for a page to answer when it is closed [s].
    """

    clients: int = 8
    heartbeat_s: float = 10.0
    goodbye_s: float = 0.25


class Server:
    """Serves the pages of one hub.

    :param hub: where pages join.
    :param hello: gives what a page is told first.
    :param health: gives the answer of ``/healthz``.
    :param door: who is let in.
    """

    def __init__(
        self,
        hub: Hub,
        hello: Callable[[], Json],
        health: Callable[[], Json],
        door: Door,
        limits: Limits | None = None,
    ) -> None:
        self._hub = hub
        self._hello = hello
        self._health = health
        self._door = door
        self._limits = limits or Limits()
        self._assets = load()
        self._principals: dict[Client, Principal] = {}
        self.ops = Ops(door.policy, door.audit)
        self.ops.register('shown', _shown, needs='watch')
        self.ops.register('pictures', self._pictures, needs='watch')
        self.ops.register('ping', self._ping, needs='watch')
        self.ops.register('renew', self._renew, needs='watch')
        self.ops.register('participants', self._who, needs='participants')
        self.ops.register('end_session', self._end_session)

    def app(self) -> web.Application:
        """Make the application. Only what is in its table of routes exists: no path of the disk is ever looked up."""
        app = web.Application(middlewares=[self._door.guard()], client_max_size=REQUEST_BODY)
        app.on_response_prepare.append(add_headers)
        for path, asset in self._assets.items():
            app.router.add_get(path, _sender(asset))
        app.router.add_get('/healthz', self._serve_health)
        app.router.add_post('/ticket', self._door.sell_ticket)
        app.router.add_get('/ws', self._serve_socket)
        return app

    def _pictures(self, _principal: Principal, client: Client, message: Message) -> None:
        """Note whether a page wants single pictures: not while it has video."""
        wanted = message.get('wanted')
        if not isinstance(wanted, bool):
            raise GuidanceError('neither true nor false', where='wanted')
        client.pictures = wanted
        self._hub.look()

    def tell_participants(self) -> None:
        """Send everybody who may know it who is here."""
        for client, principal in self._principals.items():
            if self._door.policy.allows(principal, 'participants'):
                client.put_event(wire.text('participants', self._participants(principal)))

    async def _serve_health(self, request: web.Request) -> web.Response:
        return web.json_response(self._health() if self._door.open else {'status': 'ok'})

    async def _serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        principal = self._door.admit(request)
        socket = web.WebSocketResponse(
            timeout=self._limits.goodbye_s,
            heartbeat=self._limits.heartbeat_s,
            max_msg_size=self._door.limits.incoming,
            compress=False,  # JPEGs do not shrink, and the rest is not worth the time
        )
        await socket.prepare(request)
        if len(self._hub.clients) >= self._limits.clients:
            await socket.close(code=TRY_LATER, message=f'{self._limits.clients} pages watch already'.encode())
            return socket
        client = self._hub.join(socket)
        try:
            with self._door.enter(principal, request, lambda *why: client.close(Goodbye(*why))) as visit:
                client.put_event(wire.text('hello', self._hello() | {'you': self._you(principal)}))
                self._principals[client] = principal
                goodbye = await _until_the_end(self.ops, visit, client, socket)
        finally:
            self._principals.pop(client, None)
            self._hub.leave(client)
        if goodbye is not None:
            await self._close(request, socket, goodbye)
        return socket

    def _you(self, principal: Principal) -> Json:
        return {
            'id': principal.connection,
            'name': principal.name,
            'role': principal.role.value,
            'may': self.ops.allowed(principal),
            'token_expires_in': seconds_left(principal),
            'open': self._door.open,
        }

    def _participants(self, principal: Principal) -> Json:
        return {
            'participants': [
                {
                    'id': visit.principal.connection,
                    'name': visit.principal.name,
                    'role': visit.principal.role.value,
                    'address': visit.address,
                    'joined_ms': visit.joined_ns // NS_PER_MS,
                    'speaking': visit.speaking,
                    'round_trip_ms': None if math.isnan(visit.round_trip_ms) else round(visit.round_trip_ms, 1),
                    'you': visit.principal.connection == principal.connection,
                }
                for visit in self._door.attendance.visits.values()
            ]
        }

    def _ping(self, principal: Principal, client: Client, message: Message) -> None:
        """Tell the page what time it is; it may tell how long its last question took (``trip``)."""
        at, trip = message.get('at'), message.get('trip')
        if not isinstance(at, int | float):
            raise GuidanceError('a ping without its time', where='at')
        if isinstance(trip, int | float) and 0 <= trip < TRIP_MS:
            self._door.attendance.note(principal.connection, round_trip_ms=float(trip))
        answer = {'at': at, 'now_ms': round(monotonic_ns() / NS_PER_MS, 3), 'dropped': client.dropped}
        client.put_pong(wire.text('pong', answer))

    def _renew(self, principal: Principal, client: Client, message: Message) -> None:
        """Let the page stay for as long as the newer token that it bought a ticket with."""
        visit = self._door.attendance.visits.get(principal.connection)
        if visit is not None:
            self._door.renew(visit, str(message.get('ticket', '')))
            client.put_event(wire.text('renewed', {'token_expires_in': seconds_left(visit.principal)}))

    def _who(self, principal: Principal, client: Client, _message: Message) -> None:
        """Tell who is here."""
        client.put_event(wire.text('participants', self._participants(principal)))

    def _end_session(self, principal: Principal, client: Client, message: Message) -> None:
        """Send somebody away, or everybody but the surgeons."""
        participant = message.get('participant', '')
        if not isinstance(participant, str):
            raise GuidanceError('the id of a participant is a text', where='participant')
        gone = self._door.end_session(participant, principal.name, principal)
        client.put_event(wire.text('ended', {'names': gone}))

    async def _close(self, request: web.Request, socket: web.WebSocketResponse, goodbye: Goodbye) -> None:
        """Say goodbye; a page that does not even read that is cut off."""
        try:
            async with asyncio.timeout(2 * self._limits.goodbye_s):
                await socket.close(code=goodbye.code, message=goodbye.reason.encode())
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()


def _sender(asset: Asset) -> Callable[[web.Request], Any]:
    async def send(_request: web.Request) -> web.Response:
        return web.Response(body=asset.body, content_type=asset.type, charset='utf-8')

    return send


async def _until_the_end(ops: Ops, visit: Visit, client: Client, socket: web.WebSocketResponse) -> Goodbye | None:
    """Send and listen until one of both ends; give the goodbye that is still to be said, None if the page went."""
    writer = asyncio.create_task(client.write())
    reader = asyncio.create_task(_listen(ops, visit, client, socket))
    ends: set[asyncio.Future[Any]] = {writer, reader, client.goodbye}
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writer, reader):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await task
    return client.goodbye.result() if client.goodbye.done() else None


async def _listen(ops: Ops, visit: Visit, client: Client, socket: web.WebSocketResponse) -> None:
    """Take what the page says."""
    async for message in socket:
        if message.type is WSMsgType.ERROR:  # aiohttp has read no more of it, and closed
            too_large = getattr(message.data, 'code', None) == WSCloseCode.MESSAGE_TOO_BIG
            ops.refuse(visit.principal, f'larger than {visit.limits.incoming} bytes' if too_large else 'no message')
            return
        if message.type is not WSMsgType.TEXT:
            ops.refuse(visit.principal, 'not a text message')
            client.close(Goodbye(POLICY, 'this relay does not know such a message'))
            return
        if not visit.accepts(len(message.data)):
            ops.refuse(visit.principal, 'too many messages, or too much in them')
            client.close(Goodbye(POLICY, 'more messages than this relay takes'))
            return
        if not ops.take(visit.principal, client, message.data):
            client.close(Goodbye(POLICY, 'this relay does not know such a message'))
            return


def _shown(_principal: Principal, client: Client, _message: Message) -> None:
    """Note that the page has shown a picture."""
    client.on_shown()
