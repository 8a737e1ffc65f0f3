"""Connections before anybody has said who they are: how many there may be, and how long one may take to ask.

aiohttp accepts whoever comes and waits for the first request for ever: a thousand connections, or a few that send one
byte a second, would cost memory and file descriptors for nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from surgical_guidance.relay.security.limits import Limits

BACKLOG = 128  # connections that the kernel holds for us
RETRY_S = 0.1  # after accept() failed: out of file descriptors, for one


class Doorstep:
    """Counts connections and ends those that are slow to ask. Belongs to the loop's thread.

    :param limits: how many and how long.
    :param on_refused: gets the address, and why.
    """

    def __init__(self, limits: Limits, on_refused: Callable[[str, str], None]) -> None:
        self._limits = limits
        self._on_refused = on_refused
        self._addresses: Counter[str] = Counter()
        self._waiting: dict[asyncio.BaseTransport, asyncio.TimerHandle] = {}

    @property
    def connections(self) -> int:
        """How many there are."""
        return self._addresses.total()

    def take(self, address: str) -> bool:
        """Count one more connection in; False if there are too many."""
        if self.connections >= self._limits.connections:
            self._on_refused(address, 'too many connections')
            return False
        if self._addresses[address] >= self._limits.per_address:
            self._on_refused(address, 'too many connections from this address')
            return False
        self._addresses[address] += 1
        return True

    def give(self, address: str) -> None:
        """Count a connection out."""
        self._addresses[address] -= 1
        if self._addresses[address] <= 0:
            del self._addresses[address]

    def refuse(self, address: str, why: str) -> None:
        """Note that a connection came to nothing."""
        self._on_refused(address, why)

    def wait(self, transport: asyncio.Transport, address: str) -> None:
        """Give a connection its time to ask, from now on."""
        self.heard(transport)
        loop = asyncio.get_running_loop()
        self._waiting[transport] = loop.call_later(self._limits.handshake_s, self._too_slow, transport, address)

    def answered(self, transport: asyncio.BaseTransport | None, address: str) -> None:
        """Note that a request was answered: the next one has its time again. A closed connection is passed over."""
        if transport is not None and not transport.is_closing():
            self.wait(cast('asyncio.Transport', transport), address)

    def heard(self, transport: asyncio.BaseTransport | None) -> None:
        """Note that a whole request came, or that the connection is gone."""
        timer = self._waiting.pop(transport, None) if transport is not None else None
        if timer is not None:
            timer.cancel()

    def _too_slow(self, transport: asyncio.Transport, address: str) -> None:
        self._waiting.pop(transport, None)
        if not transport.is_closing():
            self._on_refused(address, f'no request within {self._limits.handshake_s:g} s')
            transport.abort()


class Site(web.BaseSite):
    """Serves an application of aiohttp on a bound socket, past a doorstep.

    :param listener: bound socket; belongs to the site from now on.
    :param tls: certificate and key; None: plain.
    """

    def __init__(
        self,
        runner: web.BaseRunner,
        listener: socket.socket,
        doorstep: Doorstep,
        limits: Limits,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(runner, ssl_context=tls, backlog=BACKLOG)
        self._listener = listener
        self._doorstep = doorstep
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """Tell where it is served."""
        return f'{"https" if self._ssl_context else "http"}://{self._listener.getsockname()}'

    async def start(self) -> None:
        """Begin to accept."""
        await super().start()
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        self._begin(self._accept())

    async def stop(self) -> None:
        """Accept nobody any more; who is in stays."""
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._listener.close()
        await super().stop()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(self._listener)
            except OSError:
                await asyncio.sleep(RETRY_S)
                continue
            address = str(peer[0])
            if self._doorstep.take(address):
                self._begin(self._let_in(connection, address))
            else:
                connection.close()
            await asyncio.sleep(0)  # accept() that need not wait does not yield: a flood would stop the loop

    async def _let_in(self, connection: socket.socket, address: str) -> None:
        protocol = Watched(cast('asyncio.Protocol', self._runner.server()), self._doorstep, address)  # type: ignore[misc]
        timeout = self._limits.handshake_s if self._ssl_context else None
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol, connection, ssl=self._ssl_context, ssl_handshake_timeout=timeout
            )
        except (OSError, asyncio.CancelledError) as error:  # OSError: TLS and time-outs too
            connection.close()
            if not protocol.made:
                self._doorstep.give(address)
                if isinstance(error, OSError) and self._ssl_context:
                    self._doorstep.refuse(address, 'no TLS')
            if isinstance(error, asyncio.CancelledError):
                raise


class Watched(asyncio.Protocol):
    """Hands everything to aiohttp's protocol, and tells the doorstep when a connection begins and ends.

    Who writes to the transport past aiohttp finds it by ``transport.get_protocol()``: :attr:`paused` says that what was
    written still waits in this process, and ``on_writable`` is called when it does no more.
    """

    def __init__(self, inner: asyncio.Protocol, doorstep: Doorstep, address: str) -> None:
        self._inner = inner
        self._doorstep = doorstep
        self._address = address
        self._transport: asyncio.BaseTransport | None = None
        self.made = False
        self.paused = False
        self.on_writable: Callable[[], None] | None = None
        self.data_received = inner.data_received  # type: ignore[method-assign]
        self.eof_received = inner.eof_received  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count its time to ask."""
        self.made = True
        self._transport = transport
        self._doorstep.wait(cast('asyncio.Transport', transport), self._address)
        self._inner.connection_made(transport)

    def pause_writing(self) -> None:
        """Note that what was written waits in this process."""
        self.paused = True
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Note that it waits no more, and tell."""
        self.paused = False
        self._inner.resume_writing()
        if self.on_writable is not None:
            self.on_writable()

    def connection_lost(self, error: Exception | None) -> None:
        """Count it out."""
        self.on_writable = None
        self._doorstep.heard(self._transport)
        self._doorstep.give(self._address)
        self._inner.connection_lost(error)


class Complaints(logging.Handler):
    """What aiohttp complains of: what was no HTTP is a stranger's doing and no error of ours.

    :param on_malformed: gets the address of who sent it.
    """

    def __init__(self, on_malformed: Callable[[str], None]) -> None:
        super().__init__()
        self._on_malformed = on_malformed

    def emit(self, record: logging.LogRecord) -> None:
        """Take one complaint."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            self._on_malformed(str(record.args[0]) if isinstance(record.args, tuple) and record.args else '')
        elif record.levelno >= logging.ERROR:
            logging.getLogger(__name__).handle(record)

    def logger(self) -> logging.Logger:
        """Give a logger that ends here: what ``AppRunner`` takes."""
        logger = logging.Logger('relay http')  # noqa: LOG001  (one for each server, not of the tree)
        logger.addHandler(self)
        return logger
