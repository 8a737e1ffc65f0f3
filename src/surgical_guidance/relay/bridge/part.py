"""The bridge as a part of the relay's node: made when it starts, gone when it stops."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgical_guidance.errors import GuidanceError, HostError
from surgical_guidance.relay.access import bind
from surgical_guidance.relay.bridge.limits import BridgeLimits
from surgical_guidance.relay.bridge.service import BridgeService
from surgical_guidance.relay.security import Door

if TYPE_CHECKING:
    from rclpy.node import Node

    from surgical_guidance.relay.bridge.ros import TurningNode

OFF = -1


@dataclass(frozen=True, slots=True)
class Where:
    """Where the bridge serves.

    :param port: 0 takes a free one, :data:`OFF` serves none.
    :param clients: at once.
    """

    host: str
    port: int
    clients: int


class BridgePart:
    """Serves the rosbridge protocol at :attr:`url` between :meth:`start` and :meth:`stop`.

    :param where: where it serves.
    :param tell: gets what is wrong, in any thread.
    """

    def __init__(self, where: Where, tell: Callable[[str], None]) -> None:
        self.url = ''
        self._where = where
        self._port = where.port
        self._tell = tell
        self._turning: TurningNode | None = None
        self._service: BridgeService | None = None

    def start(self, node: Node, loop: asyncio.AbstractEventLoop, door: Door, tls: ssl.SSLContext | None) -> None:
        """Serve. A port that somebody else has (a stock rosbridge, perhaps) keeps the console from nothing: it is said.

        :param node: of the relay: where the bridge's own node lives.
        :param loop: the relay's, which turns until the bridge has stopped.
        """
        if self._port == OFF:
            return
        try:
            listener = bind(self._where.host, self._port)
        except HostError as error:
            self._tell(f'no rosbridge here: {error.where}: {error.what}; give another port with bridge_port:=')
            return
        from surgical_guidance.relay.bridge.ros import RclpyRobot, TurningNode

        self._port = listener.getsockname()[1]
        host = f'[{self._where.host}]' if ':' in self._where.host else self._where.host
        turning = self._turning = TurningNode('rosbridge', node.get_namespace(), node.context, self._tell)
        turning.start()
        limits = BridgeLimits(clients=self._where.clients)
        robot = RclpyRobot(turning, loop)
        self._service = BridgeService(loop, listener, node.get_namespace(), robot, door, limits, tls)
        self._service.start()
        self.url = f'ws{"s" if tls else ""}://{host}:{self._port}'

    def stop(self) -> None:
        """Send every client away and let go of everything; where it served it will again."""
        if self._service is not None:
            service, self._service = self._service, None
            try:
                service.stop()
            except GuidanceError as error:
                self._tell(str(error))
        if self._turning is not None:
            self._turning.stop()
            self._turning = None
        self.url = ''
