"""The best thing there is to measure with is taken, tip by tip, and says so."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scene_drawing import SCALE, WIDTH, Map, Picture

from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import CalibrationError
from surgical_guidance.phantom.take import Take
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.calibration import CameraModel, StereoRig
from surgical_guidance.scene.rulers import Aids, ToolPose
from surgical_guidance.scene.state import Proximity, SceneState, Segmentation

FOCAL = 1150.0
CAMERA = CameraModel(1920, 1080, (FOCAL, 0, 959.5, 0, FOCAL, 539.5, 0, 0, 1.0))
HOOK = 'l_hook_electrocautery'


def pose_at(x: float, y: float, z_mm: float, sigma_mm: float = 0.5) -> ToolPose:
    return ToolPose((x - 959.5) * z_mm / FOCAL, (y - 539.5) * z_mm / FOCAL, z_mm, sigma_mm)


def hook_over_bowel(*poses: ToolPose, calibrated: bool = True) -> Proximity:
    drawn = Map().polygon('gastrointestinal_tract', (0, 700), (WIDTH, 700), (WIDTH, 1080), (0, 1080))
    drawn.rod(HOOK, (900, 600), 90, width=80)
    builder = SceneBuilder(camera=CAMERA if calibrated else None)
    (near,) = builder.build(Picture(), drawn.segmentation(), aids=Aids(poses=poses)).proximities
    return near


def test_an_arm_that_knows_better_than_the_shaft_is_believed() -> None:
    near = hook_over_bowel(pose_at(905, 595, 90.0))
    assert near.method == 'arm_pose'
    assert near.distance_mm == pytest.approx(100 * 90.0 / FOCAL, abs=1.5 * SCALE * 90.0 / FOCAL)


@pytest.mark.parametrize(
    'pose',
    [
        pose_at(905, 595, 90.0, sigma_mm=30.0),
        pose_at(200, 200, 90.0),
        ToolPose(math.nan, 0.0, 90.0),
        ToolPose(0.0, 0.0, 0.0),
        ToolPose(0.0, 0.0, -5.0),
    ],
)
def test_an_arm_that_is_unsure_elsewhere_or_absurd_is_not(pose: ToolPose) -> None:
    assert hook_over_bowel(pose).method == 'shaft_width'


def test_without_a_calibration_an_arm_says_nothing() -> None:
    assert hook_over_bowel(pose_at(905, 595, 90.0), calibrated=False).method == 'shaft_width'


def test_a_calibration_that_comes_later_counts_from_the_next_frame_on() -> None:
    drawn = Map().polygon('gastrointestinal_tract', (0, 700), (WIDTH, 700), (WIDTH, 1080), (0, 1080))
    drawn.rod(HOOK, (900, 600), 90, width=80)
    builder, aids = SceneBuilder(), Aids(poses=(pose_at(905, 595, 90.0),))
    methods = []
    for camera in (None, CAMERA, None):
        builder.calibrate(camera)
        methods.append(builder.build(Picture(), drawn.segmentation(), aids=aids).proximities[0].method)
    assert methods == ['shaft_width', 'arm_pose', 'shaft_width']


def test_where_nothing_is_known_there_are_no_millimetres() -> None:
    drawn = Map().disc('liver', 960, 600, 100).rod('grasper', (960, 180), 90, width=90)
    near = drawn.scene().proximities[0]
    assert (near.method, near.distance_mm == near.distance_mm) == ('', False)
    arm = SceneBuilder(camera=CAMERA).build(
        Picture(), drawn.segmentation(), aids=Aids(poses=(pose_at(960, 180, 80.0),))
    )
    assert arm.proximities[0].method == 'arm_pose'
    assert arm.instruments[0].mm_per_px == pytest.approx(80.0 / FOCAL)


def test_a_calibration_for_another_picture_is_refused() -> None:
    builder = SceneBuilder(camera=CAMERA)
    with pytest.raises(CalibrationError):
        builder.build(
            Picture(np.zeros((480, 640, 3), np.uint8)), Map().rod(HOOK, (900, 600), 90, 80).segmentation(),
            aids=Aids(poses=(pose_at(0, 0, 80.0),)),
        )  # fmt: skip


SIZE = (1280, 720)


def watched(*, stereo: bool) -> list[tuple[SceneState, Take, int]]:
    found = []
    for scenario, seed in (('hook_near_bowel', 131), ('suspected_artery_near', 132)):
        take, other = Take(scenario, seed, *SIZE), Take(scenario, seed, *SIZE, eye='right')
        eye = take.truth(0).camera
        camera = CameraModel(*SIZE, (eye.fx, 0, eye.cx, 0, eye.fy, eye.cy, 0, 0, 1.0))
        rig = StereoRig(camera, camera, (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), (-4.5, 0.0, 0.0))
        builder = SceneBuilder(rig=rig if stereo else None)
        left, right = np.empty((SIZE[1], SIZE[0], 3), np.uint8), np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        for index in range(0, take.frames, 12):
            aids = Aids()
            if stereo:
                take.render(index, left)
                other.render(index, right)
                aids = Aids(right)
            labels = take.labels(index, 512, 288)
            network = Segmentation(labels, np.full(labels.shape, 230, np.uint8), CLASSES)
            picture = Picture(left, index, 10**9 + round(index / take.rate * 1e9))
            found.append((builder.build(picture, network, aids=aids), take, index))
    return found


def of_hook(seen: list[tuple[SceneState, Take, int]], method: str) -> np.ndarray:
    """Measured, sigma and true distance in space of the hook to bowel and artery [mm]."""
    rows = []
    for scene, take, index in seen:
        hook = take.truth(index).instrument(HOOK)
        if hook is None:
            continue
        for structure in ('gastrointestinal_tract', 'cystic_artery'):
            near = min(
                (
                    near
                    for near in scene.proximities
                    if scene.instruments[near.instrument].class_name == HOOK
                    and scene.structures[near.structure].class_name == structure
                ),
                key=lambda near: near.distance_px,
                default=None,
            )
            if near is not None and near.method == method and structure in hook.distances:
                rows.append((near.distance_mm, near.sigma_mm, hook.distances[structure].mm))
    return np.array(rows)


@pytest.mark.parametrize(('method', 'limit'), [('shaft_width', 0.15), ('stereo', 0.05)])
def test_distances_of_the_phantom_are_right_within_two_sigma(method: str, limit: float) -> None:
    measured, sigma, true = of_hook(watched(stereo=method == 'stereo'), method).T
    assert len(measured) >= 25
    assert np.mean(np.abs(measured - true) <= 2 * sigma) >= 0.95
    assert np.median(np.abs(measured - true) / true) <= limit
