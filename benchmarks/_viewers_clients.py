"""Viewers that take all packets and decode none: ``python _viewers_clients.py URL COUNT``.

Says ``up`` when all have pictures. Every line on its standard input ends a measurement: it answers with the packets and
with how old each whole picture was at its last packet [ms], of all viewers since the line before.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import aiohttp
import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription

from surgical_guidance.clock import monotonic_ns

WRAP = 1 << 32


class Seen:
    """What came to all viewers."""

    def __init__(self) -> None:
        self.packets = 0
        self.ages: list[float] = []
        self.viewers: set[int] = set()

    def take(self, receiver: int, packet: Any) -> None:
        self.packets += 1
        if packet.marker:
            self.viewers.add(receiver)
            self.ages.append((monotonic_ns() * 9 // 100_000 - packet.timestamp) % WRAP / 90)


async def join(session: aiohttp.ClientSession, url: str) -> Any:
    """Join as a page does."""
    socket = await session.ws_connect(f'{url}/ws', headers={'Origin': url})
    await socket.send_json({'op': 'video.start'})
    await socket.send_json({'op': 'pictures', 'wanted': False})
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT and json.loads(message.data)['op'] == 'video.offer':
            offer = json.loads(message.data)['sdp']
            break
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await peer.setRemoteDescription(RTCSessionDescription(offer, 'offer'))
    await peer.setLocalDescription(await peer.createAnswer())
    await socket.send_json({'op': 'video.answer', 'sdp': peer.localDescription.sdp})

    async def drain() -> None:
        async for _ in socket:
            pass

    return peer, asyncio.create_task(drain())


async def main(url: str, count: int) -> None:
    """Watch until the input ends."""
    aioice.ice.get_host_addresses = lambda **_: ['127.0.0.1']  # it leaves the loopback interface out
    seen = Seen()

    async def take(self: RTCRtpReceiver, packet: Any, arrival_time_ms: int) -> None:  # noqa: ARG001  (aiortc's name)
        seen.take(id(self), packet)

    RTCRtpReceiver._handle_rtp_packet = take  # type: ignore[method-assign]  # noqa: SLF001  (no public way past the decoder)
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with aiohttp.ClientSession() as session:
        joined = [await join(session, url) for _ in range(count)]
        while len(seen.viewers) < count:
            await asyncio.sleep(0.05)
        print('up', flush=True)
        while await lines.readline():
            print(json.dumps({'packets': seen.packets, 'ages': seen.ages}), flush=True)
            seen.packets, seen.ages = 0, []
        for peer, drain in joined:
            drain.cancel()
            await peer.close()


if __name__ == '__main__':
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
