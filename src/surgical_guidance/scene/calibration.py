"""Calibrated cameras: what ``sensor_msgs/CameraInfo`` and ROS's calibration files say; two of them as a pair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, ValidationError, model_validator

from surgical_guidance.errors import CalibrationError

Matrix = NDArray[np.float64]

_MM_PER_M = 1000.0


@dataclass(frozen=True, slots=True)
class CameraModel:
    """A pinhole with lens distortion.

    :param width: of the pictures it was calibrated for [px].
    :param height: [px].
    :param matrix: ``K``, row by row, 9 numbers.
    :param distortion: OpenCV's coefficients, 0 to 8 of them.
    :param rectification: ``R``, row by row, 9 numbers; turns the camera's frame into that of the rectified pair.
    :param projection: ``P``, row by row, 12 numbers; of the rectified picture. ``-P[3] / P[0]`` is the baseline [m].
    """

    width: int
    height: int
    matrix: tuple[float, ...]
    distortion: tuple[float, ...] = ()
    rectification: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    projection: tuple[float, ...] = ()

    @property
    def focal_px(self) -> float:
        """Focal length, the mean of both directions [px]."""
        return (self.matrix[0] + self.matrix[4]) / 2.0

    def k(self) -> Matrix:
        """Give ``K`` as ``float64 (3, 3)``."""
        return np.array(self.matrix, np.float64).reshape(3, 3)

    def d(self) -> Matrix:
        """Give the distortion as OpenCV takes it."""
        return np.array(self.distortion or (0.0,) * 5, np.float64)

    def for_size(self, width: int, height: int) -> CameraModel:
        """Give the model for pictures of another size of the same field of view.

        :raises CalibrationError: if the shape of the picture is another one.
        """
        sx, sy = width / self.width, height / self.height
        if abs(sx / sy - 1.0) > 0.01:
            raise CalibrationError(
                f'it is for pictures of {self.width} x {self.height} pixels, not {width} x {height}',
                where='camera calibration',
                remedy='calibrate the camera in the mode that it is used in',
            )
        fx, skew, cx, _, fy, cy, *_ = self.matrix
        cx, cy = (cx + 0.5) * sx - 0.5, (cy + 0.5) * sy - 0.5
        p = self.projection
        if p:
            p = (p[0] * sx, p[1] * sx, (p[2] + 0.5) * sx - 0.5, p[3] * sx,
                 p[4] * sy, p[5] * sy, (p[6] + 0.5) * sy - 0.5, p[7] * sy, *p[8:])  # fmt: skip
        return replace(
            self,
            width=width,
            height=height,
            matrix=(fx * sx, skew * sx, cx, 0.0, fy * sy, cy, 0.0, 0.0, 1.0),
            projection=p,
        )


@dataclass(frozen=True, slots=True)
class StereoRig:
    """Two calibrated cameras. A point ``p`` of the left one's frame is at ``R p + t`` in the right one's.

    :param rotation: ``R``, 9 numbers, row by row.
    :param translation_mm: ``t``, the left camera's origin in the right one's frame, about ``(-B, 0, 0)`` [mm].
    """

    left: CameraModel
    right: CameraModel
    rotation: tuple[float, ...]
    translation_mm: tuple[float, float, float]

    @property
    def baseline_mm(self) -> float:
        """Distance of the two cameras [mm]."""
        return math.hypot(*self.translation_mm)

    def for_size(self, width: int, height: int) -> StereoRig:
        """Give the pair for pictures of another size.

        :raises CalibrationError: if their shape is another one.
        """
        return replace(self, left=self.left.for_size(width, height), right=self.right.for_size(width, height))


class CameraInfo(Protocol):
    """What is read of a ``sensor_msgs/CameraInfo``; the message itself is one."""

    width: int
    height: int
    distortion_model: str
    d: Sequence[float]
    k: Sequence[float]
    r: Sequence[float]
    p: Sequence[float]


def from_camera_info(info: CameraInfo, where: str = 'sensor_msgs/CameraInfo') -> CameraModel:
    """Read a message.

    :raises CalibrationError: if it is not calibrated (``k[0] = 0``) or says what cannot be.
    """
    fields = {
        'image_width': info.width,
        'image_height': info.height,
        'distortion_model': info.distortion_model or 'plumb_bob',
        'camera_matrix': {'rows': 3, 'cols': 3, 'data': list(info.k)},
        'distortion_coefficients': {'rows': 1, 'cols': len(info.d), 'data': list(info.d)},
        'rectification_matrix': {'rows': 3, 'cols': 3, 'data': list(info.r)} if any(info.r) else None,
        'projection_matrix': {'rows': 3, 'cols': 4, 'data': list(info.p)} if any(info.p) else None,
    }
    return _checked(fields, where)


def load_camera(path: Path) -> CameraModel:
    """Read a file of ROS's ``camera_calibration``.

    :raises CalibrationError: what is wrong in it, in which field.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise CalibrationError(f'it cannot be read: {error.strerror}', where=str(path)) from error
    except (yaml.YAMLError, ValueError) as error:  # the last: not UTF-8, or a value that is none, such as 2026-02-30
        raise CalibrationError(f'it is no YAML: {error}'.replace('\n', ' '), where=str(path)) from error
    return _checked(data, str(path))


def rectified_rig(left: CameraModel, right: CameraModel, where: str = 'stereo calibration') -> StereoRig:
    """Make a pair of two cameras whose calibration was made as a pair: it is in ``R`` and in the right one's ``P``.

    :raises CalibrationError: if the right one tells no baseline.
    """
    if not left.projection or not right.projection or not right.projection[0] > 0.0 > right.projection[3]:
        raise CalibrationError(
            'projection_matrix: the right camera tells no baseline (P[0] is not positive or P[3] not negative)',
            where=where,
            remedy='calibrate both cameras together, or give the transform between them',
        )
    baseline_mm = -right.projection[3] / right.projection[0] * _MM_PER_M
    if not 0.5 <= baseline_mm <= 100.0:  # some files count in millimetres, against the convention
        baseline_mm /= _MM_PER_M
    if not 0.5 <= baseline_mm <= 100.0:
        raise CalibrationError(
            f'projection_matrix: a baseline of {baseline_mm:g} mm is not that of an endoscope', where=where,
            remedy='P[3] is -fx times the baseline in metres',
        )  # fmt: skip
    first = np.array(left.rectification).reshape(3, 3)
    second = np.array(right.rectification).reshape(3, 3)
    # both are turned into one frame, in which the right camera stands at (B, 0, 0)
    rotation = second.T @ first
    translation = second.T @ np.array((-baseline_mm, 0.0, 0.0))
    return _rig(left, right, rotation, translation)


def rig_from_transform(left: CameraModel, right: CameraModel, transform: Matrix, where: str = 'transform') -> StereoRig:
    """Make a pair of two cameras and what takes a point from the left one's frame to the right one's.

    :param transform: ``(4, 4)`` [mm].
    :raises CalibrationError: if it is no rigid transform.
    """
    rotation = np.asarray(transform, np.float64)[:3, :3]
    good = transform.shape == (4, 4) and bool(np.isfinite(transform).all())
    if not good or float(np.abs(rotation @ rotation.T - np.eye(3)).max()) > 0.01 or np.linalg.det(rotation) < 0.0:
        raise CalibrationError('this is no rigid transform', where=where, remedy='give 4 x 4 numbers, in millimetres')
    return _rig(left, right, rotation, transform[:3, 3])


def _rig(left: CameraModel, right: CameraModel, rotation: Matrix, translation: Matrix) -> StereoRig:
    x, y, z = (float(value) for value in translation)
    return StereoRig(left, right, tuple(float(value) for value in rotation.ravel()), (x, y, z))


class _Array(BaseModel):
    model_config = ConfigDict(extra='forbid')
    rows: PositiveInt
    cols: Annotated[int, Field(ge=0)]
    data: list[FiniteFloat]

    @model_validator(mode='after')
    def _complete(self) -> Self:
        if len(self.data) != self.rows * self.cols:
            raise ValueError(f'{self.rows} x {self.cols} needs {self.rows * self.cols} numbers, not {len(self.data)}')
        return self

    def sized(self, name: str, rows: int, cols: int) -> tuple[float, ...]:
        if (self.rows, self.cols) != (rows, cols):
            raise ValueError(f'{name} has {rows} x {cols} numbers, not {self.rows} x {self.cols}')
        return tuple(self.data)


class _File(BaseModel):
    image_width: PositiveInt
    image_height: PositiveInt
    camera_name: str = ''
    camera_matrix: _Array
    distortion_model: Literal['plumb_bob', 'rational_polynomial'] = 'plumb_bob'
    distortion_coefficients: _Array
    rectification_matrix: _Array | None = None
    projection_matrix: _Array | None = None

    @model_validator(mode='after')
    def _sensible(self) -> Self:
        k = self.camera_matrix.sized('camera_matrix', 3, 3)
        if not (k[0] > 0.0 and k[4] > 0.0):
            raise ValueError('camera_matrix: a focal length that is not above 0 means that it is not calibrated')
        if len(self.distortion_coefficients.data) not in (0, 4, 5, 8):
            raise ValueError(
                f'distortion_coefficients: 4, 5 or 8 of them, not {len(self.distortion_coefficients.data)}'
            )
        if self.rectification_matrix is not None:
            self.rectification_matrix.sized('rectification_matrix', 3, 3)
        if self.projection_matrix is not None:
            self.projection_matrix.sized('projection_matrix', 3, 4)
        return self


def _checked(data: Any, where: str) -> CameraModel:
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        problem = error.errors()[0]
        field = '.'.join(str(part) for part in problem['loc'])
        message = problem['msg'].removeprefix('Value error, ')
        raise CalibrationError(
            f'{field}: {message}' if field else message,
            where=where,
            remedy="write it with ROS's camera_calibration",
        ) from error
    rectification, projection = file.rectification_matrix, file.projection_matrix
    plain = CameraModel(
        file.image_width,
        file.image_height,
        tuple(file.camera_matrix.data),
        tuple(file.distortion_coefficients.data),
        projection=tuple(projection.data) if projection is not None else (),
    )
    return plain if rectification is None else replace(plain, rectification=tuple(rectification.data))
