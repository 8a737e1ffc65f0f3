"""Instruments are found with their tip, their axis and the scale of the picture."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scene_drawing import COLUMNS, HEIGHT, ROWS, SCALE, WIDTH, Map, Picture, round_view

TIP = (900.0, 500.0)
ANGLES = [0, 20, 45, 77, 90, 133, 180, 215, 270, 311]


@pytest.mark.parametrize('angle', ANGLES)
def test_a_straight_instrument_has_its_tip_where_it_ends(angle: int) -> None:
    (found,) = Map().rod('suction', TIP, angle, width=80).scene().instruments
    assert found.tip_visible
    assert math.hypot(found.tip_x - TIP[0], found.tip_y - TIP[1]) < 1.5 * SCALE


@pytest.mark.parametrize('angle', ANGLES)
def test_its_axis_points_from_the_shaft_to_the_tip(angle: int) -> None:
    (found,) = Map().rod('suction', TIP, angle, width=80).scene().instruments
    along = found.axis_x * math.cos(math.radians(angle)) + found.axis_y * math.sin(math.radians(angle))
    assert along > math.cos(math.radians(1.0))


@pytest.mark.parametrize('angle', ANGLES)
@pytest.mark.parametrize('width', [45.0, 80.0, 130.0])
def test_its_width_and_scale_are_right_within_two_sigma(angle: int, width: float) -> None:
    (found,) = Map().rod('suction', TIP, angle, width=width).scene().instruments
    sigma_px = found.mm_per_px_sigma / found.mm_per_px * found.shaft_width_px
    assert abs(found.shaft_width_px - width) < 2 * sigma_px
    assert sigma_px < 0.12 * width
    assert found.mm_per_px == pytest.approx(5.0 / found.shaft_width_px)


def test_a_shaft_that_looks_wider_near_the_camera_is_measured_at_the_tip() -> None:
    (found,) = Map().rod('suction', TIP, 180, width=70, length=1100, far_width=130).scene().instruments
    assert found.shaft_width_px == pytest.approx(70, abs=5)


@pytest.mark.parametrize('angle', [0, 25, 90, 200])
def test_a_hook_is_measured_at_its_shaft_and_not_at_its_wire(angle: int) -> None:
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    drawn = Map().rod('l_hook_electrocautery', TIP, angle, width=20, length=140)
    (found,) = (
        drawn.rod('l_hook_electrocautery', (TIP[0] - 130 * c, TIP[1] - 130 * s), angle, width=80).scene().instruments
    )
    assert found.shaft_width_px == pytest.approx(80, abs=8)
    assert math.hypot(found.tip_x - TIP[0], found.tip_y - TIP[1]) < 1.5 * SCALE


def test_where_only_the_wire_of_a_hook_is_seen_there_is_no_scale() -> None:
    (found,) = Map().rod('l_hook_electrocautery', (WIDTH - 150, 500), 180, width=20).scene().instruments
    assert found.tip_visible
    assert math.isnan(found.shaft_width_px)
    assert math.isnan(found.mm_per_px)
    assert math.isnan(found.mm_per_px_sigma)


def test_where_only_jaws_are_seen_there_is_no_scale() -> None:
    (found,) = Map().rod('grasper', (960, 180), 90, width=90).scene().instruments
    assert found.tip_visible
    assert math.isnan(found.mm_per_px)


def test_the_tip_of_open_jaws_is_between_their_ends() -> None:
    drawn = Map().rod('grasper', (960, 400), 90, width=80)
    drawn.rod('grasper', (900, 600), 105, width=30, length=230).rod('grasper', (1020, 600), 75, width=30, length=230)
    (found,) = drawn.scene().instruments
    assert found.tip_x == pytest.approx(960, abs=2 * SCALE)
    assert found.tip_y == pytest.approx(600, abs=3 * SCALE)


def test_an_instrument_that_crosses_the_picture_shows_no_tip() -> None:
    (found,) = Map().rod('suction', (WIDTH + 200, 500), 0, width=80).scene().instruments
    assert not found.tip_visible
    assert math.isnan(found.tip_x)
    assert math.isnan(found.tip_y)


@pytest.mark.parametrize('clear', [True, False])
def test_the_edge_of_a_round_field_of_view_hides_a_tip_like_the_border_does(clear: bool) -> None:
    view = round_view(500)
    drawn = Map().rod('suction', (WIDTH / 2 + (300 if clear else 520), HEIGHT / 2), 0, width=80)
    inside = (np.hypot(*(np.indices((ROWS, COLUMNS)) - np.array([[[143.5]], [[255.5]]]))) * SCALE) < 500
    segmentation = drawn.segmentation()
    segmentation.labels[~inside] = 0  # a network sees background there
    from surgical_guidance.scene.builder import SceneBuilder

    (found,) = SceneBuilder().build(view, segmentation).instruments
    assert found.tip_visible is clear


def test_an_instrument_without_a_visible_entry_points_to_the_middle() -> None:
    (found,) = Map().rod('suction', (700, 300), 30, width=60, length=300).scene().instruments
    assert found.axis_x > 0
    assert math.hypot(found.tip_x - 700, found.tip_y - 300) < 1.5 * SCALE


def test_specks_are_no_instruments() -> None:
    assert Map().disc('grasper', 500, 500, 12).scene().instruments == ()


def test_each_instrument_of_a_class_is_one() -> None:
    drawn = Map().rod('grasper', (600, 500), 90, width=80).rod('grasper', (1200, 500), 90, width=80)
    scene = drawn.rod('l_hook_electrocautery', (960, 700), -90, width=80).scene()
    assert sorted(found.class_name for found in scene.instruments) == ['grasper', 'grasper', 'l_hook_electrocautery']
    assert all(found.score == pytest.approx(0.9, abs=0.01) for found in scene.instruments)
    assert all(found.energised == 0 for found in scene.instruments)


def test_a_map_of_another_shape_than_the_picture_is_not_distorted() -> None:
    drawn = Map(rows=288, columns=512, width=1440, height=1080).rod('suction', (700, 500), 37, width=80)
    (found,) = drawn.scene(Picture(np.full((1080, 1440, 3), 128, np.uint8))).instruments
    assert found.shaft_width_px == pytest.approx(80, abs=6)
    assert math.degrees(math.atan2(found.axis_y, found.axis_x)) == pytest.approx(37, abs=1.5)
    assert math.hypot(found.tip_x - 700, found.tip_y - 500) < 1.5 * SCALE


def test_a_picture_full_of_one_instrument_is_told_without_tip_and_scale() -> None:
    (found,) = Map().polygon('grasper', (-9, -9), (WIDTH, -9), (WIDTH, HEIGHT), (-9, HEIGHT)).scene().instruments
    assert not found.tip_visible
