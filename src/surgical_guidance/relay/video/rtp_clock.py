"""The clock of the video: the RTP timestamp *is* the capture time on ``CLOCK_MONOTONIC``, at 90 kHz.

A browser tells the timestamp of every picture that it shows (``requestVideoFrameCallback``), so the page knows which
frame it has before it and how old it is, and no overlay can get over another frame. RFC 3550 asks for a random start,
so that known plain text does not help who listens in; SRTP's ciphers do not need that.
"""

from __future__ import annotations

CLOCK_RATE = 90_000  # Hz, of every video codec in RTP


def rtp_time(monotonic_ns: int) -> int:
    """Give the RTP timestamp of a capture time: 32 bits, which wrap around after 13 h."""
    return monotonic_ns * 9 // 100_000 & 0xFFFFFFFF
