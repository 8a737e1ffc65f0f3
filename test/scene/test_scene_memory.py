"""What an instrument covers is still there."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from scene_drawing import HEIGHT, SCALE, WIDTH, Map, Picture

from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.horizon import LOST_S
from surgical_guidance.scene.state import SceneState

DUCT = ((700, 560), (1300, 560), (1300, 620), (700, 620))


def scene_at(builder: SceneBuilder, tip_y: float, stamp_ns: int) -> SceneState:
    drawn = Map().disc('liver', 300, 300, 250).polygon('cystic_duct', *DUCT).rod('clipper', (1000, tip_y), 90, width=90)
    return builder.build(Picture(stamp_ns=stamp_ns), drawn.segmentation())


def test_a_tip_over_a_tube_that_it_hides_is_at_it() -> None:
    builder = SceneBuilder()
    before = scene_at(builder, 300, 10**9)
    over = scene_at(builder, 590, 11 * 10**8)
    assert abs(before.proximities[-1].distance_px - 260) < 1.5 * SCALE
    assert over.proximities[-1].distance_px == 0.0
    assert over.proximities[-1].sigma_mm > 2 * SCALE * over.instruments[0].mm_per_px


def test_a_structure_is_drawn_whole_and_its_area_is_what_is_seen() -> None:
    builder = SceneBuilder()
    before, over = scene_at(builder, 300, 10**9), scene_at(builder, 800, 11 * 10**8)
    duct, hidden = before.structures[-1], over.structures[-1]
    assert len(over.structures) == len(before.structures) == 2
    assert hidden.area < 0.9 * duct.area
    assert 0.8 < hidden.score <= 1.0


def test_what_was_never_seen_is_not_made_up() -> None:
    assert len(scene_at(SceneBuilder(), 800, 10**9).structures) == 3


def test_after_a_gap_it_is_forgotten() -> None:
    builder = SceneBuilder()
    scene_at(builder, 300, 10**9)
    assert len(scene_at(builder, 800, 60 * 10**9).structures) == 3


def test_what_is_remembered_stays_where_it_is_when_a_new_reference_is_taken() -> None:
    noise = np.random.default_rng(4).integers(60, 200, (15, 27), np.uint8)
    texture = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    builder, grey = SceneBuilder(), np.full((HEIGHT, WIDTH), 128, np.uint8)
    frame = 0

    def seen(image: np.ndarray, down: float, tip_y: float) -> SceneState:
        nonlocal frame
        frame += 1
        drawn = Map().polygon('liver', (0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT))
        drawn.polygon('cystic_duct', *((x, y + down) for x, y in DUCT)).rod('clipper', (1000, tip_y), 90, width=90)
        return builder.build(Picture(image, stamp_ns=frame * 500_000_000), drawn.segmentation())

    def apart(scene: SceneState) -> float:
        (duct,) = (i for i, one in enumerate(scene.structures) if one.class_name == 'cystic_duct')
        return next(near.distance_px for near in scene.proximities if near.structure == duct)

    assert seen(texture, 0.0, 300.0).drift_y == 0.0
    moved = seen(np.roll(texture, 72, axis=0), 72.0, 300.0)
    assert moved.drift_y == pytest.approx(72.0, abs=3.0)
    assert apart(seen(np.roll(texture, 72, axis=0), 72.0, 680.0)) == 0.0
    lost = [seen(grey, 72.0, 680.0) for _ in range(round(LOST_S / 0.5) + 1)]
    assert all(math.isnan(scene.drift_y) for scene in lost[2:])
    again = seen(np.roll(texture, 72, axis=0), 72.0, 680.0)
    assert again.drift_y == 0.0
    assert apart(again) == 0.0
