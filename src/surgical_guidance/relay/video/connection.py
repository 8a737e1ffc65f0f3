"""Where media goes out of this host: only where the relay itself is served, and to a TURN server if one is named."""

from __future__ import annotations

import asyncio
from typing import Any

import aioice
from aiortc import RTCIceGatherer, RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

from surgical_guidance.relay.video.settings import Reach


def servers(reach: Reach, who: str) -> list[RTCIceServer]:
    """Give the STUN and TURN servers, with a credential for one viewer."""
    if not reach.ice_servers:
        return []
    name, password = reach.credential(who) or (None, None)
    return [RTCIceServer(list(reach.ice_servers), name, password)]


class _Connection(aioice.Connection):
    """An ICE connection on the addresses it is told.

    aioice never takes the loopback interface, which is where this relay is served if nothing else is asked for.
    """

    def __init__(self, addresses: tuple[str, ...], **options: Any) -> None:
        super().__init__(**options)
        self._addresses = addresses
        self.knocked = asyncio.Event()

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[aioice.Candidate]:
        """Give the candidates of the addresses that were told."""
        return await super().get_component_candidates(component, list(self._addresses) or addresses, timeout)

    def request_received(self, message: Any, addr: tuple[str, int], protocol: Any) -> None:
        """Note that the browser has found the way here."""
        super().request_received(message, addr, protocol)
        if self._early_checks:  # only those that know our name and password get there
            self.knocked.set()


class Gatherer(RTCIceGatherer):
    """Gathers where :class:`Reach` says.

    :param servers: from :func:`servers`.
    """

    def __init__(self, reach: Reach, servers: list[RTCIceServer]) -> None:
        super().__init__(iceServers=servers)
        options = connection_kwargs(servers)
        self._ours = _Connection(reach.addresses, ice_controlling=True, **options)
        self._connection = self._ours

    async def knocked(self) -> None:
        """Wait until the browser has found the way here."""
        await self._ours.knocked.wait()
