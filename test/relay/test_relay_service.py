"""The relay at work over real sockets: what good pages get while bad ones do their worst."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import statistics
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from relay_running import SIZE, Relay, running

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.relay.server import Limits


def parse(message: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack_from('<I', message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]


async def pictures(page: ClientWebSocketResponse, count: int) -> list[tuple[dict[str, Any], bytes]]:
    """Take pictures as a page does, saying that each is shown."""
    got: list[tuple[dict[str, Any], bytes]] = []
    async with asyncio.timeout(20):
        while len(got) < count:
            message = await page.receive()
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
            if message.type is WSMsgType.BINARY:
                header, jpeg = parse(message.data)
                got.append((header | {'age_ms': time.monotonic() * 1000 - header['captured_ms']}, jpeg))
                await page.send_str('{"op": "shown"}')
    return got


def watch(relay: Relay, count: int) -> list[tuple[dict[str, Any], bytes]]:
    async def run() -> list[tuple[dict[str, Any], bytes]]:
        async with ClientSession() as session, session.ws_connect(f'{relay.url}/ws', origin=relay.url) as page:
            return await pictures(page, count)

    return asyncio.run(run())


def test_a_page_gets_each_picture_with_the_scene_of_the_same_frame(relay: Relay) -> None:
    relay.camera.run()
    got = watch(relay, 10)
    numbers = [header['sequence'] for header, _ in got]
    assert numbers == sorted(set(numbers))
    assert sum(header['scene'] is not None for header, _ in got) > 5  # one that is late is missing, never another's
    for header, jpeg in got:
        assert header['scene'] in (None, {'of': header['sequence']})
        assert (header['width'], header['height']) == SIZE
        assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (SIZE[1], SIZE[0], 3)


def test_pixels_are_left_alone_while_nobody_watches(relay: Relay) -> None:
    fact = replace(relay.camera.shoot(), ring='surgical_guidance.nowhere')
    relay.service.frame(fact)
    turns = len(relay.ticks)
    while len(relay.ticks) < turns + 3:
        time.sleep(0.005)
    assert relay.problems == []


def test_a_ring_that_cannot_be_read_is_told_and_so_is_the_end_of_it(relay: Relay) -> None:
    async def run() -> None:
        async with ClientSession() as session, session.ws_connect(f'{relay.url}/ws', origin=relay.url) as page:
            await page.receive()
            relay.service.frame(replace(relay.camera.shoot(), ring='surgical_guidance.nowhere'))
            async with asyncio.timeout(5):
                while not any('no frame ring there' in problem for problem in relay.problems):
                    await asyncio.sleep(0.005)
            relay.camera.run()
            async with asyncio.timeout(5):
                while relay.problems[-1]:
                    await asyncio.sleep(0.005)

    asyncio.run(run())


def test_it_ticks_with_nobody_there(relay: Relay) -> None:
    deadline = time.monotonic() + 5
    while len(relay.ticks) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_page_is_told_when_the_relay_stops() -> None:
    async def run() -> tuple[int, float]:
        async with ClientSession() as session:
            with contextlib.ExitStack() as stack:
                relay = stack.enter_context(running(Limits()))
                page = await session.ws_connect(f'{relay.url}/ws', origin=relay.url)
                await page.receive()
                began = time.monotonic()
                closing = asyncio.get_running_loop().run_in_executor(None, stack.pop_all().close)
                async with asyncio.timeout(5):
                    while (message := await page.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
                        pass
                await closing
                return message.data, time.monotonic() - began

    code, took = asyncio.run(run())
    assert code == 1001
    assert took < 1.5


def raw_page(relay: Relay) -> socket.socket:
    """Open a page's socket that never reads more than its greeting, with a small receive buffer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(('127.0.0.1', relay.port))
    connection.sendall(
        (
            f'GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{relay.port}\r\nOrigin: {relay.url}\r\nUpgrade: websocket\r\n'
            'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
        ).encode()
    )
    assert b'101' in connection.recv(64)
    return connection


def say_shown(connection: socket.socket) -> None:
    """Lie that a picture was shown: a masked text frame."""
    text = b'{"op": "shown"}'
    connection.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)


def resident_mb() -> float:
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


async def median_age_ms(page: ClientWebSocketResponse, count: int) -> float:
    return statistics.median(header['age_ms'] for header, _ in await pictures(page, count))


def test_pages_that_stall_and_lie_cost_no_memory_and_nobody_a_millisecond(relay: Relay) -> None:
    relay.camera.run(rate=40.0)  # of pictures of more than a megabyte

    async def run() -> tuple[float, float, float]:
        async with ClientSession() as session, session.ws_connect(f'{relay.url}/ws', origin=relay.url) as page:
            alone_ms = await median_age_ms(page, 60)
            before_mb = resident_mb()
            with contextlib.ExitStack() as stack:
                stalled = [stack.enter_context(contextlib.closing(raw_page(relay))) for _ in range(3)]
                crowded = []
                for _ in range(12):
                    for connection in stalled:
                        say_shown(connection)
                    crowded.append(await median_age_ms(page, 10))
                return alone_ms, statistics.median(crowded), resident_mb() - before_mb

    alone_ms, crowded_ms, more_mb = asyncio.run(run())
    assert crowded_ms < 1.5 * alone_ms + 3
    assert more_mb < 15  # three pages: at most two pictures each in the air


def test_a_page_that_died_without_a_word_is_forgotten(relay_with: Callable[..., Relay]) -> None:
    relay = relay_with(heartbeat_s=0.2)
    with contextlib.closing(raw_page(relay)):

        async def clients() -> int:
            async with ClientSession() as session, session.get(f'{relay.url}/healthz') as answer:
                return int((await answer.json())['clients'])

        async def until(count: int) -> None:
            async with asyncio.timeout(5):
                while await clients() != count:
                    await asyncio.sleep(0.02)

        asyncio.run(until(1))
        asyncio.run(until(0))


def test_health_tells_the_latency_of_the_pictures(relay: Relay) -> None:
    relay.camera.run()
    watch(relay, 20)

    async def health() -> Any:
        async with ClientSession() as session, session.get(f'{relay.url}/healthz') as answer:
            return await answer.json()

    answer = asyncio.run(health())
    assert answer['pictures']['sent'] >= 20
    assert 0 < answer['capture_to_sent_ms']['p50'] <= answer['capture_to_sent_ms']['p99'] < 2000


def test_the_state_comes_often_enough_for_a_page_to_notice_silence(relay: Relay) -> None:
    async def run() -> list[float]:
        times = []
        async with ClientSession() as session, session.ws_connect(f'{relay.url}/ws', origin=relay.url) as page:
            while len(times) < 20:
                message = json.loads((await page.receive(timeout=5)).data)
                if message['op'] == 'state':
                    assert message['now_ms'] <= monotonic_ns() / 1e6
                    times.append(time.monotonic())
        return times

    times = asyncio.run(run())
    assert statistics.median(b - a for a, b in itertools.pairwise(times)) < 0.1
