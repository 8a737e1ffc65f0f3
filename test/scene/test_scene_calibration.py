"""Calibrations are read as ROS writes them, and a mistake is told with file and field."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from surgical_guidance.errors import CalibrationError
from surgical_guidance.scene.calibration import (
    CameraModel,
    from_camera_info,
    load_camera,
    rectified_rig,
    rig_from_transform,
)

EXAMPLES = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'calib_irob_dvrk_yaml'
PLAIN: dict[str, Any] = {
    'image_width': 1920,
    'image_height': 1080,
    'camera_name': 'endoscope',
    'camera_matrix': {'rows': 3, 'cols': 3, 'data': [1100.0, 0, 959.5, 0, 1100.0, 539.5, 0, 0, 1]},
    'distortion_model': 'plumb_bob',
    'distortion_coefficients': {'rows': 1, 'cols': 5, 'data': [-0.2, 0.1, 0, 0, 0]},
    'rectification_matrix': {'rows': 3, 'cols': 3, 'data': [1, 0, 0, 0, 1, 0, 0, 0, 1]},
    'projection_matrix': {'rows': 3, 'cols': 4, 'data': [1100.0, 0, 959.5, 0, 0, 1100.0, 539.5, 0, 0, 0, 1, 0]},
}


def written(folder: Path, **changes: Any) -> Path:
    file = folder / 'left.yaml'
    file.write_text(yaml.safe_dump(PLAIN | changes), encoding='utf-8')
    return file


def test_a_file_of_ros_is_read(tmp_path: Path) -> None:
    camera = load_camera(written(tmp_path))
    assert (camera.width, camera.height, camera.focal_px) == (1920, 1080, 1100.0)
    assert camera.d().tolist() == [-0.2, 0.1, 0, 0, 0]


@pytest.mark.parametrize(
    ('changes', 'field'),
    [
        ({'camera_matrix': {'rows': 3, 'cols': 3, 'data': [1.0, 2.0]}}, 'camera_matrix'),
        ({'camera_matrix': {'rows': 3, 'cols': 3, 'data': [0.0] * 9}}, 'camera_matrix'),
        ({'image_width': -3}, 'image_width'),
        ({'distortion_model': 'fisheye'}, 'distortion_model'),
        (
            {'distortion_coefficients': {'rows': 1, 'cols': 2, 'data': [0, float('nan')]}},
            'distortion_coefficients.data.1',
        ),
        ({'projection_matrix': {'rows': 3, 'cols': 3, 'data': [0.0] * 9}}, 'projection_matrix'),
    ],
)
def test_a_mistake_is_told_with_file_and_field(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    file = written(tmp_path, **changes)
    with pytest.raises(CalibrationError) as caught:
        load_camera(file)
    assert caught.value.where == str(file)
    assert field in caught.value.what


@pytest.mark.parametrize('text', ['a: [1', '[1, 2]', '', '\x00', 'camera_name: 2026-02-30'])
def test_what_is_no_calibration_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / 'left.yaml'
    file.write_text(text, encoding='utf-8')
    with pytest.raises(CalibrationError, match=r'left\.yaml'):
        load_camera(file)
    with pytest.raises(CalibrationError, match='cannot be read'):
        load_camera(tmp_path / 'none.yaml')


def info(**changes: Any) -> SimpleNamespace:
    fields = {
        'width': 1920, 'height': 1080, 'distortion_model': 'plumb_bob', 'd': [0.0] * 5,
        'k': PLAIN['camera_matrix']['data'], 'r': [0.0] * 9, 'p': [0.0] * 12,
    }  # fmt: skip
    return SimpleNamespace(**fields | changes)


def test_a_message_is_read_and_one_of_a_camera_that_is_not_calibrated_refused() -> None:
    from sensor_msgs.msg import CameraInfo

    assert from_camera_info(info()).focal_px == 1100.0
    message = CameraInfo(
        width=1920, height=1080, distortion_model='plumb_bob', d=[0.0] * 5, k=[float(v) for v in info().k]
    )
    assert from_camera_info(message) == from_camera_info(info())
    with pytest.raises(CalibrationError, match='not calibrated'):
        from_camera_info(CameraInfo(width=640, height=480))


def test_a_calibration_fits_pictures_of_another_size_of_the_same_shape() -> None:
    camera = from_camera_info(info()).for_size(960, 540)
    assert (camera.width, camera.matrix[0]) == (960, 550.0)
    assert camera.matrix[2] == pytest.approx(479.5)
    with pytest.raises(CalibrationError, match='1920 x 1080'):
        from_camera_info(info()).for_size(640, 480)


def test_a_pair_calibrated_together_has_its_baseline() -> None:
    left = from_camera_info(info(p=PLAIN['projection_matrix']['data'], r=PLAIN['rectification_matrix']['data']))
    shifted = list(PLAIN['projection_matrix']['data'])
    shifted[3] = -1100.0 * 0.0045
    rig = rectified_rig(left, from_camera_info(info(p=shifted)))
    assert rig.baseline_mm == pytest.approx(4.5)
    flat = from_camera_info(info(p=[0.0, *shifted[1:]]))
    for right in (left, flat):
        with pytest.raises(CalibrationError, match='baseline'):
            rectified_rig(left, right)


def test_a_transform_must_be_rigid() -> None:
    camera = CameraModel(640, 480, (500.0, 0, 320, 0, 500.0, 240, 0, 0, 1.0))
    moved = np.eye(4)
    moved[0, 3] = -4.0
    assert rig_from_transform(camera, camera, moved).baseline_mm == 4.0
    for wrong in (np.eye(3), 2 * np.eye(4), np.full((4, 4), np.nan)):
        with pytest.raises(CalibrationError, match='rigid'):
            rig_from_transform(camera, camera, wrong)


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason='the calibrations of real endoscopes are not here')
def test_calibrations_of_real_endoscopes_are_read_and_the_two_broken_ones_named() -> None:
    broken = sorted(EXAMPLES.glob('camera_logitech_*.yaml'))
    good = sorted(set(EXAMPLES.glob('*.yaml')) - set(broken))
    assert (len(good), len(broken)) == (8, 2)
    assert all(load_camera(file).focal_px > 100 for file in good)
    for file in broken:  # the numbers of a matrix are not indented
        with pytest.raises(CalibrationError, match=r'projection_matrix\.data'):
            load_camera(file)
