"""A bridge that tests can talk to over real sockets, ROS beside it, and a plain client."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import cbor2
import rclpy
import uvloop
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from surgical_guidance.relay.access import bind
from surgical_guidance.relay.bridge.limits import BridgeLimits
from surgical_guidance.relay.bridge.ros import RclpyRobot, TurningNode
from surgical_guidance.relay.bridge.service import BridgeService
from surgical_guidance.relay.security import Door, Policy, Principal, Role

NAMESPACE = '/surgical_guidance'
PATIENCE_S = 20.0
LOOK_S = 0.02  # between two looks at what no message tells of


class Client:
    """A client that keeps what it was sent. Its loop runs in a thread of its own."""

    def __init__(self, url: str, headers: dict[str, str] | None = None, *, reads: bool = True) -> None:
        self.got: list[dict[str, Any]] = []
        self.closed: tuple[int | None, str] | None = None
        self._reads = reads
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._socket: ClientWebSocketResponse
        self._session: ClientSession
        self._reader: asyncio.Task[None] | None = None
        try:
            self._do(self._open(url, headers or {}))
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, **message: Any) -> None:
        """Send an operation."""
        self.send_text(json.dumps(message))

    def send_text(self, text: str) -> None:
        """Send anything."""
        self._do(self._socket.send_str(text))

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self._do(self._socket.send_bytes(data))

    def wait(self, condition: Callable[[list[dict[str, Any]]], Any], timeout_s: float = PATIENCE_S) -> Any:
        """Wait until something holds, of what was received or of anything else; give what the condition gave."""
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while not (result := condition(self.got)):
                assert time.monotonic() < until_s, f'not so: {[str(one)[:300] for one in self.got[-20:]]}'
                self._changed.wait(LOOK_S)
        return result

    def next(self, **pattern: Any) -> dict[str, Any]:
        """Wait for a message with these fields and take it out."""
        found = self.wait(
            lambda got: next((one for one in got if all(one.get(key) == pattern[key] for key in pattern)), None)
        )
        self.got.remove(found)
        return dict(found)

    def wait_closed(self) -> tuple[int | None, str]:
        """Wait until the server closes; give code and reason."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.closed is not None, PATIENCE_S), 'it is open'
        assert self.closed is not None
        return self.closed

    def call(self, service: str, args: Any = None, **more: Any) -> dict[str, Any]:
        """Call a service; give the answer."""
        id_ = f'call {time.monotonic_ns()}'
        self.send(op='call_service', service=service, args=args, id=id_, **more)
        return self.next(op='service_response', id=id_)

    def sync(self) -> None:
        """Wait until everything sent before was acted on."""
        assert self.call('/rosapi/get_time')['result']

    def start_reading(self) -> None:
        """Begin to read, where it did not."""
        self._do(self._start_reading())

    def close(self) -> None:
        """Go."""
        if self._thread.is_alive():
            self._do(self._close())
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _open(self, url: str, headers: dict[str, str]) -> None:
        self._session = ClientSession()
        try:
            self._socket = await self._session.ws_connect(url, headers=headers, max_msg_size=0)
        except BaseException:
            await self._session.close()
            raise
        if self._reads:
            await self._start_reading()

    async def _start_reading(self) -> None:
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            with self._changed:
                if message.type is WSMsgType.TEXT:
                    self.got.append(json.loads(message.data))
                elif message.type is WSMsgType.BINARY:
                    self.got.append(cbor2.loads(message.data))
                else:
                    self.closed = (self._socket.close_code, str(message.extra or ''))
                self._changed.notify_all()
                if self.closed is not None:
                    return

    async def _close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        await self._socket.close()
        await self._session.close()


class Doorman(Door):
    """A door that lets everybody in, in one role, and keeps what it refused."""

    def __init__(self, role: Role, policy: Policy | None, origins: tuple[str, ...]) -> None:
        super().__init__(policy or Policy.load(), origins=origins)
        self.role = role
        self.refused: list[tuple[str, str]] = []
        self.audit.record = self.note  # type: ignore[method-assign]

    def admit(self, request: Any) -> Principal:
        return replace(super().admit(request), role=self.role)

    def note(self, op: str, outcome: str, **more: Any) -> None:
        if outcome.startswith('refused'):
            self.refused.append((op, outcome))


class Bridge:
    """A running bridge and a node beside it, which turns in a thread of its own."""

    def __init__(self, service: BridgeService, port: int, node: Node, refused: list[tuple[str, str]]) -> None:
        self.service = service
        self.port = port
        self.node = node
        self.refused = refused
        self.problems: list[str] = []

    @property
    def url(self) -> str:
        return f'ws://127.0.0.1:{self.port}'

    def client(self, **how: Any) -> Client:
        return Client(self.url, **how)


@contextmanager
def running(
    domain_id: int,
    *,
    limits: BridgeLimits | None = None,
    role: Role = Role.ADMIN,
    policy: Policy | None = None,
    origins: tuple[str, ...] = (),
) -> Iterator[Bridge]:
    context = Context()
    rclpy.init(args=[], context=context, domain_id=domain_id)
    problems: list[str] = []
    turning = TurningNode('rosbridge', NAMESPACE, context, problems.append)
    turning.start()
    loop = uvloop.new_event_loop()
    loop.set_exception_handler(lambda _, trouble: problems.append(str(trouble)))
    looping = threading.Thread(target=loop.run_forever)
    looping.start()
    listener = bind('127.0.0.1', 0)
    port = listener.getsockname()[1]
    door = Doorman(role, policy, origins)
    service = BridgeService(loop, listener, NAMESPACE, RclpyRobot(turning, loop), door, limits)
    service.start()
    node = Node('beside', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    ended = threading.Event()

    def turn() -> None:
        while not ended.is_set():
            executor.spin_once(timeout_sec=0.05)

    thread = threading.Thread(target=turn)
    thread.start()
    bridge = Bridge(service, port, node, door.refused)
    bridge.problems = problems
    try:
        yield bridge
        assert problems == []
    finally:
        service.stop()
        turning.stop()
        loop.call_soon_threadsafe(loop.stop)
        looping.join()
        loop.close()
        ended.set()
        thread.join()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
