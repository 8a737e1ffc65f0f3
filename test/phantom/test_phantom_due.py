"""What a perfect system says is worked out from the truth: each scenario's own rule, and whatever else is due in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from surgical_guidance.phantom.due import ANATOMY, HOLD_S, conditions, due, due_in
from surgical_guidance.phantom.scenarios import RATE, library
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import Events, FrameTruth

SLACK = 3  # frames: patients differ
STRIDE = 10  # frames from one that is looked at to the next
ENERGY = 3  # the rule that needs more than one frame
WITH_RULE = sorted(name for name, one in library().items() if one.rule not in (0, ENERGY))
ALSO = {
    'below_the_line': {7},  # below the line there is no safe zone
    'blind_clip': {11, 13, 18},
    'energised_tip_hidden': {18, 19},  # the grasper alone is left, at the edge
    'hook_left_view': {18},
    'lens_fogged': {3},
    'lens_splashed': {3},
    'blur': {3},
    'out_of_body': {18},
    'perception_low': {3},
    'pooled_blood': {11, 18},
    'unidentified_tube': {5},  # what is not identified cannot complete the critical view
    'wrong_tool': {18},
}
"""What is due in a scenario beside its own rule, by its script."""


@pytest.fixture(scope='module')
def fogged() -> FrameTruth:
    return Take('unidentified_tube', 1, 320, 180).truth(100)


@pytest.mark.parametrize('name', WITH_RULE)
def test_the_condition_of_a_scenario_s_rule_begins_at_its_onset(name: str) -> None:
    take = Take(name, 7, 320, 180)
    rule, onset, speak_at = take.scenario.rule, take.scenario.onset, take.scenario.speak_at
    assert onset is not None
    assert speak_at is not None
    if onset:
        assert rule not in conditions(take.truth(max(0, onset - SLACK - 1)))
    start = onset if rule == 13 else onset + SLACK  # blood stands from the frame on at which it stops
    assert all(rule in conditions(take.truth(index)) for index in (start, (start + speak_at) // 2, speak_at))
    assert take.scenario.hold_s == HOLD_S[rule]


@pytest.mark.parametrize('name', WITH_RULE)
def test_what_else_is_due_in_a_scenario_is_known(name: str) -> None:
    take = Take(name, 8, 320, 180)
    held = [conditions(take.truth(index)) for index in range(0, take.frames, STRIDE)]
    flags = {rule: [rule in one for one in held] for rule in HOLD_S}
    spoken = set()
    for rule, times in flags.items():
        longest = max(len(run) for run in ''.join('x' if time else ' ' for time in times).split(' '))
        if longest * STRIDE > HOLD_S[rule] * RATE + STRIDE:
            spoken.add(rule)
    assert spoken - {take.scenario.rule} == ALSO.get(name, set()) - {ENERGY}


def test_all_advice_of_a_take_comes_in_the_order_of_speaking() -> None:
    take = Take('energised_tip_hidden', 3, 320, 180)
    found = due(take)
    assert {one.rule for one in found} == {2, *ALSO['energised_tip_hidden']}
    assert [one.speak_at for one in found] == sorted(one.speak_at for one in found)
    own = next(one for one in found if one.rule == 2)
    assert (own.onset, own.speak_at, own.end) == (60, 66, 96)


def test_current_that_flows_for_three_seconds_is_due_to_the_frame() -> None:
    take = Take('long_activation', 3, 320, 180)
    truths = [replace(take.truth(0), index=index, time_s=index / RATE, energy=take.moment(index).tools[1].energised)
              for index in range(take.frames)]  # fmt: skip
    assert [(one.rule, one.onset, one.speak_at) for one in due_in(truths, RATE)] == [(ENERGY, 120, 120)]


@pytest.mark.parametrize('hidden', [{'smoke': 0.8}, {'fog': 0.8}, {'splash': 0.8}, {'blur': 0.8}])
def test_rules_of_anatomy_are_silent_while_the_view_is_spoilt(fogged: FrameTruth, hidden: dict[str, float]) -> None:
    assert conditions(fogged) >= {4, 5}
    assert not conditions(replace(fogged, events=Events(**hidden))) & ANATOMY


def test_out_of_the_body_and_in_the_dark_nothing_else_is_due(fogged: FrameTruth) -> None:
    assert conditions(replace(fogged, events=Events(out_of_body=True))) == {22}
    assert conditions(replace(fogged, events=Events(low_light=0.9))) == {23}


def test_identified_tubes_and_a_complete_critical_view_leave_nothing_to_say(fogged: FrameTruth) -> None:
    known = replace(fogged, identified=('cystic_duct', 'cystic_artery'), critical_view=(1.0, 1.0, 1.0))
    assert not conditions(known) & {4, 5, 8}


def test_judgements_move_with_the_tissue_and_are_not_there_out_of_the_body() -> None:
    take = Take('rolled_view', 3, 640, 360)
    before, after = take.truth(0), take.truth(take.frames - 1)
    assert [zone.kind for zone in before.zones] == ['safe', 'no_go']
    assert before.landmarks['rouviere_sulcus'] != after.landmarks['rouviere_sulcus']
    outside = Take('out_of_body', 3, 640, 360).truth(90)
    assert not outside.zones
    assert not outside.landmarks


def test_the_operation_is_clipped_with_everything_identified() -> None:
    take = Take('operation', 4, 128, 72)
    clipped = next(index for index in range(take.frames) if take.moment(index).clips)
    moment = take.moment(clipped)
    assert moment.critical_view == (1.0, 1.0, 1.0)
    assert set(moment.identified) == {'cystic_duct', 'cystic_artery'}
    assert take.moment(0).critical_view == (0.0, 0.0, 0.0)
    assert not take.moment(0).identified
