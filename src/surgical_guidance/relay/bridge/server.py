"""The WebSocket server of the protocol: one endpoint, ``/``."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from aiohttp import WSCloseCode, WSMsgType, web

from surgical_guidance.relay.bridge.capabilities import OPERATIONS
from surgical_guidance.relay.bridge.session import Session, World
from surgical_guidance.relay.clients import GOING_AWAY, POLICY, TRY_LATER, Goodbye
from surgical_guidance.relay.security import Visit

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
        _keep_fresh(request)
        session = Session(self._world, principal, _Frames(answer), OPERATIONS)
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


async def _until_the_end(session: Session, visit: Visit, answer: web.WebSocketResponse) -> Goodbye | None:
    """Send and listen until the client goes or is sent away; tell why it is sent away."""
    writer = asyncio.create_task(session.outbox.write())
    reader = asyncio.create_task(_listen(session, visit, answer))
    try:
        await asyncio.wait((writer, reader, session.outbox.goodbye), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writer, reader):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await task
    return session.outbox.goodbye.result() if session.outbox.goodbye.done() else None


async def _listen(session: Session, visit: Visit, answer: web.WebSocketResponse) -> None:
    """Take what the client says. CBOR and BSON are not taken in; a client that sends them is told, and closed."""
    async for message in answer:
        if message.type is WSMsgType.TEXT:
            if not visit.accepts(len(message.data)):
                session.outbox.close(Goodbye(POLICY, 'more than this relay takes'))
                return
            session.principal = visit.principal
            await session.take(message.data)
        elif message.type is WSMsgType.BINARY:
            session.outbox.close(Goodbye(POLICY, 'messages are JSON: BSON and CBOR are not taken in'))
            return
        elif getattr(message.data, 'code', None) == WSCloseCode.MESSAGE_TOO_BIG:  # aiohttp has closed
            audit = session.world.door.audit
            audit.record('message', f'refused: larger than {visit.limits.incoming} bytes', who=visit.principal)
