"""One RTP stream to one viewer: headers, what may be asked for again, and the sender's reports. Bytes, no network."""

from __future__ import annotations

import secrets
import struct
from collections import deque
from collections.abc import Iterable, Sequence

from aiortc.rtp import RtcpSdesPacket, RtcpSenderInfo, RtcpSourceInfo, RtcpSrPacket

from surgical_guidance.clock import NS_PER_S

KEPT = 1024  # packets that can be sent again: more than a second of a 6 Mbit/s picture
NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970

ABS_SEND_TIME_ID, PLAYOUT_DELAY_ID = 3, 4
EXTENSIONS = {
    ABS_SEND_TIME_ID: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
    PLAYOUT_DELAY_ID: 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
}
"""Header extensions of the pictures: when a packet went, from which the browser estimates what it can receive, and that
it shall show a picture as soon as it is there: a least and a greatest delay of 0 ms."""

_HEADER = struct.Struct('!BBHII')
_VIDEO_EXTENSION = struct.Struct('!HHII')
_LEAST_AND_GREATEST_DELAY = (PLAYOUT_DELAY_ID << 4 | 2) << 24

_Kept = tuple[int, int, bool, bytes]
"""A packet's number, RTP time, mark and payload."""


class Outlet:
    """Writes the packets of one stream.

    :param payload_type: as negotiated.
    :param extensions: whether to write :data:`EXTENSIONS`: for pictures to browsers.
    """

    def __init__(self, payload_type: int, *, extensions: bool) -> None:
        self.ssrc = secrets.randbits(32) or 1
        self.payload_type = payload_type
        self.packets = 0
        self.octets = 0
        self._extended = extensions
        self._number = secrets.randbits(15)  # the lower half: a wrap-around before the first packet arrived breaks SRTP
        self._kept: deque[_Kept] = deque(maxlen=KEPT if extensions else 1)

    def write(self, payloads: Sequence[bytes], rtp_time: int, now_ns: int, *, last: bool = True) -> list[bytes]:
        """Write packets.

        :param last: mark the last one: the picture is complete.
        """
        count = len(payloads)
        fresh = [
            (self._number + n & 0xFFFF, rtp_time, last and n == count, payload) for n, payload in enumerate(payloads, 1)
        ]
        self._number = self._number + count & 0xFFFF
        self._kept.extend(fresh)
        self.packets += count
        self.octets += sum(map(len, payloads))
        return self._written(fresh, now_ns)

    def last(self, count: int) -> list[int]:
        """Give the numbers of the last packets."""
        return [self._number - back & 0xFFFF for back in range(count)]

    def again(self, numbers: Iterable[int], now_ns: int) -> list[bytes]:
        """Write the packets of these numbers once more, where they are still known."""
        wanted = set(numbers)
        return self._written([kept for kept in self._kept if kept[0] in wanted], now_ns)

    def report(self, rtp_time: int, wall_ns: int, name: str) -> bytes:
        """Write the sender's report (RFC 3550): which RTP time it is at which time of day.

        :param name: of the source; streams of one name are shown in step.
        """
        ntp = (wall_ns // NS_PER_S + NTP_EPOCH_S << 32) + (wall_ns % NS_PER_S << 32) // NS_PER_S
        info = RtcpSenderInfo(ntp, rtp_time, self.packets & 0xFFFFFFFF, self.octets & 0xFFFFFFFF)
        source = RtcpSourceInfo(self.ssrc, [(1, name.encode())])
        return bytes(RtcpSrPacket(self.ssrc, info)) + bytes(RtcpSdesPacket([source]))

    def _written(self, kept: list[_Kept], now_ns: int) -> list[bytes]:
        sent = (now_ns << 18) // NS_PER_S & 0xFFFFFF  # 6.18 bits of seconds
        extension = b''
        if self._extended:
            extension = _VIDEO_EXTENSION.pack(
                0xBEDE, 2, (ABS_SEND_TIME_ID << 4 | 2) << 24 | sent, _LEAST_AND_GREATEST_DELAY
            )
        first = 0x80 | self._extended << 4
        return [
            _HEADER.pack(first, marked << 7 | self.payload_type, number, rtp_time, self.ssrc) + extension + payload
            for number, rtp_time, marked, payload in kept
        ]
