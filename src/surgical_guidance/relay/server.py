"""The web server: the page's files, ``/ws`` and ``/healthz``."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from surgical_guidance.clock import NS_PER_MS, monotonic_ns
from surgical_guidance.errors import GuidanceError
from surgical_guidance.relay import wire
from surgical_guidance.relay.access import add_headers, only_our_page
from surgical_guidance.relay.clients import POLICY, TRY_LATER, Client, Goodbye
from surgical_guidance.relay.facts import Json
from surgical_guidance.relay.hub import Hub
from surgical_guidance.relay.ops import Message, Ops
from surgical_guidance.relay.security import Policy, Principal, Role
from surgical_guidance.relay.web import Asset, load


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server bears.

    :param clients: pages at once.
    :param incoming: bytes of a message from a page.
    :param heartbeat_s: a page that does not answer a ping of this interval within half of it is gone [s].
    :param goodbye_s: for a page to answer when it is closed [s].
    """

    clients: int = 8
    incoming: int = 64 * 1024  # an answer to a video offer has about 5
    heartbeat_s: float = 10.0
    goodbye_s: float = 0.25


class Server:
    """Serves the pages of one hub.

    :param hub: where pages join.
    :param hello: gives what a page is told first.
    :param health: gives the answer of ``/healthz``.
    """

    def __init__(
        self, hub: Hub, hello: Callable[[], Json], health: Callable[[], Json], limits: Limits | None = None
    ) -> None:
        self._hub = hub
        self._hello = hello
        self._health = health
        self._limits = limits or Limits()
        self._assets = load()
        self.ops = Ops(Policy())
        self.ops.register('shown', _shown, needs='watch')
        self.ops.register('ping', _ping, needs='watch')
        self.ops.register('pictures', self._pictures, needs='watch')

    def app(self) -> web.Application:
        """Make the application. Only what is in its table of routes exists: no path of the disk is ever looked up."""
        app = web.Application(middlewares=[only_our_page], client_max_size=self._limits.incoming)
        app.on_response_prepare.append(add_headers)
        for path, asset in self._assets.items():
            app.router.add_get(path, _sender(asset))
        app.router.add_get('/healthz', self._serve_health)
        app.router.add_get('/ws', self._serve_socket)
        return app

    def _pictures(self, _principal: Principal, client: Client, message: Message) -> None:
        """Note whether a page wants single pictures: not while it has video."""
        wanted = message.get('wanted')
        if not isinstance(wanted, bool):
            raise GuidanceError('neither true nor false', where='wanted')
        client.pictures = wanted
        self._hub.look()

    async def _serve_health(self, request: web.Request) -> web.Response:
        return web.json_response(self._health())

    async def _serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            timeout=self._limits.goodbye_s,
            heartbeat=self._limits.heartbeat_s,
            max_msg_size=self._limits.incoming,
            compress=False,  # JPEGs do not shrink, and the rest is not worth the time
        )
        await socket.prepare(request)
        if len(self._hub.clients) >= self._limits.clients:
            await socket.close(code=TRY_LATER, message=f'{self._limits.clients} pages watch already'.encode())
            return socket
        principal = Principal('local', Role.ADMIN, secrets.token_hex(8))
        client = self._hub.join(socket)
        client.put_event(wire.text('hello', self._hello()))
        try:
            goodbye = await _until_the_end(self.ops, principal, client, socket)
        finally:
            self._hub.leave(client)
        if goodbye is not None:
            await self._close(request, socket, goodbye)
        return socket

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


async def _until_the_end(
    ops: Ops, principal: Principal, client: Client, socket: web.WebSocketResponse
) -> Goodbye | None:
    """Send and listen until one of both ends; give the goodbye that is still to be said, None if the page went."""
    writer = asyncio.create_task(client.write())
    reader = asyncio.create_task(_listen(ops, principal, client, socket))
    ends: set[asyncio.Future[Any]] = {writer, reader, client.goodbye}
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writer, reader):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await task
    return client.goodbye.result() if client.goodbye.done() else None


async def _listen(ops: Ops, principal: Principal, client: Client, socket: web.WebSocketResponse) -> None:
    """Take what the page says."""
    async for message in socket:
        if message.type is not WSMsgType.TEXT or not ops.take(principal, client, message.data):
            client.close(Goodbye(POLICY, 'this relay does not know such a message'))
            return


def _shown(_principal: Principal, client: Client, _message: Message) -> None:
    """Note that the page has shown a picture."""
    client.on_shown()


def _ping(_principal: Principal, client: Client, message: Message) -> None:
    """Tell the page what time it is."""
    at = message.get('at')
    if not isinstance(at, int | float):
        raise GuidanceError('a ping without its time', where='at')
    answer = {'at': at, 'now_ms': round(monotonic_ns() / NS_PER_MS, 3), 'dropped': client.dropped}
    client.put_pong(wire.text('pong', answer))
