"""Scenes are complete, say why they are not valid, and cost nothing of a frame's size."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from scene_drawing import HEIGHT, SCALE, WIDTH, Map, Picture

from surgical_guidance.clock import NS_PER_MS, monotonic_ns
from surgical_guidance.contract import CLASSES
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.regions import MAX_PARTS
from surgical_guidance.scene.state import ONE_CLASS, Condition, Context, Segmentation, StageTime

BOWEL = 'gastrointestinal_tract'


def hook_near_bowel(gap: float) -> Map:
    """A hook whose tip is above a bowel's edge."""
    drawn = Map().polygon(BOWEL, (0, 700), (WIDTH, 700), (WIDTH, HEIGHT + 9), (0, HEIGHT + 9))
    return drawn.rod('l_hook_electrocautery', (900, 700 - gap), 90, width=80)


@pytest.mark.parametrize('gap', [20.0, 48.0, 160.0, 400.0])
def test_a_distance_is_right_within_two_sigma(gap: float) -> None:
    (near,) = hook_near_bowel(gap).scene().proximities
    assert near.method == 'shaft_width'
    assert abs(near.distance_px - gap) < 1.5 * SCALE
    assert abs(near.distance_mm - gap / 16) < 2 * near.sigma_mm
    assert near.nearest_x == pytest.approx(900, abs=2 * SCALE + gap / 20)
    assert near.nearest_y == pytest.approx(700, abs=1.5 * SCALE)


def test_the_sigma_of_a_distance_grows_with_it_and_never_goes_below_that_of_the_places() -> None:
    close, far = (hook_near_bowel(gap).scene().proximities[0] for gap in (20.0, 400.0))
    assert 2 * math.sqrt(2) * SCALE / 16 > close.sigma_mm > math.sqrt(2) * SCALE / 16 * 0.9
    assert far.sigma_mm > 2 * close.sigma_mm


def test_a_tip_on_a_structure_is_nothing_apart_from_it() -> None:
    (near,) = hook_near_bowel(-150).scene().proximities
    assert near.distance_px == 0
    assert near.distance_mm == 0
    assert near.sigma_mm > 0


def test_without_a_scale_there_are_pixels_and_no_millimetres() -> None:
    drawn = Map().disc('liver', 960, 600, 100).rod('grasper', (960, 180), 90, width=90)
    (near,) = drawn.scene().proximities
    assert near.distance_px == pytest.approx(320, abs=2 * SCALE)
    assert math.isnan(near.distance_mm)
    assert math.isnan(near.sigma_mm)
    assert near.method == ''


def test_every_visible_tip_has_a_distance_to_every_structure_and_no_other() -> None:
    drawn = Map().disc('liver', 300, 300, 120).disc('gallbladder', 1500, 300, 120)
    drawn.rod('suction', (960, 500), 90, width=80).rod('grasper', (700, 800), -90, width=80)
    scene = drawn.rod('clipper', (WIDTH + 99, 700), 0, width=60).scene()
    visible = {index for index, tool in enumerate(scene.instruments) if tool.tip_visible}
    assert len(visible) == 2
    assert {(near.instrument, near.structure) for near in scene.proximities} == {
        (i, s) for i in visible for s in (0, 1)
    }


def test_a_structure_has_its_outline_and_its_share_of_the_picture() -> None:
    (liver,) = Map().disc('liver', 960, 540, 200).scene().structures
    radii = np.hypot(liver.contour[:, 0] - 960, liver.contour[:, 1] - 540)
    assert liver.class_name == 'liver'
    assert liver.contour.dtype == np.float32
    assert np.abs(radii - 200).max() < 1.5 * SCALE
    assert liver.area == pytest.approx(math.pi * 200**2 / (WIDTH * HEIGHT), rel=0.02)
    assert liver.score == pytest.approx(0.9, abs=0.01)


def test_confetti_is_cut_off_at_a_number_of_parts() -> None:
    drawn = Map()
    for index in range(20):
        drawn.disc('fat', 60 + 90 * index, 500, 40)
    assert len(drawn.scene().structures) == MAX_PARTS


def test_without_a_segmentation_the_scene_is_not_valid_and_says_why() -> None:
    scene = SceneBuilder().build(Picture(), None, 'the engine failed')
    assert (scene.valid, scene.problem) == (False, 'the engine failed')
    assert scene.sharpness == 0
    assert math.isnan(scene.quality)
    assert SceneBuilder().build(Picture(), None).problem


def test_a_problem_makes_a_scene_invalid_even_with_a_segmentation() -> None:
    assert not SceneBuilder().build(Picture(), Map().segmentation(), 'the frame was overwritten').valid


def test_quality_is_the_mean_confidence() -> None:
    assert Map().scene(confidence=0.6).quality == pytest.approx(0.6, abs=0.01)


def test_its_own_time_is_added_to_the_stages_from_the_capture() -> None:
    picture = Picture(monotonic_ns=monotonic_ns() - 30 * NS_PER_MS)
    scene = SceneBuilder().build(picture, Map().segmentation(), '', (StageTime('inference', 1.0, 25.1),))
    inference, own = scene.stages
    assert (inference.stage, own.stage) == ('inference', 'scene')
    assert inference.duration_ms == float(np.float32(25.1))
    assert own.start_ms >= 30
    assert 0 < own.duration_ms < 1000
    assert scene.ready_ns == scene.stamp_ns + round((own.start_ms + own.duration_ms) * NS_PER_MS)


def test_maps_of_any_size_and_content_are_taken() -> None:
    rng = np.random.default_rng(1)
    builder = SceneBuilder()
    for rows, columns in ((1, 1), (2, 3), (17, 31), (288, 512)):
        for labels in (rng.integers(0, 256, (rows, columns)), np.full((rows, columns), 3), np.zeros((rows, columns))):
            network = Segmentation(labels.astype(np.uint8), labels.astype(np.uint8), CLASSES)
            for image in (np.zeros((90, 160), np.uint8), rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)):
                scene = builder.build(Picture(image), network)
                assert scene.valid
                assert scene.width == image.shape[1]


def test_nothing_of_a_frames_size_is_allocated() -> None:
    builder, picture, segmentation = SceneBuilder(), Picture(), hook_near_bowel(100).segmentation()
    builder.build(picture, segmentation)  # makes its buffers
    tracemalloc.start()
    builder.build(picture, segmentation)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < picture.image.nbytes / 4


@pytest.mark.parametrize(('out', 'problem', 'valid'), [
    (True, f'{ONE_CLASS} background', True), (False, f'{ONE_CLASS} background', False), (True, 'it failed', False),
])  # fmt: skip
def test_out_of_the_body_a_network_that_sees_nothing_is_right(out: bool, problem: str, valid: bool) -> None:
    told = Context(conditions=(Condition('out_of_body', 1.0 if out else 0.0, active=out),))
    scene = SceneBuilder().build(Picture(), None, problem, context=told)
    assert (scene.valid, scene.problem) == (valid, '' if valid else problem)
