"""The bridge at work: an asyncio loop in a thread of its own, where sessions and channels meet.

Apart from the console's loop, so that neither the packets of the video nor a client's burst of calls delays the other.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from surgical_guidance.errors import HostError
from surgical_guidance.relay.bridge.channels import Channels
from surgical_guidance.relay.bridge.kinds import Kinds
from surgical_guidance.relay.bridge.limits import BridgeLimits
from surgical_guidance.relay.bridge.robot import Robot
from surgical_guidance.relay.bridge.server import Admit, BridgeServer
from surgical_guidance.relay.bridge.session import Notice, World
from surgical_guidance.relay.security import Policy

GOODBYE_S = 0.5
START_S = 10.0


@dataclass(frozen=True)
class BridgeSettings:
    """How the bridge serves.

    :param namespace: where our own topics and services live.
    :param admit: tells who comes.
    """

    namespace: str
    admit: Admit
    policy: Policy = field(default_factory=Policy.load)
    limits: BridgeLimits = field(default_factory=BridgeLimits)
    on_refused: Notice = lambda *_: None


class BridgeService:
    """Serves from :meth:`start` to :meth:`stop`; not to be started twice.

    :param listener: bound socket to serve on; belongs to the service from now on.
    :param robot: makes what the protocol needs of ROS, for the loop it is given.
    :param on_problem: gets what is wrong, in any thread.
    """

    def __init__(
        self,
        listener: socket.socket,
        settings: BridgeSettings,
        robot: Callable[[asyncio.AbstractEventLoop], Robot],
        on_problem: Callable[[str], None],
    ) -> None:
        self._listener = listener
        self._on_problem = on_problem
        self._loop = asyncio.new_event_loop()
        ros = robot(self._loop)
        self._channels = Channels(ros)
        self._server = BridgeServer(
            World(
                ros,
                self._channels,
                settings.policy,
                settings.limits,
                Kinds(settings.namespace),
                settings.namespace,
                settings.on_refused,
            ),
            settings.admit,
        )
        self._stop = asyncio.Event()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name='rosbridge')

    def start(self) -> None:
        """Serve.

        :raises HostError: if the loop does not come up.
        """
        self._thread.start()
        if not self._up.wait(START_S):
            raise HostError(f'the rosbridge server did not come up within {START_S:g} s', where='relay')

    def stop(self) -> None:
        """Send every client away and close the socket; nothing runs any more when this returns."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    @property
    def clients(self) -> int:
        """How many are here."""
        return len(self._server.sessions)

    @property
    def topics(self) -> Sequence[str]:
        """What somebody listens to."""
        return self._channels.topics

    def _run(self) -> None:
        self._loop.set_exception_handler(self._on_exception)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:  # noqa: BLE001  (it would end in a thread nobody looks at)
            self._on_problem(f'the rosbridge server stopped: {error!r}')

    def _on_exception(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self._on_problem(f'the rosbridge server failed: {context.get("exception") or context["message"]!r}')

    async def _serve(self) -> None:
        runner = web.AppRunner(self._server.app(), access_log=None, shutdown_timeout=GOODBYE_S)
        await runner.setup()
        await web.SockSite(runner, self._listener, backlog=64).start()
        self._up.set()
        try:
            await self._stop.wait()
        finally:
            self._server.close()
            await runner.cleanup()
            await self._channels.close()
