"""The bridge at work, on the relay's asyncio loop, beside the pages: sessions and channels meet here.

One loop for both, since who is let in is one matter for both (``security/door.py``).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket
import ssl
from collections.abc import Coroutine, Sequence
from typing import Any

from aiohttp import web

from surgical_guidance.errors import HostError
from surgical_guidance.relay.bridge.channels import Channels
from surgical_guidance.relay.bridge.kinds import Kinds
from surgical_guidance.relay.bridge.limits import BridgeLimits
from surgical_guidance.relay.bridge.robot import Robot
from surgical_guidance.relay.bridge.server import BridgeServer
from surgical_guidance.relay.bridge.session import World
from surgical_guidance.relay.security import Door

GOODBYE_S = 0.5
START_S = 10.0


class BridgeService:
    """Serves from :meth:`start` to :meth:`stop`; not to be started twice.

    :param loop: runs already, and still does when the service stops.
    :param listener: bound socket to serve on; belongs to the service from now on.
    :param namespace: where our own topics and services live.
    :param robot: what the protocol needs of ROS, for that loop.
    :param door: who is let in; belongs to that loop.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        namespace: str,
        robot: Robot,
        door: Door,
        limits: BridgeLimits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._door = door
        self._tls = tls
        self._channels = Channels(robot)
        world = World(robot, self._channels, door, limits or BridgeLimits(), Kinds(namespace), namespace)
        self.server = BridgeServer(world)
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        """Serve. Not for the loop's thread.

        :raises HostError: if the loop does not turn.
        """
        self._do(self._open())

    def stop(self) -> None:
        """Send every client away and close the socket. Not for the loop's thread.

        :raises HostError: if the loop does not turn.
        """
        self._do(self._close())

    @property
    def topics(self) -> Sequence[str]:
        """What somebody listens to."""
        return self._channels.topics

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        if not self._loop.is_running():
            work.close()
            raise HostError('the loop of the relay does not turn', where='rosbridge')
        try:
            asyncio.run_coroutine_threadsafe(work, self._loop).result(START_S)
        except (TimeoutError, concurrent.futures.CancelledError) as error:
            raise HostError(f'the relay did not do it within {START_S:g} s', where='rosbridge') from error

    async def _open(self) -> None:
        runner = self._runner = self._door.runner(self.server.app(), GOODBYE_S)
        await runner.setup()
        await self._door.site(runner, self._listener, self._tls).start()

    async def _close(self) -> None:
        self.server.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await self._channels.close()
