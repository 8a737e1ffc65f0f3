"""How large pictures may be for this host to keep up with: when the encoder falls behind, all of them get smaller.

The frame path goes first on the processor, so what is left for encoding differs from host to host and from minute to
minute. A smaller picture in time is worth more than a large one that is late.
"""

from __future__ import annotations

from surgical_guidance.clock import NS_PER_S

HEIGHTS = (1080, 720, 540, 360)
BEHIND = 0.2  # share of the frames of a look that were not encoded
MIN_FRAMES = 10  # in a look; fewer tell nothing
QUIET_S = 60.0  # before a larger size is tried
QUIET_MAX_S = 960.0


class Pace:
    """Belongs to one thread.

    :param max_height: what was asked for [px].
    """

    def __init__(self, max_height: int) -> None:
        self._heights = (max_height, *(height for height in HEIGHTS if height < max_height))
        self._step = 0
        self._offered = self._dropped = 0
        self._calm_since_ns: int | None = None
        self._quiet_s = QUIET_S

    @property
    def max_height(self) -> int:
        """What this host keeps up with [px]."""
        return self._heights[self._step]

    def look(self, offered: int, dropped: int, now_ns: int) -> int:
        """Take how many frames were offered to the encoders and not encoded, since start; give the height.

        Called about once a second. A size that was given up is tried again after a while, each time a longer one.
        """
        frames, lost = offered - self._offered, dropped - self._dropped
        self._offered, self._dropped = offered, dropped
        if frames < MIN_FRAMES:
            self._calm_since_ns = None
        elif lost > BEHIND * frames:
            self._calm_since_ns = None
            if self._step + 1 < len(self._heights):
                self._step += 1
        else:
            self._calm_since_ns = now_ns if self._calm_since_ns is None else self._calm_since_ns
            if self._step and now_ns - self._calm_since_ns >= self._quiet_s * NS_PER_S:
                self._step -= 1
                self._calm_since_ns = None
                self._quiet_s = min(2 * self._quiet_s, QUIET_MAX_S)
        return self.max_height
