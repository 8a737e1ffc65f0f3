"""The clients of the relay benchmark, in a process of their own, so that what they do with a message does not count.

A message is there when all its bytes are: they are taken from the socket as they come, and looked at after the clock
was read. A WebSocket library would copy, join and decode a picture before it tells of it, and five clients of one
process would wait for one another's: 1.5 ms of what was measured so were theirs. Prints the latencies [ms] as JSON,
after ``ready``, when the seconds are over.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import cbor2

from surgical_guidance import clock

STAMP_CBOR = cbor2.dumps('stamp')
STAMP = re.compile(rb'"sec": ?(\d+), ?"nanosec": ?(\d+)')
ROOM = 4 << 20  # bytes of the largest message
HEAD = 400  # bytes of a message that are looked at
SERVED_S = 30.0  # for the first message to come
SETTLE_S = 1.0  # after it: what the middleware still brings of before
MASK = b'\0\0\0\0'  # a client must mask; with zeros nothing changes
TEXT, BINARY, PING, PONG = 1, 2, 9, 10


def main(url: str, topic: str, type_: str, compression: str, count: int, seconds: float, stalled: bool) -> None:
    """Subscribe with all clients, and listen for some seconds after all of them were served once."""
    wish = {'op': 'subscribe', 'topic': topic, 'type': type_, 'compression': compression, 'queue_length': 1}
    clients = [Client(url, wish) for _ in range(count)]
    lazy = Client(url, wish) if stalled else None  # nobody ever receives from it
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        _turn(selector, time.monotonic() + SERVED_S, lambda: all(client.latencies_ms for client in clients))
        _turn(selector, time.monotonic() + SETTLE_S, lambda: False)
        _say('ready')
        for client in clients:
            client.latencies_ms.clear()
        _turn(selector, time.monotonic() + seconds, lambda: False)
        _say(json.dumps([client.latencies_ms for client in clients]))
        sys.stdin.read()
    del lazy


def _turn(selector: selectors.BaseSelector, until: float, over: Callable[[], bool]) -> None:
    while not over() and (left := until - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            key.data.receive()


class Client:
    """One connection, and how long its messages took."""

    def __init__(self, url: str, wish: dict[str, Any]) -> None:
        self.latencies_ms: list[float] = []
        self._room = bytearray(ROOM)
        self._view = memoryview(self._room)
        self._filled = 0
        place = urlsplit(url)
        self.socket = socket.create_connection((place.hostname, place.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            f'GET / HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
            'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'.encode()
        )
        answer = b''
        while not answer.endswith(b'\r\n\r\n'):
            answer += self.socket.recv(1)
        assert b' 101 ' in answer, answer
        self._send(TEXT, json.dumps(wish).encode())

    def receive(self) -> None:
        """Take what is there."""
        self._filled += self.socket.recv_into(self._view[self._filled :])
        now_ns = clock.monotonic_ns()
        at = 0
        while (found := _frame(self._view[at : self._filled])) is not None:
            kind, start, end = found
            self._look(kind, bytes(self._view[at + start : at + min(end, start + HEAD)]), now_ns)
            at += end
        if at:
            left = self._filled - at
            self._room[:left] = self._room[at : self._filled]
            self._filled = left

    def _look(self, kind: int, data: bytes, now_ns: int) -> None:
        if kind == PING:
            self._send(PONG, data)
        if kind not in (TEXT, BINARY) or b'"status"' in data[:60]:
            return  # of pictures that were dropped: the rate tells it too
        self.latencies_ms.append((now_ns - _stamp_ns(kind, data)) / 1e6)

    def _send(self, kind: int, data: bytes) -> None:
        size = bytes((0x80 | len(data),)) if len(data) < 126 else struct.pack('!BH', 0x80 | 126, len(data))
        self.socket.sendall(bytes((0x80 | kind,)) + size + MASK + data)


def _frame(view: memoryview) -> tuple[int, int, int] | None:
    """Give kind, start and end of the frame at the beginning; None if it is not all there."""
    if len(view) < 2:
        return None
    size, start = view[1] & 0x7F, 2
    if size >= 126:
        start = 4 if size == 126 else 10
        if len(view) < start:
            return None
        size = int.from_bytes(view[2:start], 'big')
    return (view[0] & 0x0F, start, start + size) if len(view) >= start + size else None


def _stamp_ns(kind: int, data: bytes) -> int:
    if kind == BINARY:
        stamp = cbor2.loads(data[data.index(STAMP_CBOR) + len(STAMP_CBOR) :])  # the map that follows
        return int(stamp['sec']) * 1_000_000_000 + int(stamp['nanosec'])
    found = STAMP.search(data)
    assert found is not None, data
    return int(found[1]) * 1_000_000_000 + int(found[2])


def _say(line: str) -> None:
    sys.stdout.write(line + '\n')
    sys.stdout.flush()


if __name__ == '__main__':
    url_, topic_, type__, compression_, count_, seconds_, stalled_ = sys.argv[1:]
    main(url_, topic_, type__, compression_, int(count_), float(seconds_), stalled_ == 'stalled')
