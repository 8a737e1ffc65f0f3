"""A real stereo pair of a checkerboard (SciKit-Surgery's laparoscope): how large our stereo says that its squares are.

The data set has intrinsics and the transform between the eyes, and leaves out the distortion of the lenses, which is
large: it is taken from the board, whose lines are straight, with the intrinsics held fixed. The size of the squares
plays no part in that: with another size the board is only further away.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.calibration import CameraModel, rig_from_transform
from surgical_guidance.scene.stereo import StereoMeter

SQUARE_MM = 3.0
_CORNERS = (14, 10)
_ANY_SIZE = 1.0


def square_mm(folder: Path) -> float:
    """Give the median distance in space of neighbouring corners of the board, matched as everything else is [mm]."""
    left, right = (cv2.imread(str(folder / f'{side}-1095.png')) for side in ('left', 'right'))
    eyes = [_eye(folder, side, image) for side, image in (('left', left), ('right', right))]
    rig = rig_from_transform(eyes[0][0], eyes[1][0], np.loadtxt(folder / 'calib.l2r.4x4'))
    found = StereoMeter(rig).points(left, right, eyes[0][1])
    columns, rows = _CORNERS
    points = np.array([(point.x, point.y, point.z) for point in found]).reshape(rows, columns, 3)
    apart = [np.linalg.norm(np.diff(points, axis=axis), axis=2).ravel() for axis in (0, 1)]
    return float(np.nanmedian(np.concatenate(apart)))


def _eye(folder: Path, side: str, image: NDArray[np.uint8]) -> tuple[CameraModel, NDArray[np.float64]]:
    """Give a camera with its distortion, and the corners in its picture."""
    height, width = image.shape[:2]
    intrinsics = np.loadtxt(folder / f'calib.{side}.intrinsic.txt')
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    _, corners = cv2.findChessboardCornersSB(grey, _CORNERS, flags=cv2.CALIB_CB_ACCURACY)
    board = np.zeros((_CORNERS[0] * _CORNERS[1], 3), np.float32)
    board[:, :2] = np.mgrid[: _CORNERS[0], : _CORNERS[1]].T.reshape(-1, 2) * _ANY_SIZE
    hold = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_FOCAL_LENGTH | cv2.CALIB_FIX_PRINCIPAL_POINT | cv2.CALIB_FIX_K3
    _, _, distortion, _, _ = cv2.calibrateCamera(
        [board], [corners], (width, height), intrinsics.copy(), np.zeros(5), flags=hold
    )
    camera = CameraModel(width, height, tuple(float(value) for value in intrinsics.ravel()))
    return replace(camera, distortion=tuple(float(value) for value in distortion.ravel())), corners.reshape(
        -1, 2
    ).astype(float)
