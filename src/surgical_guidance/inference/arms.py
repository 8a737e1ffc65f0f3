"""Where arms say that their instruments' tips are, at the moment of a frame."""

from __future__ import annotations

import math
import threading
from collections import deque

from surgical_guidance.clock import NS_PER_MS
from surgical_guidance.contract import OPTICAL_FRAME
from surgical_guidance.scene.rulers import ToolPose

APART_NS = 50 * NS_PER_MS
"""How far the stamps of a pose and of a frame may be apart [I]: in that time a tip that moves 100 mm/s moves 5 mm."""

_KEPT = 64  # poses of an arm: 0.3 s of one that speaks 200 times a second
_MM_PER_M = 1000.0


class Arms:
    """Holds the last poses of each arm. Some threads tell, another asks.

    :param sigma_mm: standard deviation of each coordinate of a tip, calibration of arm to camera included [mm].
    """

    def __init__(self, sigma_mm: float) -> None:
        self._sigma_mm = sigma_mm
        self._lock = threading.Lock()
        self._poses: dict[str, deque[tuple[int, tuple[float, float, float]]]] = {}

    def tell(self, arm: str, frame_id: str, stamp_ns: int, at_m: tuple[float, float, float]) -> str:
        """Take where an arm's tip is.

        :param arm: by what it is told apart from others: its topic.
        :param frame_id: what ``at_m`` is measured in; only the camera's optical frame is taken.
        :param stamp_ns: when it was there, ROS time [ns]; 0, as CRTK has it: never.
        :param at_m: x to the right, y down, z forward [m].
        :return: why it is refused; '' where it is not.
        """
        if frame_id != OPTICAL_FRAME:
            return f'poses must be told in {OPTICAL_FRAME}, this one is in {frame_id!r}'
        if not stamp_ns:
            return 'its stamp is 0, by which an arm says that a pose is not valid'
        if not all(map(math.isfinite, at_m)):
            return 'a coordinate is not a number'
        with self._lock:
            self._poses.setdefault(arm, deque(maxlen=_KEPT)).append((stamp_ns, at_m))
        return ''

    def at(self, stamp_ns: int) -> tuple[ToolPose, ...]:
        """Give the pose of each arm that is nearest to a moment; an arm that told none near it gives none.

        :param stamp_ns: of the frame, ROS time [ns].
        """
        with self._lock:
            nearest = [min(poses, key=lambda pose: abs(pose[0] - stamp_ns)) for poses in self._poses.values()]
        return tuple(
            ToolPose(_MM_PER_M * x, _MM_PER_M * y, _MM_PER_M * z, self._sigma_mm)
            for told_ns, (x, y, z) in nearest
            if abs(told_ns - stamp_ns) <= APART_NS
        )
