"""When to show the pictures of a source that does not come in its own time."""

from __future__ import annotations

from surgical_guidance.clock import NS_PER_S

FORGIVEN_S = 1.0
"""Who is later than this was stopped, or cannot decode this video in its time: the video is continued from here [s]."""


class Pacer:
    """Ties the times of a video to the monotonic clock, from its first picture on.

    :param rate: pictures per second [Hz]; 0 where the video does not say.
    """

    def __init__(self, rate: float) -> None:
        self._interval_s = 1.0 / rate if rate > 0.0 else 0.0
        self._zero_ns: int | None = None  # when the video began, on the monotonic clock
        self._last_s = 0.0

    def due_ns(self, time_s: float, now_ns: int) -> int | None:
        """Tell when a picture is to be shown [ns], which may be over; None when it is too late to show it.

        Too late is more than one interval. Pictures with the time of their predecessor have no pace and are never late.

        :param time_s: of the picture, from the start of the video [s].
        :param now_ns: on the monotonic clock.
        """
        step_s, self._last_s = time_s - self._last_s, time_s
        if self._zero_ns is None:
            self._zero_ns = now_ns - round(time_s * NS_PER_S)
        due_ns = self._zero_ns + round(time_s * NS_PER_S)
        late_s = (now_ns - due_ns) / NS_PER_S
        if step_s <= 0.0 or late_s <= (self._interval_s or step_s):
            return due_ns
        if late_s > FORGIVEN_S:
            self._zero_ns += now_ns - due_ns
            return now_ns
        return None
