"""Blood that spreads is seen to spread, at its rate; blood that stands, or comes out from under a tool, is not."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from scene_drawing import HEIGHT, WIDTH, Map, Picture

from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import Structure

FRAME_NS = 33_333_333


def film(maps: Iterable[Map]) -> list[Structure]:
    builder, found = SceneBuilder(), []
    for index, drawn in enumerate(maps):
        scene = builder.build(Picture(stamp_ns=index * FRAME_NS), drawn.segmentation())
        found += [one for one in scene.structures if one.class_name == 'blood']
    return found


def radius_for(share: float) -> float:
    return math.sqrt(share * WIDTH * HEIGHT / math.pi)


@pytest.mark.parametrize('rate', [0.01, 0.03])
def test_blood_that_wells_up_grows_at_its_rate(rate: float) -> None:
    blood = film(Map().disc('blood', 960, 540, radius_for(0.01 + rate * i / 30)) for i in range(45))
    assert blood[-1].growth == pytest.approx(rate, rel=0.25)
    assert blood[-1].area > blood[0].area
    assert math.isnan(blood[0].growth)


def test_blood_that_stands_does_not_grow() -> None:
    blood = film(Map().disc('blood', 960, 540, 200) for _ in range(40))
    assert [one.growth for one in blood[10:]] == [0.0] * 30


def test_an_instrument_that_moves_aside_makes_no_blood_grow() -> None:
    def pool(i: int) -> Map:
        return Map().disc('blood', 960, 540, 260).rod('grasper', (960 + 20 * i, 540), 90, width=120)

    assert max(one.growth for one in film(pool(i) for i in range(40))[10:]) < 0.002


def test_it_comes_from_where_it_has_been_for_longest() -> None:
    def flowing(i: int) -> Map:
        return (
            Map()
            .disc('blood', 700, 500, 60)
            .polygon('blood', (700, 460), (700 + 12 * i, 460), (700 + 12 * i, 540), (700, 540))
        )

    blood = film(flowing(i) for i in range(40))
    assert np.hypot(blood[-1].source_x - 700, blood[-1].source_y - 500) < 60


def test_nothing_else_is_said_to_grow() -> None:
    scene = SceneBuilder().build(Picture(), Map().disc('liver', 960, 540, 200).segmentation())
    assert all(math.isnan(one.growth) for one in scene.structures)
