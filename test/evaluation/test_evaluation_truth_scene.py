"""The scene made from the truth says what the truth says, and nothing else."""

from __future__ import annotations

import math

import pytest

from surgical_guidance.contract import CONDITIONS
from surgical_guidance.evaluation.truth_scene import ground_truth_scene
from surgical_guidance.phantom.take import Take
from surgical_guidance.scene.messages import from_message, to_message
from surgical_guidance.scene.state import Energy, SceneState

SIZE = (320, 180)


def scene_of(scenario: str, time_s: float) -> tuple[Take, int, SceneState]:
    take = Take(scenario, 5, *SIZE)
    index = round(time_s * take.rate)
    return take, index, ground_truth_scene(take.truth(index), take.labels(index))


def level(scene: SceneState, name: str) -> float:
    return next(condition.level for condition in scene.conditions if condition.name == name)


def test_a_distance_is_the_true_one_in_space() -> None:
    take, index, scene = scene_of('hook_near_bowel', 3.0)
    hook = next(i for i, tool in enumerate(scene.instruments) if tool.class_name == 'l_hook_electrocautery')
    true = take.truth(index).instruments[hook].distances['gastrointestinal_tract']
    bowel = [
        near
        for near in scene.proximities
        if near.instrument == hook and scene.structures[near.structure].class_name == 'gastrointestinal_tract'
    ]
    assert [near.distance_mm for near in bowel] == [true.mm]
    assert scene.instruments[hook].energised is Energy.ON
    assert math.hypot(bowel[0].nearest_x - scene.instruments[hook].tip_x,
                      bowel[0].nearest_y - scene.instruments[hook].tip_y) == pytest.approx(true.px, abs=3)  # fmt: skip


def test_a_tip_outside_the_view_has_no_place_and_no_distance() -> None:
    _, _, scene = scene_of('energised_tip_hidden', 2.6)
    (hook,) = (i for i, tool in enumerate(scene.instruments) if tool.class_name == 'l_hook_electrocautery')
    assert not scene.instruments[hook].tip_visible
    assert math.isnan(scene.instruments[hook].tip_x)
    assert all(near.instrument != hook for near in scene.proximities)


def test_blood_grows_while_it_truly_does_and_has_its_source() -> None:
    take, index, scene = scene_of('active_bleeding', 4.0)
    (blood,) = (one for one in scene.structures if one.class_name == 'blood')
    truth = take.truth(index).events.bleeding
    assert truth is not None
    assert blood.growth > 0
    assert (blood.source_x, blood.source_y) == truth.source
    _, _, still = scene_of('pooled_blood', 5.0)
    assert [one.growth for one in still.structures if one.class_name == 'blood'] == [0.0]


def test_every_condition_is_told_with_its_level() -> None:
    _, _, scene = scene_of('smoke', 3.0)
    assert [condition.name for condition in scene.conditions] == list(CONDITIONS)
    assert level(scene, 'smoke') == pytest.approx(1.0)
    assert level(scene, 'fog') == 0.0
    assert level(scene_of('out_of_body', 3.0)[2], 'out_of_body') == 1.0


def test_the_roll_is_that_of_the_camera() -> None:
    take, index, scene = scene_of('rolled_view', 5.0)
    assert math.degrees(scene.roll) == pytest.approx(take.truth(index).camera.roll_deg)
    assert abs(math.degrees(scene.roll)) > 20


def test_judgements_that_no_pixel_tells_are_in_it() -> None:
    take, index, scene = scene_of('critical_view_incomplete', 3.0)
    truth = take.truth(index)
    assert scene.critical_view == truth.critical_view
    assert [zone.kind for zone in scene.zones] == [zone.kind for zone in truth.zones] == ['safe', 'no_go']
    assert {mark.name: (mark.x, mark.y) for mark in scene.landmarks} == truth.landmarks
    assert {one.class_name for one in scene.structures if one.identified} <= set(truth.identified)
    assert any(one.identified for one in scene.structures)
    assert scene_of('out_of_body', 3.0)[2].zones == ()


def test_it_passes_through_a_message() -> None:
    _, _, scene = scene_of('critical_view_incomplete', 3.0)
    again = from_message(to_message(scene))
    assert again.phase == 'ClippingCutting'
    assert len(again.proximities) == len(scene.proximities) > 0
