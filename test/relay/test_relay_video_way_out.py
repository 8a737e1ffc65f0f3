"""The way out of this host: what goes at once arrives apart, whole and in order, whatever the kernel takes."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from typing import Any

import pytest
import uvloop

from surgical_guidance.relay.video.way_out import MOST_BYTES, MOST_PACKETS, UDP_SEGMENT, WayOut, runs

SO_NO_CHECK = 11  # <asm/socket.h>: without checksums the kernel cuts nothing
ADDRESS = ('127.0.0.1', 9)


def packets(*lengths: int) -> list[bytes]:
    """Packets of these lengths, each telling its place."""
    return [bytes([place]) * length for place, length in enumerate(lengths)]


class Shared:
    """A socket of a loop, of which the kernel takes what it is told to."""

    def __init__(self, *outcomes: OSError | None, known: bool = True) -> None:
        self.calls: list[tuple[Sequence[bytes], Any]] = []
        self.closed = False
        self._outcomes = list(outcomes)
        self._known = known

    def dup(self) -> Shared:
        return self

    def setsockopt(self, level: int, name: int, value: int) -> None:
        assert (level, name, value) == (socket.IPPROTO_UDP, UDP_SEGMENT, 0)
        if not self._known:
            raise OSError(92, 'Protocol not available')

    def sendmsg(self, buffers: Sequence[bytes], ancillary: Any, _flags: int, address: tuple[str, int]) -> None:
        assert address == ADDRESS
        outcome = self._outcomes.pop(0) if self._outcomes else None
        if outcome is not None:
            raise outcome
        self.calls.append((buffers, ancillary))

    def close(self) -> None:
        self.closed = True


class Transport(asyncio.DatagramTransport):
    """A transport that remembers what it was given, with or without a socket."""

    def __init__(self, shared: Shared | None, waiting: int = 0) -> None:
        super().__init__({} if shared is None else {'socket': shared})
        self.given: list[bytes] = []
        self.waiting = waiting

    def sendto(self, data: Any, addr: Any = None) -> None:
        assert addr == ADDRESS
        self.given.append(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting


def test_a_run_is_of_one_length_but_its_last_and_no_longer_than_the_kernel_takes() -> None:
    def of(*lengths: int) -> list[list[int]]:
        return [[len(packet) for packet in run] for run in runs(packets(*lengths))]

    assert of() == []
    assert of(30) == [[30]]
    assert of(20, 90, 90, 89, 89, 40) == [[20], [90, 90, 89], [89, 40]]
    assert of(90, 40, 40) == [[90, 40], [40]]
    assert [len(run) for run in of(*[90] * 150)] == [MOST_PACKETS, MOST_PACKETS, 22]
    long = of(*[1300] * 100)
    assert max(map(sum, long)) <= MOST_BYTES
    assert sum(map(len, long)) == 100


class Counted:
    """A loop's transport, and how many packets it was given."""

    def __init__(self, transport: asyncio.DatagramTransport) -> None:
        self.given = 0
        self.get_extra_info = transport.get_extra_info
        self.get_write_buffer_size = transport.get_write_buffer_size  # type: ignore[attr-defined]
        self._sendto = transport.sendto

    def sendto(self, data: bytes, addr: Any) -> None:
        self.given += 1
        self._sendto(data, addr)


class Received(asyncio.DatagramProtocol):
    """What came."""

    def __init__(self) -> None:
        self.packets: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.packets.put_nowait(data)


async def through(sent: list[bytes], *, refuse: bool) -> tuple[list[bytes], int]:
    """Send twice from one real socket to another: what came, and how many packets the transport had to take."""
    loop = asyncio.get_running_loop()
    receiver, received = await loop.create_datagram_endpoint(Received, local_addr=('127.0.0.1', 0))
    sender, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=('127.0.0.1', 0))
    if refuse:
        sender.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    counted = Counted(sender)
    way = WayOut(counted, receiver.get_extra_info('sockname'))  # type: ignore[arg-type]
    try:
        came = []
        for _ in range(2):
            way.send(sent)
            came += [await asyncio.wait_for(received.packets.get(), 20) for _ in sent]
        return came, counted.given
    finally:
        way.close()
        sender.close()
        receiver.close()


@pytest.mark.parametrize('loop', [asyncio, uvloop])
@pytest.mark.parametrize('refuse', [False, True])
def test_packets_arrive_as_they_were_whether_the_kernel_cuts_them_or_not(loop: Any, refuse: bool) -> None:
    sent = packets(20, 7, *[1301] * 5, *[1300] * 70, 400)
    with asyncio.Runner(loop_factory=loop.new_event_loop) as runner:
        came, singly = runner.run(through(sent, refuse=refuse))
    assert came == sent * 2
    assert singly == (2 * len(sent) if refuse else 0)


def test_what_the_kernel_has_no_room_for_waits_in_the_transport_and_nothing_overtakes_it() -> None:
    sent = packets(30, 90, 90, 40)
    shared = Shared(None, BlockingIOError())
    transport = Transport(shared)
    way = WayOut(transport, ADDRESS)
    way.send(sent)
    assert [list(run) for run, _ in shared.calls] == [sent[:1]]
    assert transport.given == sent[1:]
    transport.waiting = 220
    way.send(sent)
    assert transport.given == [*sent[1:], *sent]
    transport.waiting = 0
    way.send(sent)
    assert [list(run) for run, _ in shared.calls[1:]] == [sent[:1], sent[1:]]
    assert shared.calls[-1][1] == [(socket.IPPROTO_UDP, UDP_SEGMENT, (90).to_bytes(2, sys.byteorder))]


def test_a_kernel_that_knows_no_such_thing_and_a_turn_server_get_packet_by_packet() -> None:
    sent = packets(90, 90, 90)
    old = Shared(known=False)
    for transport in (Transport(old), Transport(None)):
        way = WayOut(transport, ADDRESS)
        way.send(sent)
        way.close()
        assert transport.given == sent
    assert old.closed
    assert not old.calls
