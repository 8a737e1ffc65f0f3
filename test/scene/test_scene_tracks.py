"""Instruments keep their identity while they move, are hidden, or are mistaken, and lose it when stamps jump."""

from __future__ import annotations

import math
from collections.abc import Iterable

from scene_drawing import WIDTH, Map, Picture

from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import Context, Energy, Instrument, SceneState

HOOK = 'l_hook_electrocautery'
FRAME_NS = 33_333_333


def film(
    maps: Iterable[Map], builder: SceneBuilder, start_ns: int = 0, context: Context | None = None
) -> list[SceneState]:
    return [
        builder.build(
            Picture(stamp_ns=start_ns + index * FRAME_NS, sequence=index),
            drawn.segmentation(),
            context=context or Context(),
        )
        for index, drawn in enumerate(maps)
    ]


def the(scene: SceneState, class_name: str) -> Instrument:
    (found,) = (one for one in scene.instruments if one.class_name == class_name)
    return found


def two(hook_x: float, grasper_x: float) -> Map:
    return Map().rod(HOOK, (hook_x, 600), 90, width=80).rod('grasper', (grasper_x, 500), -90, width=80)


def test_instruments_that_move_keep_their_numbers() -> None:
    scenes = film((two(500 + 25 * i, 1500 - 25 * i) for i in range(40)), SceneBuilder())
    assert {the(scene, HOOK).id for scene in scenes} == {the(scenes[0], HOOK).id}
    assert {the(scene, 'grasper').id for scene in scenes} == {the(scenes[0], 'grasper').id}
    assert 0 not in {one.id for scene in scenes for one in scene.instruments}


def test_two_of_a_class_that_pass_each_other_are_not_mixed_up() -> None:
    def pair(i: int) -> Map:
        return (
            Map().rod('grasper', (700 + 15 * i, 460), 90, width=70).rod('grasper', (1200 - 15 * i, 620), -90, width=70)
        )

    scenes = film((pair(i) for i in range(34)), SceneBuilder())
    from_above = [next(one.id for one in scene.instruments if one.axis_y > 0) for scene in scenes]
    assert set(from_above) == {from_above[0]}


def test_an_instrument_that_was_hidden_for_a_moment_is_the_same() -> None:
    maps = [two(800, 1300)] * 5 + [Map().rod('grasper', (1300, 500), -90, width=80)] * 12 + [two(830, 1300)] * 3
    scenes = film(maps, SceneBuilder())
    assert the(scenes[-1], HOOK).id == the(scenes[0], HOOK).id


def test_an_instrument_that_was_gone_for_long_is_another() -> None:
    maps = [two(800, 1300)] * 5 + [Map().rod('grasper', (1300, 500), -90, width=80)] * 40 + [two(800, 1300)] * 3
    scenes = film(maps, SceneBuilder())
    assert the(scenes[-1], HOOK).id != the(scenes[0], HOOK).id


def test_a_class_that_flickers_is_put_to_the_vote() -> None:
    def one(i: int) -> Map:
        return Map().rod('suction' if i % 5 == 4 else HOOK, (800, 600), 90, width=80)

    scenes = film((one(i) for i in range(30)), SceneBuilder())
    assert {(found.class_name, found.id) for scene in scenes for found in scene.instruments} == {(HOOK, 1)}


def test_a_jump_of_the_stamps_begins_anew_and_gives_no_number_twice() -> None:
    for jump_ns in (-5_000_000_000, 60_000_000_000):
        builder = SceneBuilder()
        before = film([two(800, 1300)] * 3, builder, start_ns=10_000_000_000)
        after = film([two(800, 1300)] * 3, builder, start_ns=10_000_000_000 + jump_ns)
        old = {one.id for scene in before for one in scene.instruments}
        assert not old & {one.id for scene in after for one in scene.instruments}


def test_current_flows_through_the_energy_instrument_alone() -> None:
    on, off, unknown = (
        film([two(800, 1300)], SceneBuilder(), context=Context(energy=energy))[0]
        for energy in (Energy.ON, Energy.OFF, Energy.UNKNOWN)
    )
    assert (the(on, HOOK).energised, the(on, 'grasper').energised) == (Energy.ON, Energy.OFF)
    assert the(off, HOOK).energised is Energy.OFF
    assert the(unknown, HOOK).energised is Energy.UNKNOWN


def test_a_tip_has_a_covariance_and_is_least_sure_along_the_axis() -> None:
    found = the(Map().rod('suction', (900, 500), 0, width=80).scene(), 'suction')
    assert found.tip_xx > found.tip_yy > 0
    assert abs(found.tip_xy) < 0.2 * found.tip_yy
    hidden = the(Map().rod('suction', (WIDTH + 200, 500), 0, width=80).scene(), 'suction')
    assert hidden.tip_xx != hidden.tip_xx


def test_jaws_that_open_are_seen_to() -> None:
    def jaws(spread: float) -> Map:
        drawn = Map().rod('grasper', (960, 400), 90, width=80)
        for side in (-spread, spread):
            angle = math.degrees(math.atan2(230, side))
            drawn.rod('grasper', (960 + side, 620), angle, width=30, length=math.hypot(230, side))
        return drawn

    openings = [the(jaws(spread).scene(), 'grasper').opening for spread in (15, 45, 75)]
    assert openings == sorted(openings)
    assert openings[0] < 0.2 < 0.7 < openings[-1]
