"""What models said holds for some frames, and no longer."""

from __future__ import annotations

import math

import pytest
from inference_helpers import told

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import ModelError
from surgical_guidance.inference.context import ContextKeeper, check_levels
from surgical_guidance.inference.readings import Choice, Choices, Levels
from surgical_guidance.scene.state import NOTHING_ELSE, Condition

PHASE = Choices({'phase': Choice('ClippingCutting', 0.9, {}), 'verb': Choice('clip', 0.7, {})})
VIEW = Levels({'smoke': 0.8, 'blur': 0.1}, frozenset({'smoke'}))
EVERY_HALF_SECOND = {'phase': 0.5, 'view': 0.1}


def at(seconds: float) -> int:
    return 1000 * NS_PER_S + round(seconds * NS_PER_S)


@pytest.fixture
def keeper() -> ContextKeeper:
    keeper = ContextKeeper()
    keeper.note('phase', at(0), PHASE)
    keeper.note('view', at(0), VIEW)
    return keeper


def test_phase_action_and_conditions_come_together(keeper: ContextKeeper) -> None:
    context = keeper.at(at(0), EVERY_HALF_SECOND)
    assert (context.phase, context.phase_probability) == ('ClippingCutting', 0.9)
    assert (context.action, context.action_probability) == ('clip', 0.7)
    assert context.conditions == (Condition('smoke', 0.8, active=True), Condition('blur', 0.1, active=False))


def test_what_was_said_holds_for_three_intervals_and_at_least_half_a_second(keeper: ContextKeeper) -> None:
    assert keeper.at(at(0.5), EVERY_HALF_SECOND).conditions
    late = keeper.at(at(0.51), EVERY_HALF_SECOND)
    assert (late.conditions, late.phase) == ((), 'ClippingCutting')
    assert keeper.at(at(1.5), EVERY_HALF_SECOND).phase == 'ClippingCutting'
    assert keeper.at(at(1.51), EVERY_HALF_SECOND) == NOTHING_ELSE


def test_nothing_holds_longer_than_a_model_remembers(keeper: ContextKeeper) -> None:
    assert keeper.at(at(5.0), {'phase': 60.0}).phase
    assert not keeper.at(at(5.1), {'phase': 60.0}).phase


def test_nothing_is_known_of_a_frame_before_it_was_said(keeper: ContextKeeper) -> None:
    assert keeper.at(at(-0.1), EVERY_HALF_SECOND) == NOTHING_ELSE


def test_another_scene_begins_with_nothing(keeper: ContextKeeper) -> None:
    keeper.clear()
    assert keeper.at(at(0), EVERY_HALF_SECOND) == NOTHING_ELSE


def test_two_models_may_tell_different_conditions(keeper: ContextKeeper) -> None:
    keeper.note('other', at(0), Levels({'bleeding': 0.9}, frozenset({'bleeding'})))
    assert [each.name for each in keeper.at(at(0), EVERY_HALF_SECOND).conditions] == ['smoke', 'blur', 'bleeding']


def test_the_criteria_of_the_critical_view_are_told_apart_from_conditions() -> None:
    keeper = ContextKeeper()
    keeper.note('view', at(0), Levels({'C1': 0.9, 'C3': 0.2}, frozenset({'C1'})))
    context = keeper.at(at(0), {})
    assert context.conditions == ()
    assert context.critical_view[0] == 0.9
    assert math.isnan(context.critical_view[1])
    assert context.critical_view[2] == 0.2


def test_a_condition_that_the_contract_does_not_know_is_refused_unless_it_is_mapped() -> None:
    heads = {'view': ['smoke', 'Blutung']}
    with pytest.raises(ModelError, match=r"heads\.view: 'Blutung' is not a condition.*class_map"):
        check_levels(told('multilabel', {'view': 'view'}, heads=heads))
    check_levels(told('multilabel', {'view': 'view'}, heads=heads, class_map={'Blutung': 'bleeding'}))
    check_levels(told('multilabel', {'view': 'view'}, heads=heads, class_map={'Blutung': ''}))
