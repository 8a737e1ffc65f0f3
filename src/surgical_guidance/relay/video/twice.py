"""Whether each packet goes to a viewer twice: where some are lost, and not so many that the way there is full.

What a browser asks for again comes a round trip late, and all that was sent meanwhile waits for it: with 30 ms each way
and 1 % lost, one picture in ten stands for 70 ms. A second copy a few milliseconds later takes the bit rate once more,
and loses one packet in ten thousand.
"""

from __future__ import annotations

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.relay.video.ladder import TOO_LOST

SOME_LOST = 1 / 256  # of the packets since the last report: the least that a report can tell
KEPT_S = 60.0  # with copies no loss is seen any more
APART_S = 0.008  # copies go so much later: what loses one packet often loses its neighbours


class Twice:
    """Belongs to one viewer."""

    def __init__(self) -> None:
        self._until_ns = 0

    def on_loss(self, share: float, now_ns: int) -> None:
        """Take the share of packets lost since the last report."""
        if share > TOO_LOST:
            self._until_ns = 0
        elif share >= SOME_LOST:
            self._until_ns = now_ns + int(KEPT_S * NS_PER_S)

    def wanted(self, now_ns: int) -> bool:
        """Whether copies are to go."""
        return now_ns < self._until_ns
