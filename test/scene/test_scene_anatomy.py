"""Zones and landmarks lie where they are on patients that the plan was not made from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scene_drawing import Map, Picture

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import FrameTruth
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import SceneState, Segmentation

SIZE = (960, 540)
BLANK = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)


def seen(scenario: str, seed: int, index: int) -> tuple[SceneState, FrameTruth]:
    take = Take(scenario, seed, *SIZE)
    labels = take.labels(index, 512, 288)
    network = Segmentation(labels, np.full(labels.shape, 230, np.uint8), CLASSES)
    return SceneBuilder().build(Picture(BLANK), network), take.truth(index)


@pytest.mark.parametrize(('scenario', 'index'), [('hook_near_bowel', 60), ('rolled_view', 200)])
@pytest.mark.parametrize('seed', [101, 117])
def test_landmarks_and_zones_are_near_the_true_ones(scenario: str, index: int, seed: int) -> None:
    scene, truth = seen(scenario, seed, index)
    for mark in scene.landmarks:
        x, y = truth.landmarks[mark.name]
        assert np.hypot(mark.x - x, mark.y - y) < 2 * mark.sigma_px
    assert [zone.kind for zone in scene.zones] == ['safe', 'no_go']
    assert all(zone.source for zone in scene.zones)
    for zone, true in zip(scene.zones, truth.zones, strict=True):
        assert overlap(zone.contour, np.array(true.outline, np.float32)) > (0.35 if zone.kind == 'no_go' else 0.75)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two outlines."""
    masks = [np.zeros((1600, 2600), np.uint8) for _ in range(2)]
    for mask, outline in zip(masks, (one, other), strict=True):
        cv2.fillPoly(mask, [np.rint(outline + 500).astype(np.int32)], 1)
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())


def test_without_a_gallbladder_or_a_way_to_tell_its_ends_nothing_is_said() -> None:
    assert Map().disc('liver', 900, 500, 300).scene().zones == ()
    lone = Map().polygon('gallbladder', (500, 200), (1200, 700), (1100, 800), (450, 300)).scene()
    assert (lone.zones, lone.landmarks) == ((), ())


def test_a_round_gallbladder_has_no_axis() -> None:
    drawn = Map().disc('gallbladder', 700, 400, 200).disc('cystic_duct', 1000, 700, 60)
    assert drawn.scene().zones == ()
