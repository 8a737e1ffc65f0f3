"""The WebSocket server of the protocol: one endpoint, ``/``."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web

from surgical_guidance.relay.bridge.capabilities import OPERATIONS
from surgical_guidance.relay.bridge.sample import Frame
from surgical_guidance.relay.bridge.session import Session, World
from surgical_guidance.relay.clients import GOING_AWAY, POLICY, TRY_LATER, Goodbye
from surgical_guidance.relay.security import Visit
from surgical_guidance.relay.security.doorstep import Watched

REQUEST_BODY = 4096  # bytes; no request here has one
UNSENT = 128 * 1024  # bytes in the kernel that no segment carries yet: more would only grow old there


class BridgeServer:
    """Serves the protocol. A program needs no ``Origin``; a page must be one that the door lets in."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sessions: set[Session] = set()

    def app(self) -> web.Application:
        """Make the application."""
        app = web.Application(middlewares=[self._world.door.guard(need_origin=False)], client_max_size=REQUEST_BODY)
        app.router.add_get('/', self._serve)
        return app

    def close(self) -> None:
        """Send everybody away."""
        for session in self.sessions:
            session.outbox.close(Goodbye(GOING_AWAY, 'the relay stops'))

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        principal = self._world.door.admit(request)
        limits = self._world.limits
        answer = web.WebSocketResponse(
            timeout=limits.goodbye_s,
            heartbeat=limits.heartbeat_s,
            max_msg_size=self._world.door.limits.incoming,
            compress=False,
        )
        await answer.prepare(request)
        if len(self.sessions) >= limits.clients:
            await answer.close(code=TRY_LATER, message=f'{limits.clients} clients are here already'.encode())
            return answer
        if request.transport is None:  # gone already
            return answer
        session = Session(self._world, principal, Pipe(request.transport), OPERATIONS)
        self.sessions.add(session)
        try:
            with self._world.door.enter(principal, request, lambda *why: session.outbox.close(Goodbye(*why))) as visit:
                goodbye = await _until_the_end(session, visit, answer)
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


class Pipe:
    """Writes whole frames to a connection: made once for all clients, and copied for none.

    aiohttp's own writer would send head and content apart, a packet and a waking more for each client.

    :param transport: of a connection that came past the doorstep.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        watched = transport.get_protocol()
        assert isinstance(watched, Watched)  # noqa: S101  (who serves otherwise has forgotten the limits)
        self._transport = transport
        self._watched = watched
        self.on_writable: Callable[[], None] = _nothing
        watched.on_writable = self._resume
        self._keep_fresh()

    @property
    def writable(self) -> bool:
        """Whether all that was written has gone to the network."""
        return not (self._watched.paused or self._transport.is_closing())

    def write(self, frame: Frame) -> None:
        """Send a message. Returns at once."""
        self._transport.write(frame.wire)

    def _resume(self) -> None:
        self.on_writable()

    def _keep_fresh(self) -> None:
        """Let no heap of messages grow old here or in the kernel, where nobody can replace them by newer ones."""
        self._transport.set_write_buffer_limits(
            high=1, low=0
        )  # with 0, asyncio's TLS would pause before anything waits
        connection = self._transport.get_extra_info('socket')
        if connection is not None and hasattr(socket, 'TCP_NOTSENT_LOWAT'):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)


def _nothing() -> None:
    """Stand in for who waits to write."""


async def _until_the_end(session: Session, visit: Visit, answer: web.WebSocketResponse) -> Goodbye | None:
    """Listen until the client goes or is sent away; tell why it is sent away."""
    reader = asyncio.create_task(_listen(session, visit, answer))
    try:
        await asyncio.wait((reader, session.outbox.goodbye), return_when=asyncio.FIRST_COMPLETED)
    finally:
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await reader
    return session.outbox.goodbye.result() if session.outbox.goodbye.done() else None


async def _listen(session: Session, visit: Visit, answer: web.WebSocketResponse) -> None:
    """Take what the client says. CBOR and BSON are not taken in; a client that sends them is told."""
    async for message in answer:
        if message.type is WSMsgType.TEXT:
            if not visit.accepts(len(message.data)):
                session.outbox.close(Goodbye(POLICY, 'more than this relay takes'))
                return
            session.principal = visit.principal
            await session.take(message.data)
        elif message.type is WSMsgType.BINARY:
            if not visit.accepts(len(message.data)):
                session.outbox.close(Goodbye(POLICY, 'more than this relay takes'))
                return
            session.refuse('messages are JSON: BSON and CBOR are not taken in')
        elif getattr(message.data, 'code', None) == WSCloseCode.MESSAGE_TOO_BIG:  # aiohttp has closed
            audit = session.world.door.audit
            audit.record('message', f'refused: larger than {visit.limits.incoming} bytes', who=visit.principal)
