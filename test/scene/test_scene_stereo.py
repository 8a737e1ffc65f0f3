"""Two eyes see how deep a place is, to within what they claim."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from surgical_guidance.scene.calibration import CameraModel, StereoRig
from surgical_guidance.scene.stereo import StereoMeter

DATA = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'sksurgery_liver_calib'
FOCAL, BASELINE = 1000.0, 4.5
CAMERA = CameraModel(1280, 720, (FOCAL, 0, 639.5, 0, FOCAL, 359.5, 0, 0, 1.0))
RIG = StereoRig(CAMERA, CAMERA, (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), (-BASELINE, 0.0, 0.0))
PLACES = np.array([(x, y) for x in (300.0, 640.0, 1000.0) for y in (150.0, 360.0, 600.0)])


def texture(seed: int = 1) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (360, 640, 3)).astype(np.uint8)
    return np.asarray(
        cv2.GaussianBlur(cv2.resize(coarse, (1280, 720), interpolation=cv2.INTER_CUBIC), (0, 0), 1.2), np.uint8
    )


def shifted(image: NDArray[np.uint8], by: float) -> NDArray[np.uint8]:
    """What an eye to the right sees of a wall whose disparity this is."""
    move = np.array(((1.0, 0.0, -by), (0.0, 1.0, 0.0)))
    return np.asarray(
        cv2.warpAffine(image, move, (1280, 720), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.uint8
    )


@pytest.mark.parametrize('depth_mm', [40.0, 80.0, 121.3])
def test_a_wall_is_as_deep_as_it_is(depth_mm: float) -> None:
    left = texture()
    points = StereoMeter(RIG).points(left, shifted(left, FOCAL * BASELINE / depth_mm), PLACES)
    for point, (x, y) in zip(points, PLACES, strict=True):
        assert abs(point.z - depth_mm) < 2 * point.sigma
        assert point.z == pytest.approx(depth_mm, rel=0.01)
        assert point.x == pytest.approx((x - 639.5) * depth_mm / FOCAL, abs=0.01 * depth_mm)
        assert point.y == pytest.approx((y - 359.5) * depth_mm / FOCAL, abs=0.01 * depth_mm)


def test_sigma_grows_with_the_square_of_the_depth() -> None:
    meter = StereoMeter(RIG)
    assert meter.sigma_mm(120.0) == pytest.approx(4 * meter.sigma_mm(60.0))


def test_lens_distortion_and_turned_eyes_are_taken_out() -> None:
    turn, _ = cv2.Rodrigues(np.array((0.004, 0.03, -0.003)))
    lens = (-0.15, 0.05, 0.0, 0.0, 0.0)
    bent = CameraModel(1280, 720, CAMERA.matrix, lens)
    rig = StereoRig(bent, bent, tuple(turn.ravel().tolist()), (-BASELINE, 0.1, 0.2))
    wall = texture(3)  # 1280 x 720 mm / 8, 90 mm before the left eye
    left, right = (seen(wall, bent, r, t) for r, t in ((np.eye(3), np.zeros(3)), (turn, np.array(rig.translation_mm))))
    found = StereoMeter(rig).points(left, right, PLACES)
    known = [point.z for point in found if point.known]
    assert len(known) >= 7
    assert np.allclose(known, 90.0, rtol=0.02)


def seen(
    wall: NDArray[np.uint8], camera: CameraModel, turn: NDArray[np.float64], move: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """What a camera sees of a wall 90 mm before the left eye, 8 of whose pixels are a millimetre."""
    columns, rows = np.meshgrid(np.arange(1280.0), np.arange(720.0))
    pixels = np.stack((columns, rows), axis=2).reshape(-1, 1, 2)
    rays = np.c_[cv2.undistortPoints(pixels, camera.k(), camera.d()).reshape(-1, 2), np.ones(1280 * 720)] @ turn
    origin = -turn.T @ move
    reach = (90.0 - origin[2]) / rays[:, 2]
    at = (origin[:2] + rays[:, :2] * reach[:, None]) * 8.0 + (640.0, 360.0)
    x, y = (at[:, axis].reshape(720, 1280).astype(np.float32) for axis in (0, 1))
    return np.asarray(cv2.remap(wall, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.uint8)


def test_what_matches_nowhere_or_everywhere_is_not_known() -> None:
    meter, left = StereoMeter(RIG), texture()
    flat = np.full_like(left, 120)
    stripes = np.tile(np.where(np.arange(1280) % 16 < 8, 60, 200).astype(np.uint8), (720, 1))
    for one, other in ((left, texture(7)), (flat, flat), (stripes, stripes)):
        assert not any(point.known for point in meter.points(one, other, PLACES))
    beyond = np.array([(-5.0, 10.0), (1279.0, 719.0), (np.nan, 3.0), (1e9, 1e9)])
    assert not any(point.known for point in meter.points(left, left, beyond))


@pytest.mark.skipif(not DATA.is_dir(), reason='the real stereo pair of a checkerboard is not here')
@pytest.mark.timeout(300)
def test_a_real_checkerboard_has_squares_of_its_size() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))
    from _checkerboard import SQUARE_MM, square_mm

    assert square_mm(DATA) == pytest.approx(SQUARE_MM, rel=0.05)
