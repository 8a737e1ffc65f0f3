"""How far the picture has turned and moved since the reference, the first good picture of the session.

Corners of the tissue are followed from a key picture to the current one by sparse optical flow (OpenCV's pyramidal
Lucas-Kanade); what most of them agree on is a turn, a shift and a zoom. While the picture stays near the reference it
is compared with the reference itself, so that breath and hours add up to nothing; further away, new key pictures are
chained to it. Instruments, blood and the border are left out. Nothing is said that too few corners agree on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import STRUCTURE_CLASSES
from surgical_guidance.scene.compiled import corners
from surgical_guidance.scene.regions import plain
from surgical_guidance.scene.state import NAN, Segmentation

INTERVAL_S = 0.12
"""How often it is measured [s]: a view does not roll faster than advice about it can be followed [I]."""

LOST_S = 6.0
"""When nothing has agreed for so long, the next good picture becomes the reference [s] [I]."""

_SHORT_S = 0.05  # from picture to picture, up to which a look is done in two halves
_HELD_S = 0.5  # what was measured holds so long
_ROWS = 120  # of the picture that is followed
_CORNERS = 24
_QUALITY = 0.01  # of the best corner
_SPACING = 8.0  # between corners [px of the small picture]
_BORDER = 5  # px that corners keep clear of what is no tissue
_WINDOW = (11, 11)
_LEVELS = 1
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 8, 0.03)
_AGREE_PX = 1.0  # of the small picture
_FEWEST = 10  # corners that agree
_SHARE = 0.55  # of the corners that were followed
_SPREAD = 0.12  # of the height: corners nearer together say nothing of a turn
_TURN = math.radians(6.0)  # from its key picture, beyond which corners look different
_SHIFT = 0.12  # of the height
_ZOOM = 1.15
_TISSUE = frozenset(STRUCTURE_CLASSES) - {'blood'}

Matrix = NDArray[np.float64]


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


@dataclass(frozen=True, slots=True)
class _Key:
    """A picture that others are compared with.

    :param picture: small, grey.
    :param corners: ``float32 (n, 2)`` [px of the small picture].
    :param pose: ``(3, 3)``, from the reference to this picture [px of the small picture].
    :param back: and from this picture to the reference.
    """

    picture: NDArray[np.uint8]
    corners: NDArray[np.float32]
    pose: Matrix
    back: Matrix


class Horizon:
    """Follows the attitude of the picture through a session.

    ``resets`` counts how often the reference was given up: what was measured before is of another one.
    """

    def __init__(self) -> None:
        self._reference: _Key | None = None
        self._key: _Key | None = None
        self._pose: Matrix = np.eye(3)
        self._attitude = Attitude()
        self._taken: NDArray[np.uint8] | None = None
        self._since_look_s = math.inf
        self._since_good_s = 0.0
        self.resets = 0

    def reset(self) -> None:
        """Take the next good picture as the reference. It does so by itself where nothing has agreed for long."""
        self.resets += 1
        self._reference = self._key = None
        self._pose = np.eye(3)
        self._attitude = Attitude()
        self._taken = None
        self._since_look_s = math.inf
        self._since_good_s = 0.0

    @property
    def waiting(self) -> bool:
        """Whether the next call compares a picture that was taken in with the last one."""
        return self._taken is not None

    def follow(
        self, image: NDArray[np.uint8], segmentation: Segmentation | None, step_s: float, *, busy: bool = False
    ) -> Attitude:
        """Give the attitude of the next picture. It is measured every :data:`INTERVAL_S` and holds in between.

        Where pictures come fast, one is taken in by one call and compared by the next, so that no call costs much.

        :param image: ``uint8 (h, w, 3)`` bgr8 or ``uint8 (h, w)`` mono8.
        :param step_s: since the picture before [s].
        :param busy: other costly things are done for this frame: the look may wait for another.
        """
        self._since_look_s += step_s
        self._since_good_s += step_s
        due = self._since_look_s >= INTERVAL_S * (2 if busy else 1)
        taken, self._taken = self._taken, None
        if segmentation is not None and taken is not None:
            self._look(taken, image.shape[0] / taken.shape[0], segmentation)
        elif segmentation is not None and due and min(image.shape[:2]) > 4 * _WINDOW[0]:
            self._since_look_s = 0.0
            small = _small(image)
            if self._reference is not None and step_s <= _SHORT_S:  # half now, half with the next picture
                self._taken = small
            else:
                self._look(small, image.shape[0] / small.shape[0], segmentation)
        if self._since_good_s > LOST_S:
            self.reset()
        elif self._since_good_s > _HELD_S:
            self._attitude = Attitude()
        return self._attitude

    def _look(self, small: NDArray[np.uint8], scale: float, segmentation: Segmentation) -> None:
        if self._reference is None or self._key is None:
            self._reference = self._key = self._new_key(small, segmentation, np.eye(3))
            if self._reference is not None:
                self._found(np.eye(3), scale, small)
            return
        to_current = self._compare(self._key, small, segmentation)
        if to_current is None:
            return
        self._pose = to_current @ self._key.pose
        self._found(self._pose, scale, small)
        if _far(to_current, small):
            near = not _far(self._pose, small)
            self._key = self._reference if near else self._new_key(small, segmentation, self._pose) or self._key

    def _found(self, pose: Matrix, scale: float, small: NDArray[np.uint8]) -> None:
        middle = np.array(((small.shape[1] - 1) / 2, (small.shape[0] - 1) / 2, 1.0))
        moved = (pose @ middle - middle) * scale
        self._attitude = Attitude(-math.atan2(pose[1, 0], pose[0, 0]), float(moved[0]), float(moved[1]))
        self._since_good_s = 0.0

    def _compare(self, key: _Key, small: NDArray[np.uint8], segmentation: Segmentation) -> Matrix | None:
        """Find the map from a key picture to the current one; None where too few corners agree."""
        before, guess = corners.usable(
            key.corners, self._pose @ key.back, small.shape, plain(segmentation.labels), _table(segmentation.classes)
        )
        if len(before) < _FEWEST:
            return None
        after, followed, _ = cv2.calcOpticalFlowPyrLK(
            key.picture, small, before, guess, winSize=_WINDOW, maxLevel=_LEVELS, criteria=_STEPS,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )  # fmt: skip
        if not followed.all():
            there = followed.ravel() != 0
            before, after = before[there], after[there]
        if len(before) < _FEWEST:
            return None
        affine, agree = cv2.estimateAffinePartial2D(
            before, after, method=cv2.RANSAC, ransacReprojThreshold=_AGREE_PX, maxIters=100, confidence=0.99
        )
        if affine is None:
            return None
        agreeing, spread = corners.spread(before, np.asarray(agree, np.uint8))
        if agreeing < max(_FEWEST, _SHARE * len(before)) or spread < _SPREAD * small.shape[0]:
            return None
        return np.vstack((affine, (0.0, 0.0, 1.0)))

    def _new_key(self, small: NDArray[np.uint8], segmentation: Segmentation, pose: Matrix) -> _Key | None:
        tissue = _table(segmentation.classes)[
            cv2.resize(segmentation.labels, small.shape[::-1], interpolation=cv2.INTER_NEAREST)
        ]
        cv2.rectangle(tissue, (0, 0), (small.shape[1] - 1, small.shape[0] - 1), 0.0)
        tissue = np.asarray(cv2.erode(tissue, np.ones((_BORDER, _BORDER), np.uint8)), np.uint8)
        found = cv2.goodFeaturesToTrack(small, _CORNERS, _QUALITY, _SPACING, mask=tissue)
        if found is None or len(found) < _FEWEST:
            return None
        return _Key(
            small, np.asarray(found, np.float32).reshape(-1, 2), pose, np.asarray(np.linalg.inv(pose), np.float64)
        )


def _far(pose: Matrix, small: NDArray[np.uint8]) -> bool:
    """Whether corners have changed so much that they should be followed from a nearer picture."""
    middle = np.array(((small.shape[1] - 1) / 2, (small.shape[0] - 1) / 2, 1.0))
    moved = pose @ middle - middle
    zoom = math.hypot(pose[0, 0], pose[1, 0])
    return (
        abs(math.atan2(pose[1, 0], pose[0, 0])) > _TURN
        or math.hypot(moved[0], moved[1]) > _SHIFT * small.shape[0]
        or not 1.0 / _ZOOM <= zoom <= _ZOOM
    )


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows = min(_ROWS, image.shape[0])
    columns = max(1, round(image.shape[1] * rows / image.shape[0]))
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY) if small.ndim == 3 else small, np.uint8)


@lru_cache(maxsize=8)
def _table(classes: tuple[str, ...]) -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    table[: len(classes)] = [255 * (name in _TISSUE) for name in classes]
    return table
