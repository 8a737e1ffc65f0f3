"""Clients of services and actions, kept for the next call: finding a server takes longer than asking it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from rclpy.action import ActionClient

from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.ros.turning import TurningNode

KEPT = 32
LOOK_S = 0.02


class Callers:
    """Clients by name and class. Belongs to the loop's thread.

    :param make: makes one, in the node's thread.
    :param destroy: destroys one, in the node's thread.
    """

    def __init__(self, turning: TurningNode, make: Callable[[str, Any], Any], destroy: Callable[[Any], object]) -> None:
        self._turning = turning
        self._make = make
        self._destroy = destroy
        self._idle: OrderedDict[tuple[str, Any], Any] = OrderedDict()

    @asynccontextmanager
    async def client(self, name: str, cls: Any) -> AsyncIterator[Any]:
        """Lend a client to one call."""
        client = self._idle.pop((name, cls), None)
        if client is None:
            self._forget_others(name)
            client = await self._turning.do(self._make, name, cls, undo=self._destroy)
        try:
            yield client
        finally:
            older = self._idle.pop((name, cls), None)
            self._idle[name, cls] = client
            if older is None and len(self._idle) > KEPT:
                _, older = self._idle.popitem(last=False)
            if older is not None:
                self._turning.soon(lambda: self._throw_away(older))

    def _forget_others(self, name: str) -> None:
        """Throw away clients of another type: DDS has one type for a name in a process."""
        for key in [key for key in self._idle if key[0] == name]:
            self._turning.soon(partial(self._throw_away, self._idle.pop(key)))

    def _throw_away(self, client: Any) -> None:
        self._destroy(client)


def service_callers(turning: TurningNode) -> Callers:
    """Make the clients of services."""
    return Callers(turning, lambda name, cls: turning.node.create_client(cls, name), turning.node.destroy_client)


def action_callers(turning: TurningNode) -> Callers:
    """Make the clients of actions."""
    return Callers(turning, lambda name, cls: ActionClient(turning.node, cls, name), lambda client: client.destroy())


async def until_ready(is_ready: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Wait for a server.

    :raises ProtocolError: if there is none in time.
    """
    until_ns = monotonic_ns() + int(timeout_s * NS_PER_S)
    while not is_ready():
        if monotonic_ns() > until_ns:
            raise ProtocolError(f'nobody serves it within {timeout_s:g} s', where=what)
        await asyncio.sleep(LOOK_S)


async def finished(future: Any) -> Any:
    """Wait for a future of rclpy, which is done in the node's thread; give its result."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish() -> None:
        if not done.done():  # somebody still waits
            done.set_result(None)

    def wake(_: Any) -> None:
        loop.call_soon_threadsafe(finish)

    future.add_done_callback(wake)
    await done
    return future.result()
