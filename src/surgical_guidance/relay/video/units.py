"""One encoded picture, cut into RTP payloads once for all viewers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
from aiortc.codecs.h264 import H264Encoder as Packer

from surgical_guidance.relay.video.rtp_clock import CLOCK_RATE, rtp_time

_TIME_BASE = Fraction(1, CLOCK_RATE)
_packer = Packer()


@dataclass(frozen=True, slots=True)
class Unit:
    """One picture of one rung.

    :param rung: its place in the ladder; 0 is the largest picture.
    :param sequence: of the frame.
    :param captured_ns: monotonic.
    :param key: whether a decoder can begin with it.
    :param payloads: of the RTP packets, in order.
    """

    rung: int
    sequence: int
    captured_ns: int
    key: bool
    payloads: tuple[bytes, ...]

    @property
    def rtp_time(self) -> int:
        """RTP timestamp."""
        return rtp_time(self.captured_ns)


def payloads(access_unit: bytes) -> tuple[bytes, ...]:
    """Cut an H.264 access unit (Annex B) into RTP payloads (RFC 6184)."""
    packet = av.Packet(access_unit)
    packet.pts = 0
    packet.time_base = _TIME_BASE
    return tuple(_packer.pack(packet)[0])
