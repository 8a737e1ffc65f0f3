"""One who watches: on which rung, and what their browser says about it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.relay.facts import Json
from surgical_guidance.relay.video.ladder import Footing
from surgical_guidance.relay.video.offer import H264
from surgical_guidance.relay.video.outlet import Outlet
from surgical_guidance.relay.video.peer import Peer
from surgical_guidance.relay.video.twice import APART_S, Twice
from surgical_guidance.relay.video.units import Unit
from surgical_guidance.relay.video.voices import Voice

COUNT_S = 1.0  # what the bit rate is taken over


class Viewer:
    """Sends units to one browser. Belongs to the loop's thread.

    :param rungs: gives how many rungs there are.
    :param need_key: called with the rung that this viewer needs a key frame of.
    """

    def __init__(self, peer: Peer, rungs: Callable[[], int], need_key: Callable[[int], None]) -> None:
        self.peer = peer
        self.outlet = Outlet(H264, extensions=True)
        self.voice: Voice | None = None
        self.live = False
        self.skipped = 0
        """Pictures not sent since those before them had not left this host yet."""
        self._footing = Footing(rungs)
        self._need_key = need_key
        self._rung: int | None = None  # the one it gets; None until its first key frame
        self._lost = 0.0
        self._twice = Twice()
        self._copies: set[asyncio.Task[None]] = set()
        self._estimate: int | None = None
        self._counted = (monotonic_ns(), 0)  # when, and octets sent by then
        self._rate = 0.0
        peer.sends(self.outlet.ssrc, self)

    def begin(self) -> None:
        """Note that the way is open: pictures may go, from the next key frame on."""
        self.live = True
        self._need_key(self._footing.rung)

    @property
    def rungs(self) -> set[int]:
        """Rungs that must be encoded for this viewer: the one it gets, and the one it is about to get."""
        if not self.live:
            return set()
        return {self._footing.rung} if self._rung is None else {self._footing.rung, self._rung}

    def deliver(self, unit: Unit) -> bool:
        """Send a picture if it is this viewer's; True if it went.

        :raises ConnectionError: if the browser is gone.
        """
        if not self.live or (unit.rung != self._rung and not (unit.key and unit.rung == self._footing.rung)):
            return False
        if self.peer.clogged:
            self.skipped += 1
            self._rung = None
            self._need_key(self._footing.rung)
            return False
        self._rung = unit.rung
        now_ns = monotonic_ns()
        self.peer.send(self.outlet.write(unit.payloads, unit.rtp_time, now_ns))
        if self._twice.wanted(now_ns):
            copies = asyncio.get_running_loop().create_task(self._copy(self.outlet.last(len(unit.payloads))))
            self._copies.add(copies)
            copies.add_done_callback(self._copies.discard)
        return True

    async def _copy(self, numbers: Sequence[int]) -> None:
        """Send packets once more, a little later."""
        await asyncio.sleep(APART_S)
        with contextlib.suppress(ConnectionError):
            self.peer.send(self.outlet.again(numbers, monotonic_ns()))

    def lost_units(self) -> None:
        """Pictures were left out on the way here: wait for a key frame."""
        if self._rung is not None:
            self._need_key(self._rung)

    async def on_rtcp(self, packet: Any) -> None:
        """Take what the browser says."""
        if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            self.peer.send(self.outlet.again(packet.lost, monotonic_ns()))
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            self._need_key(self._footing.rung if self._rung is None else self._rung)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            self._on_estimate(packet.fci)
        elif isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == self.outlet.ssrc:
                    self._lost = report.fraction_lost / 256
                    now_ns = monotonic_ns()
                    self._twice.on_loss(self._lost, now_ns)
                    self._move(self._footing.on_loss(self._lost, now_ns))

    def _on_estimate(self, fci: bytes) -> None:
        try:
            self._estimate, _ = unpack_remb_fci(fci)
        except ValueError:
            return
        now_ns = monotonic_ns()
        self._move(self._footing.on_estimate(self._estimate, self._sent(now_ns), now_ns))

    def _sent(self, now_ns: int) -> float:
        """Give what was sent lately [bit/s]."""
        seconds = (now_ns - self._counted[0]) / NS_PER_S
        if seconds >= COUNT_S:
            self._rate = 8 * (self.outlet.octets - self._counted[1]) / seconds
            self._counted = (now_ns, self.outlet.octets)
        return self._rate

    def _move(self, rung: int) -> None:
        if rung != self._rung and self._rung is not None:
            self._need_key(rung)

    def json(self) -> Json:
        """Tell how it goes."""
        return {
            'rung': self._rung,
            'packets': self.outlet.packets,
            'skipped': self.skipped,
            'lost': round(self._lost, 3),
            'twice': self._twice.wanted(monotonic_ns()),
            'estimate_kbps': None if self._estimate is None else self._estimate // 1000,
        }
