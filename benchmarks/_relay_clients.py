"""The clients of the relay benchmark, in a process of their own, so that their decoding counts for nothing.

A message is on time when all its bytes are here; it is decoded after the clock was read. Prints the latencies [ms] as
JSON, after ``ready``, when the seconds are over.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Any

import cbor2
from aiohttp import ClientSession, WSMsgType

from surgical_guidance import clock

STAMP = re.compile(rb'"sec": ?(\d+), ?"nanosec": ?(\d+)')


async def main(url: str, topic: str, type_: str, compression: str, count: int, seconds: float, stalled: bool) -> None:
    """Subscribe with all clients, and listen for some seconds after all of them were served once."""
    async with ClientSession() as session:
        clients = [_Client(session, url) for _ in range(count)]
        for client in clients:
            await client.subscribe(topic, type_, compression)
        if stalled:
            lazy = await session.ws_connect(url, max_msg_size=0)  # nobody ever receives from it: aiohttp stops reading
            await lazy.send_json(_wish(topic, type_, compression))
        readers = [asyncio.create_task(client.read()) for client in clients]
        for client in clients:
            await asyncio.wait_for(client.served.wait(), 30.0)
        _say('ready')
        for client in clients:
            client.latencies_ms.clear()
        await asyncio.sleep(seconds)
        latencies = [list(client.latencies_ms) for client in clients]
        _say(json.dumps(latencies))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        for reader in readers:
            reader.cancel()


class _Client:
    def __init__(self, session: ClientSession, url: str) -> None:
        self.latencies_ms: list[float] = []
        self.served = asyncio.Event()
        self._session = session
        self._url = url

    async def subscribe(self, topic: str, type_: str, compression: str) -> None:
        self._socket = await self._session.ws_connect(self._url, max_msg_size=0)
        await self._socket.send_json(_wish(topic, type_, compression))

    async def read(self) -> None:
        async for message in self._socket:
            now_ns = clock.monotonic_ns()
            if message.type is WSMsgType.TEXT and '"status"' in message.data[:40]:
                continue  # of pictures that were dropped: the rate tells it too
            self.latencies_ms.append((now_ns - _stamp_ns(message.type, message.data)) / 1e6)
            self.served.set()


def _wish(topic: str, type_: str, compression: str) -> dict[str, Any]:
    return {'op': 'subscribe', 'topic': topic, 'type': type_, 'compression': compression, 'queue_length': 1}


def _stamp_ns(kind: WSMsgType, data: Any) -> int:
    if kind is WSMsgType.BINARY:
        stamp = cbor2.loads(data)['msg']['header']['stamp']
        return int(stamp['sec']) * 1_000_000_000 + int(stamp['nanosec'])
    found = STAMP.search(data[:400].encode())
    assert found is not None, data[:400]
    return int(found[1]) * 1_000_000_000 + int(found[2])


def _say(line: str) -> None:
    sys.stdout.write(line + '\n')
    sys.stdout.flush()


if __name__ == '__main__':
    url_, topic_, type__, compression_, count_, seconds_, stalled_ = sys.argv[1:]
    asyncio.run(main(url_, topic_, type__, compression_, int(count_), float(seconds_), stalled_ == 'stalled'))
