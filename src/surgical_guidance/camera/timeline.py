"""From the time stamps in a video to times that never go back."""

from __future__ import annotations

LONGEST_STEP_S = 10.0
"""A longer way from one picture to the next is a splice or a wrapped counter, and not a pause to sit through [s]."""


class Timeline:
    """Puts the pictures of a video, of one pass after another, on one line of time that starts at 0.

    :param interval_s: from one picture to the next where the time stamps do not tell [s].
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._last_s: float | None = None
        self._offset_s: float | None = None  # line of time minus time stamps of this pass

    def restart(self) -> None:
        """Begin another pass: its first picture follows the last one of this pass."""
        self._offset_s = None

    def at(self, stamp_s: float | None) -> float:
        """Give the time of the next picture [s].

        :param stamp_s: as the video says, from anywhere; None where it does not say.
        """
        following = 0.0 if self._last_s is None else self._last_s + self._interval_s
        if stamp_s is None:
            time_s = following
        else:
            if self._offset_s is None:
                self._offset_s = following - stamp_s
            time_s = stamp_s + self._offset_s
            if self._last_s is not None and not 0.0 <= time_s - self._last_s <= LONGEST_STEP_S:
                self._offset_s = following - stamp_s
                time_s = following
        self._last_s = time_s
        return time_s
