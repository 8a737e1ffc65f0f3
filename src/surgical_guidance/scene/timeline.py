"""When what was seen before still holds: stamps go on, or they jump and all begins anew."""

from __future__ import annotations

from surgical_guidance.clock import NS_PER_S

GAP_S = 2.0
"""Stamps further apart than this do not belong together [s] [I]; the same after which advice forgets."""


class Timeline:
    """Follows the stamps of frames."""

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._size: tuple[int, int] = (0, 0)

    def step(self, stamp_ns: int, size: tuple[int, int]) -> float | None:
        """Give the time since the frame before [s]; None where nothing is known of before.

        That is so for the first frame, after a gap, where stamps go back, and for a picture of another size.
        """
        before, self._last_ns = self._last_ns, stamp_ns
        same = size == self._size
        self._size = size
        if before is None or not same:
            return None
        step = (stamp_ns - before) / NS_PER_S
        return step if 0.0 <= step <= GAP_S else None
