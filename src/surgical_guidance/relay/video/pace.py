"""How large and how many pictures may be for this host to keep up with: when the encoder falls behind, they get fewer.

The frame path goes first on the processor, so what is left for encoding differs from host to host and from minute to
minute. A smaller picture in time is worth more than a large one that is late, and every second frame in time more than
each too late: a viewer on the same host, its decoding and drawing, costs by the frame. Where the host as a whole is
short of processors the picture gives way too, before the models do: they are what sees.
"""

from __future__ import annotations

from surgical_guidance.clock import NS_PER_S

HEIGHTS = (1080, 720, 540)  # with each frame
HALVED = (540, 360)  # and then with every second
BEHIND = 0.2  # share of the frames of a look that were not encoded, or late
SHORT = 0.6  # pressure on the processors: beyond it a page on the same host draws late what was encoded in time
EASY = 0.4  # and below it there is room for more
MIN_FRAMES = 10  # in a look; fewer tell nothing
BAD_LOOKS = 3  # in a row: a browser that starts on the same host takes much for a moment only
QUIET_S = 20.0  # before a larger size is tried
QUIET_MAX_S = 960.0


class Pace:
    """Belongs to one thread.

    :param max_height: what was asked for [px].
    """

    def __init__(self, max_height: int) -> None:
        whole = [max_height, *(height for height in HEIGHTS if height < max_height)]
        halved = [height for height in HALVED if height <= max_height] or [max_height]
        self._steps = [(height, 1) for height in whole] + [(height, 2) for height in halved]
        self._step = 0
        self._offered = self._behind = 0
        self._bad = 0
        self._calm_since_ns: int | None = None
        self._quiet_s = QUIET_S

    @property
    def max_height(self) -> int:
        """What this host keeps up with [px]."""
        return self._steps[self._step][0]

    @property
    def every(self) -> int:
        """1: each frame is encoded; 2: every second."""
        return self._steps[self._step][1]

    def look(self, offered: int, behind: int, now_ns: int, pressure: float = 0.0) -> tuple[int, int]:
        """Take how many frames were offered to the encoders, and not encoded in time, since start.

        Called about once a second. What was given up is tried again after a while, each time a longer one.

        :param pressure: on the processors since the last look, as a share of the time.
        :return: :attr:`max_height` and :attr:`every`.
        """
        frames, late = offered - self._offered, behind - self._behind
        self._offered, self._behind = offered, behind
        if frames < MIN_FRAMES:
            self._calm_since_ns, self._bad = None, 0
        elif late > BEHIND * frames or pressure > SHORT:
            self._calm_since_ns = None
            self._bad += 1
            if self._bad >= BAD_LOOKS and self._step + 1 < len(self._steps):
                self._step += 1
                self._bad = 0
        elif pressure > EASY:
            self._calm_since_ns, self._bad = None, 0
        else:
            self._bad = 0
            self._calm_since_ns = now_ns if self._calm_since_ns is None else self._calm_since_ns
            if self._step and now_ns - self._calm_since_ns >= self._quiet_s * NS_PER_S:
                self._step -= 1
                self._calm_since_ns = None
                self._quiet_s = min(2 * self._quiet_s, QUIET_MAX_S)
        return self.max_height, self.every
