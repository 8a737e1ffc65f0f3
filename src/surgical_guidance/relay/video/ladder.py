"""How large a picture a viewer gets: two rungs, and who stands on which.

A browser tells how much it can take (REMB) and how much was lost (RTCP receiver reports). A rung lower is taken as soon
as one of them says so for a while. A rung higher is tried after a quiet time, doubled with each trial that failed:
an estimate made on the low rung says little about the high one, since receivers estimate little more than they get.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from surgical_guidance.clock import NS_PER_S

LOW = ((676, 540), (540, 360))
"""The lower rung is so high where the upper one is at least so high [px]; smaller pictures have one rung."""
LOW_BIT_RATE = 1_200_000
FULL_HD = 1920 * 1080

TIGHT = 0.85  # share of what is sent: an estimate below it does not carry the rung
TOO_LOST = 0.08  # share of packets: beyond it, retransmission does not keep up
BAD_S = 1.0  # how long it must be so
QUIET_S = 8.0  # without trouble, before the higher rung is tried
QUIET_MAX_S = 240.0
TRIAL_S = 6.0  # a rung that held for so long is no trial any more


@dataclass(frozen=True, slots=True)
class Rung:
    """One size of picture.

    :param index: 0 is the largest.
    :param bit_rate: [bit/s].
    """

    index: int
    width: int
    height: int
    bit_rate: int


@lru_cache(maxsize=16)  # asked for with each frame
def rungs(width: int, height: int, max_height: int, bit_rate: int) -> tuple[Rung, ...]:
    """Give the ladder of a camera's pictures, largest first; one rung only where the camera's are small.

    :param max_height: larger pictures are scaled down to it [px].
    :param bit_rate: of a picture of 1920x1080 [bit/s]; smaller ones get less, more than in proportion.
    """
    ladder = [_scaled(0, width, height, min(height, max_height), bit_rate)]
    low_height = next((low for least, low in LOW if ladder[0].height >= least), None)
    if low_height is not None:
        low = _scaled(1, width, height, low_height, bit_rate)
        ladder.append(Rung(1, low.width, low.height, min(low.bit_rate, LOW_BIT_RATE)))
    return tuple(ladder)


def _scaled(index: int, width: int, height: int, to_height: int, bit_rate: int) -> Rung:
    """Scale in proportion; even numbers, since colour has half the resolution."""
    to_width = round(width * to_height / height / 2) * 2
    to_height = to_height // 2 * 2
    return Rung(index, to_width, to_height, int(bit_rate * (to_width * to_height / FULL_HD) ** 0.75))


class Footing:
    """On which rung one viewer stands.

    :param rungs: gives how many rungs there are.
    """

    def __init__(self, rungs: Callable[[], int]) -> None:
        self._rungs = rungs
        self.rung = 0
        self._tight = False
        self._lost = 0.0
        self._bad_since_ns: int | None = None
        self._good_since_ns: int | None = None
        self._tried_ns: int | None = None
        self._quiet_s = QUIET_S

    def on_estimate(self, bit_rate: int, sent: float, now_ns: int) -> int:
        """Take what the browser says it can receive; give the rung.

        :param bit_rate: the estimate [bit/s]. Without congestion it is half as much again as what comes, not more.
        :param sent: what was sent lately [bit/s].
        """
        self._tight = bit_rate < TIGHT * sent
        return self._look(now_ns)

    def on_loss(self, share: float, now_ns: int) -> int:
        """Take the share of packets lost since the last report; give the rung."""
        self._lost = share
        return self._look(now_ns)

    def _look(self, now_ns: int) -> int:
        if self._tight or self._lost > TOO_LOST:
            self._good_since_ns = None
            self._bad_since_ns = now_ns if self._bad_since_ns is None else self._bad_since_ns
            if now_ns - self._bad_since_ns >= BAD_S * NS_PER_S and self.rung + 1 < self._rungs():
                self._down(now_ns)
        else:
            self._bad_since_ns = None
            self._good_since_ns = now_ns if self._good_since_ns is None else self._good_since_ns
            if self._tried_ns is not None and now_ns - self._tried_ns >= TRIAL_S * NS_PER_S:
                self._tried_ns, self._quiet_s = None, QUIET_S  # it holds
            if self.rung and now_ns - self._good_since_ns >= self._quiet_s * NS_PER_S:
                self.rung -= 1
                self._tried_ns = now_ns
        return self.rung

    def _down(self, now_ns: int) -> None:
        if self._tried_ns is not None:
            self._quiet_s = min(2 * self._quiet_s, QUIET_MAX_S)
        self._tried_ns = None
        self.rung += 1
        self._bad_since_ns = None
        self._tight, self._lost = False, 0.0
