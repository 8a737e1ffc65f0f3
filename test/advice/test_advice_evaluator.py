"""Rules over time, and which of them is shown."""

from __future__ import annotations

import pytest
from advice_scenes import ARTERY, BOWEL, scene, tool

from surgical_guidance.advice.arbiter import Arbiter
from surgical_guidance.advice.evaluator import Candidate, Evaluator
from surgical_guidance.advice.feature import Found
from surgical_guidance.advice.features import NAMES, FeatureExtractor
from surgical_guidance.advice.rules import RuleTable, parse
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.scene.state import Energy

RULE = """\
  - id: {id}
    source: '[I]'
    priority: {priority}
    when: view.{feature} < 10 {more}
    stays: view.{feature} < 12 {more}
    phases: {phases}
    hold_s: 0.2
    release_s: 0.3
    cooldown_s: 1.0
    silence_s: 5.0
    valid_for_s: 2.0
    suppressed_by: {suppressed_by}
    text: {{zh: 一, en: one}}
"""


def rule(
    name: str = 'one',
    priority: str = 'low',
    feature: str = 'sharpness',
    more: str = '',
    suppressed_by: str = '[]',
    phases: str = '[]',
) -> str:
    return RULE.format(
        id=name, priority=priority, feature=feature, more=more, suppressed_by=suppressed_by, phases=phases
    )


def table_of(*rules: str) -> RuleTable:
    return parse('rules:\n' + ''.join(rules), 'test')


def view(**levels: float) -> Found:
    found = Found(NAMES)
    for name, level in levels.items():
        found.number(f'view.{name}', level)
    return found


def ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def speaking(evaluator: Evaluator, seconds: float, **features: float) -> list[str]:
    return [candidate.rule.id for candidate in evaluator.step(ns(seconds), view(**features))]


def test_a_rule_speaks_when_its_condition_has_held_and_not_before() -> None:
    evaluator = Evaluator(table_of(rule()))
    assert speaking(evaluator, 0.0, sharpness=5) == []
    assert speaking(evaluator, 0.19, sharpness=5) == []
    assert speaking(evaluator, 0.2, sharpness=5) == ['one']


def test_a_hold_that_is_broken_begins_anew() -> None:
    evaluator = Evaluator(table_of(rule()))
    speaking(evaluator, 0.0, sharpness=5)
    speaking(evaluator, 0.1, sharpness=11)
    assert speaking(evaluator, 0.25, sharpness=5) == []
    assert speaking(evaluator, 0.45, sharpness=5) == ['one']


def spoken() -> Evaluator:
    evaluator = Evaluator(table_of(rule()))
    for seconds in (0.0, 0.2):
        speaking(evaluator, seconds, sharpness=5)
    return evaluator


def test_between_the_limit_and_the_release_it_goes_on() -> None:
    evaluator = spoken()
    for step in range(20):
        assert speaking(evaluator, 0.3 + 0.1 * step, sharpness=11.9) == ['one']


def test_it_falls_silent_when_released_long_enough_and_rests_for_its_cooldown() -> None:
    evaluator = spoken()
    assert speaking(evaluator, 0.3, sharpness=13) == ['one']
    assert speaking(evaluator, 0.5, sharpness=11) == ['one']  # held again: the release begins anew
    assert speaking(evaluator, 0.6, sharpness=13) == ['one']
    assert speaking(evaluator, 0.9, sharpness=13) == []
    assert speaking(evaluator, 1.0, sharpness=5) == []
    assert speaking(evaluator, 1.89, sharpness=5) == []
    assert speaking(evaluator, 1.9, sharpness=5) == ['one']


def test_a_rule_that_rested_while_its_cause_lasted_does_not_begin_when_the_cause_is_gone() -> None:
    evaluator = Evaluator(table_of(rule()))
    for step in range(4):
        speaking(evaluator, 0.1 * step, sharpness=5.0)
    evaluator.decline('one', ns(1.0))
    while_it_lasts = [speaking(evaluator, 0.1 * step, sharpness=5.0) for step in range(4, 10)]
    after = [speaking(evaluator, 0.1 * step, sharpness=50.0) for step in range(10, 14)]
    assert not any(while_it_lasts + after)


def test_what_is_not_known_does_not_hold() -> None:
    evaluator = spoken()
    assert speaking(evaluator, 0.3) == ['one']
    assert speaking(evaluator, 0.6) == []


def test_what_stands_after_or_is_used_while_the_first_feature_is_not_known() -> None:
    evaluator = Evaluator(table_of(rule(more='or (unknown(view.sharpness) and view.brightness > 0.9)')))
    assert speaking(evaluator, 0.0, brightness=0.95) == []
    assert speaking(evaluator, 0.2, brightness=0.95) == ['one']
    assert speaking(evaluator, 0.3, brightness=0.85, sharpness=11) == ['one']
    assert speaking(evaluator, 0.4, brightness=0.95, sharpness=20) == ['one']
    assert speaking(evaluator, 0.7, brightness=0.95, sharpness=20) == []


@pytest.mark.parametrize(
    ('phases', 'phase', 'speaks'),
    [
        ('[]', '', True),
        ('[]', 'Preparation', True),
        ('[Preparation]', 'Preparation', True),
        ('[Preparation]', 'ClippingCutting', False),
        ('[Preparation]', '', False),
        ('[Preparation, unknown]', '', True),
    ],
)
def test_a_rule_holds_in_its_phases_alone(phases: str, phase: str, speaks: bool) -> None:
    evaluator = Evaluator(table_of(rule(phases=phases)))
    for seconds in (0.0, 0.2):
        spoken = evaluator.step(ns(seconds), view(sharpness=5), phase)
    assert bool(spoken) is speaks


def test_nothing_new_begins_while_what_suppresses_it_is_about_to_hold_but_what_speaks_goes_on() -> None:
    evaluator = Evaluator(table_of(rule('one', suppressed_by='[two]'), rule('two', feature='brightness')))
    speaking(evaluator, 0.0, sharpness=5)
    assert speaking(evaluator, 0.2, sharpness=5, brightness=5) == []
    assert speaking(evaluator, 0.3, sharpness=5, brightness=50) == ['one']
    assert speaking(evaluator, 0.35, sharpness=5, brightness=5) == ['one']
    assert speaking(evaluator, 0.55, sharpness=5, brightness=5) == ['two']


def test_another_table_keeps_what_holds_and_is_silenced_of_the_rules_in_both() -> None:
    evaluator = Evaluator(table_of(rule('one'), rule('two'), rule('gone')))
    for seconds in (0.0, 0.2):
        speaking(evaluator, seconds, sharpness=5)
    evaluator.decline('two', ns(9.0))
    evaluator.replace(table_of(rule('two'), rule('one'), rule('new')))
    assert speaking(evaluator, 0.3, sharpness=11) == ['one']
    speaking(evaluator, 0.4, sharpness=5)
    assert speaking(evaluator, 0.6, sharpness=5) == ['one', 'new']
    assert speaking(evaluator, 9.0, sharpness=5) == ['two', 'one', 'new']


def test_a_suppressed_rule_is_silent_as_long_as_the_other_holds_even_if_that_one_is_silenced_itself() -> None:
    evaluator = Evaluator(table_of(rule('one', suppressed_by='[two]'), rule('two', feature='brightness')))
    for seconds in (0.0, 0.2):
        speaking(evaluator, seconds, sharpness=5, brightness=50)
    speaking(evaluator, 0.3, sharpness=5, brightness=5)
    assert speaking(evaluator, 0.5, sharpness=5, brightness=5) == ['two']
    assert evaluator.why_silent('one') == 'suppressed by two'
    evaluator.decline('two', ns(100))
    assert speaking(evaluator, 0.6, sharpness=5, brightness=5) == []
    speaking(evaluator, 0.7, sharpness=5, brightness=50)
    assert speaking(evaluator, 1.0, sharpness=5, brightness=50) == ['one']  # at once: it held all the time


def test_a_declined_rule_is_silent_until_its_time_though_its_cause_lasts() -> None:
    evaluator = spoken()
    evaluator.decline('one', ns(3.0))
    assert speaking(evaluator, 2.9, sharpness=5) == []
    assert speaking(evaluator, 3.0, sharpness=5) == ['one']


@pytest.mark.parametrize('forget_quiet', [True, False])
def test_a_reset_forgets_what_held_and_on_demand_the_silences(forget_quiet: bool) -> None:
    evaluator = spoken()
    evaluator.decline('one', ns(10.0))
    evaluator.reset(forget_quiet=forget_quiet)
    assert speaking(evaluator, 1.0, sharpness=11) == []
    speaking(evaluator, 1.1, sharpness=5)
    assert speaking(evaluator, 1.3, sharpness=5) == (['one'] if forget_quiet else [])


def test_a_condition_on_millimetres_is_tested_two_sigma_below_and_shown_as_measured(table: RuleTable) -> None:
    extractor = FeatureExtractor(table.features())
    name = f'energised.{BOWEL}.distance_mm'
    found = extractor.extract(scene(0, near=[(BOWEL, 12.0, 1.5)]))[name]
    assert (found.value, found.sigma, found.bound, found.unit) == (12.0, 1.5, 9.0, 'mm')


def test_the_nearest_part_counts_by_what_it_may_well_be(table: RuleTable) -> None:
    found = FeatureExtractor(table.features()).extract(scene(0, near=[(BOWEL, 6.0, 0.1), (BOWEL, 8.0, 2.0)]))
    assert found[f'energised.{BOWEL}.distance_mm'].value == 8.0


def test_a_hook_that_is_known_to_be_off_is_not_energised_but_still_a_tool(table: RuleTable) -> None:
    off = scene(0, near=[(BOWEL, 5.0, 0.4), (ARTERY, 5.0, 0.4)], tools=[tool(energised=Energy.OFF)])
    found = FeatureExtractor(table.features()).extract(off)
    assert f'energised.{BOWEL}.distance_mm' not in found
    assert 'instrument.suspected_artery.distance_mm' in found


def test_the_energy_tool_is_missed_only_after_it_was_seen(table: RuleTable) -> None:
    extractor = FeatureExtractor(table.features())
    assert 'energy_tool.unseen_s' not in extractor.extract(scene(0, tools=[]))
    assert extractor.extract(scene(1))['energy_tool.unseen_s'].value == 0
    assert extractor.extract(scene(31, tools=[]))['energy_tool.unseen_s'].value == pytest.approx(1.0)
    extractor.forget()
    assert 'energy_tool.unseen_s' not in extractor.extract(scene(32, tools=[]))


def test_tools_are_where_their_tips_are(table: RuleTable) -> None:
    tools = [tool(x=200.0, y=100.0), tool('grasper', x=400.0, y=300.0)]
    found = FeatureExtractor(table.features()).extract(scene(0, tools=tools))['instruments.off_centre']
    assert (found.dx, found.dy) == pytest.approx((300 - 959.5, 200 - 539.5))
    assert found.value == pytest.approx((659.5**2 + 339.5**2) ** 0.5 / 1080)


def candidates(*spoken: tuple[str, str, float]) -> list[Candidate]:
    rules = table_of(*(rule(name, priority) for name, priority, _ in spoken)).rules
    return [Candidate(one, ns(since), (), None) for one, (_, _, since) in zip(rules, spoken, strict=True)]


def test_priority_decides_and_then_recency_and_then_the_table() -> None:
    for spoken, expected in (
        ([('a', 'low', 5.0), ('b', 'medium', 1.0)], 'b'),
        ([('a', 'low', 5.0), ('b', 'low', 1.0)], 'a'),
        ([('a', 'low', 5.0), ('b', 'low', 5.0)], 'a'),
        ([('a', 'high', 1.0), ('b', 'medium', 9.0), ('c', 'high', 2.0)], 'c'),
    ):
        chosen = Arbiter(1.5).choose(candidates(*spoken), ns(10))
        assert chosen is not None
        assert chosen.rule.id == expected


def test_a_high_one_interrupts_at_once_and_the_others_wait() -> None:
    arbiter = Arbiter(1.5)
    low, medium, high, second = candidates(
        ('a', 'low', 0.0), ('b', 'medium', 0.1), ('c', 'high', 0.2), ('d', 'high', 0.3)
    )
    assert arbiter.choose([low], ns(0.0)) is low
    assert arbiter.choose([low, medium], ns(1.4)) is low
    assert arbiter.choose([low, medium], ns(1.5)) is medium
    assert arbiter.choose([low, medium, high], ns(1.6)) is high
    assert arbiter.choose([low, medium, high, second], ns(1.7)) is high
    assert arbiter.choose([low, medium, high, second], ns(3.1)) is second
    assert arbiter.choose([low, medium], ns(3.2)) is medium
    assert arbiter.choose([], ns(3.3)) is None


def test_what_is_fading_stays_but_does_not_newly_appear() -> None:
    arbiter = Arbiter(0.0)
    low, medium = candidates(('a', 'low', 0.0), ('b', 'medium', 0.1))
    assert arbiter.choose([low._replace(fading=True)], 0) is None
    assert arbiter.choose([low], 1) is low
    assert arbiter.choose([low, medium._replace(fading=True)], 2) is low
    fading = low._replace(fading=True)
    assert arbiter.choose([fading], 3) is fading
