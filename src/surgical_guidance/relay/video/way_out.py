"""One way out of this host: many packets with one call, where the kernel can cut them apart again.

A picture is a dozen packets to each viewer, nearly all of one length. The kernel takes them as one and cuts them as
late as it can (UDP segmentation offload, Linux 4.18): that costs it a quarter of what as many calls do.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator, Sequence

UDP_SEGMENT = 103  # <linux/udp.h>; Python has no name for it
MOST_PACKETS = 64  # that the kernel cuts from one call (UDP_MAX_SEGMENTS)
MOST_BYTES = 65_507  # in one call: what a UDP datagram can hold

_LENGTH = struct.Struct('=H')


class WayOut:
    """Sends to one address. Belongs to the loop's thread.

    Whatever the kernel does not take at once goes through the transport, packet by packet: there it waits for room. So
    does everything where a TURN server is between, which has no socket of its own.

    :param transport: UDP, not connected; it stays its maker's, and is to be open whenever something is sent.
    """

    def __init__(self, transport: asyncio.DatagramTransport, address: tuple[str, int]) -> None:
        self._transport = transport
        self._address = address
        self._socket = _cutting(transport)

    def send(self, packets: Sequence[bytes]) -> None:
        """Send in this order. Does not wait."""
        gone = 0 if self.waiting else self._send_runs(packets)
        for packet in packets[gone:]:
            self._transport.sendto(packet, self._address)

    @property
    def waiting(self) -> int:
        """How many bytes wait in this host for room; 0 where it is not known."""
        size = getattr(self._transport, 'get_write_buffer_size', None)
        return 0 if size is None else size()

    def close(self) -> None:
        """Let go of it; idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send_runs(self, packets: Sequence[bytes]) -> int:
        """Send as long as the kernel takes whole runs; give how many packets went."""
        gone = 0
        for run in runs(packets):
            if self._socket is None:
                break
            cut = (socket.IPPROTO_UDP, UDP_SEGMENT, _LENGTH.pack(len(run[0])))
            try:
                self._socket.sendmsg(run, [cut], 0, self._address)
            except BlockingIOError:
                break
            except OSError:  # this way takes none, ever: packets too small there, no checksums, IPsec
                self.close()
                break
            gone += len(run)
        return gone


def runs(packets: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Divide packets into what one call can take: all of one length but the last, which may be shorter."""
    start = total = 0
    for end, packet in enumerate(packets):
        length, before = len(packets[start]), len(packets[end - 1])
        full = end - start == MOST_PACKETS or total + len(packet) > MOST_BYTES
        if end > start and (full or len(packet) > length or before < length):
            yield packets[start:end]
            start, total = end, 0
        total += len(packet)
    if packets:
        yield packets[start:]


def _cutting(transport: asyncio.DatagramTransport) -> socket.socket | None:
    """Give a socket that sends from the transport's port and whose packets the kernel cuts; None: there is none."""
    shared = transport.get_extra_info('socket')
    if shared is None:
        return None
    own: socket.socket = shared.dup()  # asyncio's loops let nobody send on theirs
    try:
        own.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)  # off, but for the calls that ask; unknown to old kernels
    except OSError:
        own.close()
        return None
    return own
