"""Roll and drift are those of the camera, and nothing that moves in front of it is taken for them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scene_drawing import Map, Picture

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom.take import Take
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.horizon import LOST_S
from surgical_guidance.scene.state import SceneState, Segmentation

SIZE = (640, 360)
STEP = 6  # frames between two pictures


def watched(
    scenario: str, seed: int, frames: slice, builder: SceneBuilder | None = None
) -> list[tuple[SceneState, float]]:
    """Scenes with the true roll [degrees]."""
    take, builder, found = Take(scenario, seed, *SIZE), builder or SceneBuilder(), []
    for index in range(take.frames)[frames]:
        image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        take.render(index, image)
        labels = take.labels(index, 512, 288)
        segmentation = Segmentation(labels, np.full(labels.shape, 230, np.uint8), CLASSES)
        scene = builder.build(Picture(image, index, 10**9 + round(index / take.rate * 1e9)), segmentation)
        found.append((scene, -math.degrees(take.moment(index).roll)))
    return found


@pytest.fixture(scope='module')
def rolled() -> list[tuple[SceneState, float]]:
    return watched('rolled_view', 9, slice(0, None, STEP))


def test_a_roll_is_right_to_a_degree(rolled: list[tuple[SceneState, float]]) -> None:
    assert max(abs(true) for _, true in rolled) > 25
    assert all(abs(math.degrees(scene.roll) - true) < 1.0 for scene, true in rolled)


def test_breath_and_instruments_at_work_are_no_roll() -> None:
    rolls = [math.degrees(scene.roll) for scene, _ in watched('hook_near_bowel', 9, slice(0, None, STEP))]
    assert max(np.abs(rolls)) < 0.7


def test_after_a_gap_the_next_picture_is_the_reference(rolled: list[tuple[SceneState, float]]) -> None:
    builder = SceneBuilder()
    watched('rolled_view', 9, slice(0, 90, 10), builder)
    (again,) = watched('rolled_view', 9, slice(200, 201), builder)
    assert abs(again[1]) > 25
    assert again[0].roll == 0.0


def test_a_picture_without_corners_has_no_roll() -> None:
    scene = Map().disc('liver', 960, 540, 400).scene()
    assert math.isnan(scene.roll)
    assert math.isnan(scene.drift_x)


def test_when_the_tissue_is_lost_nothing_is_said_and_then_a_new_reference_is_taken() -> None:
    builder = SceneBuilder()
    (good,) = watched('rolled_view', 9, slice(0, 1), builder)
    assert good[0].roll == 0.0
    image, fat = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8), Map().disc('fat', 960, 540, 400).segmentation()
    stamps = [10**9 * (index + 2) for index in range(round(LOST_S) + 1)]
    lost = [builder.build(Picture(image, stamp_ns=stamp), fat) for stamp in stamps]
    assert all(math.isnan(scene.roll) for scene in lost)


def test_a_reference_that_is_reset_is_taken_anew_and_identities_stay() -> None:
    builder = SceneBuilder()
    before = watched('rolled_view', 9, slice(0, 200, STEP), builder)[-1][0]
    assert abs(math.degrees(before.roll)) > 5
    builder.reset_reference()
    after = watched('rolled_view', 9, slice(200, 212, STEP), builder)[0][0]
    assert (after.roll, after.drift_x, after.drift_y) == (0.0, 0.0, 0.0)
    assert {each.id for each in before.instruments} & {each.id for each in after.instruments}
