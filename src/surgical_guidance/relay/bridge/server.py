"""The WebSocket server of the protocol: one endpoint, ``/``."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable

from aiohttp import WSMsgType, web

from surgical_guidance.relay.bridge.capabilities import OPERATIONS
from surgical_guidance.relay.bridge.session import Session, World
from surgical_guidance.relay.clients import GOING_AWAY, POLICY, TRY_LATER, Goodbye
from surgical_guidance.relay.security import Principal

UNSENT = 128 * 1024  # bytes in the kernel that no segment carries yet: more would only grow old there

Admit = Callable[[web.Request], Principal]
"""Tells who asks, or raises an ``HTTPException``."""


class BridgeServer:
    """Serves the protocol.

    :param admit: lets in who may come.
    """

    def __init__(self, world: World, admit: Admit) -> None:
        self._world = world
        self._admit = admit
        self.sessions: set[Session] = set()

    def app(self) -> web.Application:
        """Make the application."""
        app = web.Application(client_max_size=self._world.limits.incoming)
        app.router.add_get('/', self._serve)
        return app

    def close(self) -> None:
        """Send everybody away."""
        for session in self.sessions:
            session.outbox.close(Goodbye(GOING_AWAY, 'the relay stops'))

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        principal = self._admit(request)
        limits = self._world.limits
        answer = web.WebSocketResponse(
            timeout=limits.goodbye_s, heartbeat=limits.heartbeat_s, max_msg_size=limits.incoming, compress=False
        )
        await answer.prepare(request)
        if len(self.sessions) >= limits.clients:
            await answer.close(code=TRY_LATER, message=f'{limits.clients} clients are here already'.encode())
            return answer
        _keep_fresh(request)
        session = Session(self._world, principal, _Frames(answer), OPERATIONS)
        self.sessions.add(session)
        try:
            goodbye = await _until_the_end(session, answer)
        finally:
            self.sessions.discard(session)
            await session.close()
        if goodbye is not None:
            await self._say_goodbye(request, answer, goodbye)
        return answer

    async def _say_goodbye(self, request: web.Request, answer: web.WebSocketResponse, goodbye: Goodbye) -> None:
        """Close; a client that does not even read that is cut off."""
        try:
            async with asyncio.timeout(2 * self._world.limits.goodbye_s):
                await answer.close(code=goodbye.code, message=goodbye.reason.encode()[:120])
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()


class _Frames:
    """Sends what is encoded already: nothing is encoded once more for each client."""

    def __init__(self, answer: web.WebSocketResponse) -> None:
        self._answer = answer

    async def send_text(self, data: bytes) -> None:
        await self._answer.send_frame(data, WSMsgType.TEXT)

    async def send_binary(self, data: bytes) -> None:
        await self._answer.send_frame(data, WSMsgType.BINARY)


def _keep_fresh(request: web.Request) -> None:
    """Let no heap of messages grow old in the kernel, where nobody can replace them by newer ones."""
    transport = request.transport
    connection = transport.get_extra_info('socket') if transport is not None else None
    if connection is not None and hasattr(socket, 'TCP_NOTSENT_LOWAT'):
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)


async def _until_the_end(session: Session, answer: web.WebSocketResponse) -> Goodbye | None:
    """Send and listen until the client goes or is sent away; tell why it is sent away."""
    writer = asyncio.create_task(session.outbox.write())
    reader = asyncio.create_task(_listen(session, answer))
    try:
        await asyncio.wait((writer, reader, session.outbox.goodbye), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writer, reader):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await task
    return session.outbox.goodbye.result() if session.outbox.goodbye.done() else None


async def _listen(session: Session, answer: web.WebSocketResponse) -> None:
    """Take what the client says. CBOR and BSON are not taken in; a client that sends them is told, and closed."""
    async for message in answer:
        if message.type is WSMsgType.TEXT:
            await session.take(message.data)
        elif message.type is WSMsgType.BINARY:
            session.outbox.close(Goodbye(POLICY, 'messages are JSON: BSON and CBOR are not taken in'))
            return


def open_to(hosts: Iterable[str], origins: Iterable[str], who: Callable[[], Principal]) -> Admit:
    """Make the admission of a host without tokens: programs on it, and the pages of the origins that are listed.

    A program sends no ``Origin``. A browser always does, and a page cannot forge it: a page of any other site in a
    browser of this host is kept out. So is a foreign name that was made to point here (DNS rebinding).

    :param hosts: names this server may be asked by, without ports.
    :param origins: pages that may connect, ``http://host:port``; ``*`` lets in every page.
    """
    names, pages = frozenset(hosts), frozenset(origins)

    def admit(request: web.Request) -> Principal:
        given = request.headers.getall('Host', [])
        if len(given) != 1 or given[0].rpartition(':')[0 if ':' in given[0].rpartition(']')[2] else 2] not in names:
            raise web.HTTPForbidden(text='this is not a name of this host\n')
        asked = request.headers.getall('Origin', [])
        if asked and '*' not in pages and (len(asked) != 1 or asked[0] not in pages):
            raise web.HTTPForbidden(text='pages of this origin may not connect (parameter bridge_origins)\n')
        return who()

    return admit
