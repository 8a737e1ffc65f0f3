"""Depth from two calibrated cameras, at the few places where it is needed.

Both pictures are rectified around a place only (OpenCV's maps, cut out), and the patch of the left one is looked for
along its row of the right one by normalised cross-correlation (``matchTemplate``), to a fraction of a pixel. Depth is
``Z = f B / d``, so ``sigma_Z = Z^2 sigma_d / (f B)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.calibration import CameraModel, StereoRig
from surgical_guidance.scene.regions import Grid, Region
from surgical_guidance.scene.state import NAN

DISPARITY_SIGMA = 0.35
"""Standard deviation of a disparity [px of 1000 px focal length, at least one pixel's share] [I]."""

NEAREST_MM, FURTHEST_MM = 25.0, 250.0
"""Where an endoscope looks at tissue [mm] [I]."""

_HALF = 12  # of the patch [px]
_ROWS = 1  # that the match may be off its row: calibrations are not perfect
_LEAST = 0.7  # correlation of a match to be believed
_RIVAL = 0.97  # of the best correlation: a second place that matches as well makes the match worth nothing
_LEAST_OF_PATCH, _MOST_OF_PATCH = 0.25, 0.95  # that belongs to the piece: too little to match, and as good as all
_RIM = 9  # px: size of the square that a piece is shrunk by, since its rim shows what stands before it
_APART = 4  # px from the best place, from which another is a rival


Piece = tuple[Region, Grid]
"""A region of a label map, and how the map lies in the picture."""

Maps = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class SpacePoint:
    """A place in the optical frame of the left camera [mm].

    :param sigma: standard deviation along the line of sight [mm].
    """

    x: float
    y: float
    z: float
    sigma: float

    @property
    def known(self) -> bool:
        """Whether it was found."""
        return math.isfinite(self.z)


UNKNOWN_POINT = SpacePoint(NAN, NAN, NAN, NAN)


class StereoMeter:
    """Measures with one pair of cameras.

    :param rig: calibrated for the size of the pictures.
    """

    def __init__(self, rig: StereoRig) -> None:
        self._rig = rig
        left, right = rig.left, rig.right
        size = (left.width, left.height)
        rotation = np.array(rig.rotation).reshape(3, 3)
        r1, r2, p1, p2, *_ = cv2.stereoRectify(
            left.k(), left.d(), right.k(), right.d(), size, rotation, np.array(rig.translation_mm).reshape(3, 1),
            flags=cv2.CALIB_ZERO_DISPARITY, alpha=-1,
        )  # fmt: skip
        self._r1, self._p1 = r1, p1
        self.focal_px = float(p1[0, 0])
        self.baseline_mm = float(-p2[0, 3] / p2[0, 0])
        self._left = _maps(left, r1, p1)
        self._right = _maps(right, r2, p2)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures it takes [px]."""
        return self._rig.left.width, self._rig.left.height

    def sigma_mm(self, depth_mm: float) -> float:
        """Give the standard deviation of a depth [mm]."""
        return depth_mm**2 * DISPARITY_SIGMA / (self.focal_px * self.baseline_mm)

    def points(
        self,
        left: NDArray[np.uint8],
        right: NDArray[np.uint8],
        places: NDArray[np.float64],
        about_mm: NDArray[np.float64] | None = None,
        pieces: Sequence[Piece | None] | None = None,
    ) -> list[SpacePoint]:
        """Find places of the left picture in space; :data:`UNKNOWN_POINT` where nothing matches for sure.

        :param left: bgr8 or mono8, as the camera took it.
        :param right: likewise, of the same moment.
        :param places: ``(n, 2)`` [px of the left picture].
        :param about_mm: about how deep each is [mm], to look only there; NaN where nothing is known.
        :param pieces: what each place belongs to: of a patch only that is matched, so that what stands in front of it
            does not lend it its depth; None: the whole patch.
        """
        if not len(places):
            return []
        rectified = cv2.undistortPoints(
            np.asarray(places, np.float64).reshape(-1, 1, 2),
            self._rig.left.k(),
            self._rig.left.d(),
            R=self._r1,
            P=self._p1,
        ).reshape(-1, 2)
        about = np.full(len(places), NAN) if about_mm is None else about_mm
        parts = [None] * len(places) if pieces is None else pieces
        return [
            self._point(left, right, x, y, depth, piece)
            for (x, y), depth, piece in zip(rectified.tolist(), about.tolist(), parts, strict=True)
        ]

    def _point(
        self, left: NDArray[np.uint8], right: NDArray[np.uint8], x: float, y: float, about: float, piece: Piece | None
    ) -> SpacePoint:
        if not math.isfinite(x + y):
            return UNKNOWN_POINT
        known = math.isfinite(about)
        near = max(about * 0.65, NEAREST_MM) if known else NEAREST_MM
        far = min(max(about * 1.6, near + 1.0), FURTHEST_MM) if known else FURTHEST_MM
        reach = self.focal_px * self.baseline_mm
        column, row = round(x), round(y)
        first = column - math.ceil(reach / near) - 1  # leftmost column of the right picture to look at
        last = column - math.floor(reach / far) + 1
        patch = _cut(left, self._left, column - _HALF, column + _HALF, row - _HALF, row + _HALF)
        strip = _cut(right, self._right, first - _HALF, last + _HALF, row - _HALF - _ROWS, row + _HALF + _ROWS)
        if patch is None or strip is None or float(patch.std()) < 1.0:
            return UNKNOWN_POINT
        mask = None if piece is None else self._mask(piece, column, row)
        if mask is not None and mask.mean() < _LEAST_OF_PATCH:
            return UNKNOWN_POINT
        if mask is None or mask.mean() > _MOST_OF_PATCH:
            match = cv2.matchTemplate(strip, patch, cv2.TM_CCOEFF_NORMED)
        else:
            match = np.nan_to_num(
                cv2.matchTemplate(strip, patch, cv2.TM_CCOEFF_NORMED, mask=mask), posinf=0.0, neginf=0.0
            )
        _, best, _, (at, line) = cv2.minMaxLoc(match)
        scores = match[line]
        if not best >= _LEAST or not 0 < at < len(scores) - 1:
            return UNKNOWN_POINT
        others = np.concatenate((scores[: max(at - _APART, 0)], scores[at + _APART + 1 :]))
        if len(others) and float(others.max()) > _RIVAL * best:
            return UNKNOWN_POINT
        disparity = column - (first + at + _peak(*scores[at - 1 : at + 2].tolist()))
        if disparity <= 0.0:
            return UNKNOWN_POINT
        z = reach / disparity
        ray = np.array(((x - self._p1[0, 2]) / self.focal_px, (y - self._p1[1, 2]) / self._p1[1, 1], 1.0))
        px, py, pz = (self._r1.T @ (ray * z)).tolist()
        return SpacePoint(px, py, pz, self.sigma_mm(z))

    def _mask(self, piece: Piece, column: int, row: int) -> NDArray[np.float32]:
        """Give which pixels of a patch belong to a piece, 1 or 0."""
        window = np.s_[row - _HALF : row + _HALF + 1, column - _HALF : column + _HALF + 1]
        region, grid = piece
        x = np.rint((self._left[0][window] + 0.5) / grid.sx - 0.5).astype(np.intp)
        y = np.rint((self._left[1][window] + 0.5) / grid.sy - 0.5).astype(np.intp)
        rows, columns = region.owners.shape
        inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
        owners = region.owners[np.where(inside, y, 0), np.where(inside, x, 0)]
        mask = (inside & (owners == region.number)).astype(np.float32)
        return np.asarray(cv2.erode(mask, np.ones((_RIM, _RIM), np.uint8), borderValue=1.0), np.float32)


def _maps(camera: CameraModel, rotation: Any, projection: Any) -> Maps:
    size = (camera.width, camera.height)
    x, y = cv2.initUndistortRectifyMap(camera.k(), camera.d(), rotation, projection, size, cv2.CV_32FC1)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _cut(
    image: NDArray[np.uint8], maps: Maps, left: int, right: int, top: int, bottom: int
) -> NDArray[np.float32] | None:
    """Cut a rectangle, borders included, out of the rectified picture; None where it is not wholly in it."""
    rows, columns = maps[0].shape
    if left < 0 or top < 0 or right >= columns or bottom >= rows:
        return None
    window = np.s_[top : bottom + 1, left : right + 1]
    cut = cv2.remap(image, maps[0][window], maps[1][window], cv2.INTER_LINEAR)
    grey = cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY) if cut.ndim == 3 else cut
    return np.asarray(grey, np.float32)


def _peak(before: float, top: float, after: float) -> float:
    """Give where a parabola through three values has its top, from the middle one, -0.5 to 0.5."""
    bend = before - 2.0 * top + after
    return min(max(0.5 * (before - after) / bend, -0.5), 0.5) if bend < 0.0 else 0.0
