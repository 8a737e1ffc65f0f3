"""How far the picture has turned and moved since the reference, the first good picture of the session.

Corners of the tissue are followed from a key picture to the current one by sparse optical flow (OpenCV's pyramidal
Lucas-Kanade); what most of them agree on is a turn, a shift and a zoom. While the picture stays near the reference it
is compared with the reference itself, so that breath and hours add up to nothing; further away, new key pictures are
chained to it. Instruments, blood and the border are left out. Nothing is said that too few corners agree on.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import STRUCTURE_CLASSES
from surgical_guidance.scene.compiled import corners
from surgical_guidance.scene.regions import plain
from surgical_guidance.scene.small import Small
from surgical_guidance.scene.state import NAN, Segmentation

LOST_S = 6.0
"""When nothing has agreed for so long, the next good picture becomes the reference [s] [I]."""

_HELD_S = 0.5  # what was measured holds so long
_CORNERS = 24
_QUALITY = 0.01  # of the best corner
_SPACING = 8.0  # between corners [px of the small picture]
_BORDER = 5  # px that corners keep clear of what is no tissue
_WINDOW = (11, 11)
_LEVELS = 1
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 8, 0.03)
_AGREE_PX = 0.7  # of the small picture
_FEWEST = 10  # corners that agree
_SHARE = 0.55  # of the corners that were followed
_SPREAD = 0.15  # of the height: corners nearer together say nothing of a turn
_TURN = math.radians(6.0)  # from its key picture, beyond which corners look different
_SHIFT = 0.12  # of the height
_ZOOM = 1.15
_SAME_VIEW = (0.2, 5.0)  # zoom from the reference, beyond which nothing is compared any more
_TISSUE = frozenset(STRUCTURE_CLASSES) - {'blood'}


@dataclass(frozen=True, slots=True)
class Attitude:
    """How the picture lies against the reference.

    :param roll: positive where the picture has turned anticlockwise [rad]; NaN where unknown.
    :param drift_x: how far its middle has moved right [px]; NaN where unknown.
    :param drift_y: and down [px].
    """

    roll: float = NAN
    drift_x: float = NAN
    drift_y: float = NAN


class _Pose(NamedTuple):
    """Where what lies at ``z = x + iy`` in one small picture lies in another: at ``turn * z + shift`` [px].

    :param turn: its phase is the angle, clockwise as pictures are drawn; its magnitude the zoom.
    """

    turn: complex = 1 + 0j
    shift: complex = 0j

    def after(self, first: _Pose) -> _Pose:
        """Give this after another."""
        return _Pose(self.turn * first.turn, self.turn * first.shift + self.shift)

    def back(self) -> _Pose:
        """Give the way back."""
        return _Pose(1 / self.turn, -self.shift / self.turn)

    def moved(self, grey: NDArray[np.uint8]) -> complex:
        """Give how far the middle of a picture moves."""
        middle = complex(grey.shape[1] - 1, grey.shape[0] - 1) / 2
        return self.turn * middle + self.shift - middle


_SAME = _Pose()


@dataclass(frozen=True, slots=True)
class _Key:
    """A picture that others are compared with.

    :param picture: small, grey.
    :param corners: ``float32 (n, 2)`` [px of the small picture].
    :param pose: from the reference to this picture.
    """

    picture: NDArray[np.uint8]
    corners: NDArray[np.float32]
    pose: _Pose


class Horizon:
    """Follows the attitude of the picture through a session.

    ``resets`` counts how often the reference was given up: what was measured before is of another one.
    """

    def __init__(self) -> None:
        self._reference: _Key | None = None
        self._key: _Key | None = None
        self._pose = _SAME
        self._attitude = Attitude()
        self._since_good_s = 0.0
        self.resets = 0

    def reset(self) -> None:
        """Take the next good picture as the reference. It does so by itself where nothing has agreed for long."""
        self.resets += 1
        self._reference = self._key = None
        self._pose = _SAME
        self._attitude = Attitude()
        self._since_good_s = 0.0

    def follow(self, picture: Small | None, segmentation: Segmentation | None, step_s: float) -> Attitude:
        """Give the attitude. What was measured last holds for a while.

        :param picture: to measure it in; None: not now.
        :param step_s: since the call before [s].
        """
        self._since_good_s += step_s
        if picture is not None and segmentation is not None and min(picture.grey.shape) > 4 * _WINDOW[0]:
            self._look(picture, segmentation)
        if self._since_good_s > LOST_S:
            self.reset()
        elif self._since_good_s > _HELD_S:
            self._attitude = Attitude()
        return self._attitude

    def _look(self, picture: Small, segmentation: Segmentation) -> None:
        grey = picture.grey
        if self._reference is None or self._key is None:
            self._reference = self._key = self._new_key(grey, segmentation, _SAME)
            if self._reference is not None:
                self._found(_SAME, picture)
            return
        from_key = self._compare(self._key, grey, segmentation)
        if from_key is None:
            return
        pose = from_key.after(self._key.pose)
        if not _SAME_VIEW[0] <= abs(pose.turn) <= _SAME_VIEW[1]:
            return
        self._found(pose, picture)
        if _far(from_key, grey):
            near = not _far(self._pose, grey)
            self._key = self._reference if near else self._new_key(grey, segmentation, self._pose) or self._key

    def _found(self, pose: _Pose, picture: Small) -> None:
        self._pose = pose
        moved = pose.moved(picture.grey) * picture.step
        self._attitude = Attitude(-cmath.phase(pose.turn), moved.real, moved.imag)
        self._since_good_s = 0.0

    def _compare(self, key: _Key, grey: NDArray[np.uint8], segmentation: Segmentation) -> _Pose | None:
        """Find the way from a key picture to the current one; None where too few corners agree."""
        guess = self._pose.after(key.pose.back())
        before, there = corners.usable(
            key.corners, *guess, grey.shape, plain(segmentation.labels), _table(segmentation.classes)
        )
        if len(before) < _FEWEST:
            return None
        after, followed, _ = cv2.calcOpticalFlowPyrLK(
            key.picture, grey, before, there, winSize=_WINDOW, maxLevel=_LEVELS, criteria=_STEPS,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )  # fmt: skip
        if not followed.all():
            kept = followed.ravel() != 0
            before, after = before[kept], after[kept]
        turn, shift, agreeing, spread = corners.agreed(before, np.asarray(after, np.float32), _AGREE_PX)
        if agreeing < max(_FEWEST, _SHARE * len(before)) or spread < _SPREAD * len(grey):
            return None
        return _Pose(turn, shift)

    def _new_key(self, grey: NDArray[np.uint8], segmentation: Segmentation, pose: _Pose) -> _Key | None:
        tissue = _table(segmentation.classes)[
            cv2.resize(segmentation.labels, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
        ]
        cv2.rectangle(tissue, (0, 0), (grey.shape[1] - 1, grey.shape[0] - 1), 0.0)
        tissue = np.asarray(cv2.erode(tissue, np.ones((_BORDER, _BORDER), np.uint8)), np.uint8)
        found = cv2.goodFeaturesToTrack(grey, _CORNERS, _QUALITY, _SPACING, mask=tissue)
        if found is None or len(found) < _FEWEST:
            return None
        return _Key(grey, np.asarray(found, np.float32).reshape(-1, 2), pose)


def _far(pose: _Pose, grey: NDArray[np.uint8]) -> bool:
    """Whether corners have changed so much that they should be followed from a nearer picture."""
    return (
        abs(cmath.phase(pose.turn)) > _TURN
        or abs(pose.moved(grey)) > _SHIFT * len(grey)
        or not 1.0 / _ZOOM <= abs(pose.turn) <= _ZOOM
    )


@lru_cache(maxsize=8)
def _table(classes: tuple[str, ...]) -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    table[: len(classes)] = [255 * (name in _TISSUE) for name in classes]
    return table
