"""The bridge as a part of the relay's node: made when it starts, gone when it stops."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgical_guidance.errors import HostError
from surgical_guidance.relay.access import LOOPBACK, bind
from surgical_guidance.relay.bridge.limits import BridgeLimits
from surgical_guidance.relay.bridge.server import open_to
from surgical_guidance.relay.bridge.service import BridgeService, BridgeSettings
from surgical_guidance.relay.security import Principal, Role

if TYPE_CHECKING:
    from rclpy.node import Node

    from surgical_guidance.relay.bridge.ros import TurningNode

OFF = -1


@dataclass(frozen=True, slots=True)
class Where:
    """Where the bridge serves.

    :param port: 0 takes a free one, :data:`OFF` serves none.
    :param origins: pages that may connect.
    :param clients: at once.
    """

    host: str
    port: int
    origins: tuple[str, ...]
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

    def start(self, node: Node) -> None:
        """Serve. A port that somebody else has (a stock rosbridge, perhaps) keeps the console from nothing: it is said.

        :param node: of the relay: where the bridge's own node lives.
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
        self.url = f'ws://{host}:{self._port}'
        turning = self._turning = TurningNode('rosbridge', node.get_namespace(), node.context, self._tell)
        names = [f'[{name}]' if ':' in name else name for name in LOOPBACK]
        settings = BridgeSettings(
            node.get_namespace(),
            open_to(names, self._where.origins, lambda: Principal('local', Role.ADMIN, secrets.token_hex(8))),
            limits=BridgeLimits(clients=self._where.clients),
        )
        turning.start()
        self._service = BridgeService(listener, settings, lambda loop: RclpyRobot(turning, loop), self._tell)
        self._service.start()

    def stop(self) -> None:
        """Send every client away and let go of everything; where it served it will again."""
        if self._service is not None:
            self._service.stop()
            self._service = None
        if self._turning is not None:
            self._turning.stop()
            self._turning = None
        self.url = ''
