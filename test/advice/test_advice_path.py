"""A way to the target keeps clear of what must not be touched, and keeps still."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from advice_scenes import HEIGHT, WIDTH, scene, square, tool

from surgical_guidance.advice.path import MARGIN_SHARE, NO_TOUCH, PathPlanner
from surgical_guidance.scene.state import SceneState, Structure, Zone

TARGET = 'gallbladder'
GOAL = Structure(TARGET, 0.9, square(300.0, 540.0, 60.0), 0.01)
HOOK = 'l_hook_electrocautery'


def wall(x: float = 960.0, top: float = 200.0, bottom: float = 1079.0, class_name: str = 'cystic_artery') -> Structure:
    outline = np.array([(x - 30, top), (x + 30, top), (x + 30, bottom), (x - 30, bottom)], np.float32)
    return Structure(class_name, 0.9, outline, 0.05)


def with_parts(*parts: Structure, tip: tuple[float, float] = (1500.0, 540.0), **more) -> SceneState:
    return scene(0, tools=[tool(x=tip[0], y=tip[1])], parts=[GOAL, *parts], **more)


def way(one: SceneState) -> np.ndarray:
    return np.array(PathPlanner(HOOK).plan(one, TARGET)).reshape(-1, 2)


def places(points: np.ndarray) -> np.ndarray:
    return np.vstack([np.linspace(a, b, 200) for a, b in itertools.pairwise(points)])


def test_where_nothing_is_in_the_way_it_is_straight_from_tip_to_middle() -> None:
    np.testing.assert_allclose(way(with_parts()), [(1500.0, 540.0), (300.0, 540.0)], atol=0.5)


@pytest.mark.parametrize('class_name', NO_TOUCH)
def test_it_goes_round_what_must_not_be_touched_with_a_margin(class_name: str) -> None:
    found = places(way(with_parts(wall(class_name=class_name))))
    beside = found[(found[:, 0] > 930) & (found[:, 0] < 990)]
    assert beside[:, 1].max() < 200 - MARGIN_SHARE * HEIGHT
    sides = found[found[:, 1] > 200]
    assert np.abs(sides[:, 0] - 960).min() > 30 + MARGIN_SHARE * HEIGHT


def test_it_goes_round_a_no_go_zone_but_over_other_tissue() -> None:
    zone = Zone('no_go', square(960.0, 540.0, 150.0))
    found = places(way(with_parts(wall(class_name='liver'), zones=(zone,))))
    inside = (np.abs(found - (960.0, 540.0)) < 150.0).all(axis=1)
    assert not inside.any()
    assert found[:, 1].min() > 200 - MARGIN_SHARE * HEIGHT  # not round the liver


def test_where_no_way_is_clear_there_is_none() -> None:
    assert len(way(with_parts(wall(top=-10.0, bottom=HEIGHT + 10.0)))) == 0


def test_out_of_the_margin_it_takes_the_shortest_way() -> None:
    found = places(way(with_parts(wall(), tip=(1010.0, 540.0))))
    near = (found[:, 1] > 200) & (np.abs(found[:, 0] - 960) < 30 + 0.5 * MARGIN_SHARE * HEIGHT)
    assert near[: near.argmin()].all() or not near.any()
    assert not near[near.argmin() :].any()


def test_from_inside_what_must_not_be_touched_there_is_none() -> None:
    assert len(way(with_parts(wall(), tip=(960.0, 540.0)))) == 0


def test_it_keeps_still_while_everything_trembles() -> None:
    planner, rng = PathPlanner(HOOK), np.random.default_rng(1)
    ways = []
    for _ in range(60):
        dx, dy = rng.normal(0.0, 4.0, 2)
        trembling = wall()._replace(contour=wall().contour + np.array([dx, dy], np.float32))
        one = with_parts(trembling, tip=(1500.0 + dx, 540.0 + dy))
        ways.append(np.array(planner.plan(one, TARGET)).reshape(-1, 2)[1:])
    assert all(np.array_equal(one, ways[0]) for one in ways)


def test_what_the_tip_has_passed_is_left_behind() -> None:
    planner = PathPlanner(HOOK)
    first = np.array(planner.plan(with_parts(wall()), TARGET)).reshape(-1, 2)
    corner = tuple(first[1])
    after = np.array(planner.plan(with_parts(wall(), tip=corner), TARGET)).reshape(-1, 2)
    np.testing.assert_array_equal(after[1:], first[2:])


def test_another_obstacle_makes_another_way_at_once() -> None:
    planner = PathPlanner(HOOK)
    straight = planner.plan(with_parts(), TARGET)
    assert planner.plan(with_parts(wall()), TARGET) != straight


def test_after_a_search_in_vain_it_is_quiet_for_a_while_and_then_finds_what_has_become_clear() -> None:
    planner = PathPlanner(HOOK)
    shut, clear = with_parts(wall(top=-10.0, bottom=HEIGHT + 10.0)), with_parts()
    found = [planner.plan(replace(clear if step else shut, stamp_ns=step * 40_000_000), TARGET) for step in range(8)]
    assert [bool(one) for one in found] == [False] * 5 + [True] * 3


@pytest.mark.parametrize(
    'one',
    [
        scene(0, parts=[], tools=[tool()]),
        scene(0, parts=[GOAL], tools=[]),
        scene(0, parts=[GOAL], tools=[tool(x=float('nan'))]),
        scene(0, parts=[GOAL], tools=[tool(x=1e9)]),
        scene(0, parts=[Structure(TARGET, 0.9, np.full((9, 2), np.nan, np.float32), 0.1)], tools=[tool()]),
        replace(scene(0, parts=[GOAL], tools=[tool()]), width=0, height=0),
    ],
)
def test_where_something_is_missing_there_is_none(one: SceneState) -> None:
    assert PathPlanner(HOOK).plan(one, TARGET) == ()


def test_the_target_is_its_largest_part_and_one_whose_size_is_not_known_is_none() -> None:
    unknown = Structure(TARGET, 0.9, square(1700.0, 900.0, 60.0), float('nan'))
    one = scene(0, tools=[tool(x=1000.0)], parts=[unknown, GOAL])
    assert PathPlanner(HOOK).plan(one, TARGET)[-2:] == (300.0, 540.0)


def test_the_energy_tool_is_led_before_others_and_else_the_nearest() -> None:
    tools = [tool('grasper', x=500.0), tool('suction', x=1000.0), tool(x=1500.0)]
    for kept, x in ((tools, 1500.0), (tools[:2], 500.0)):
        assert PathPlanner(HOOK).plan(scene(0, tools=kept, parts=[GOAL]), TARGET)[0] == x
    assert WIDTH > 1500
