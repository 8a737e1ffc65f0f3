"""What the surgeon gets, frame by frame, in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from advice_scenes import (
    ARTERY,
    BOWEL,
    FRAME_NS,
    START_NS,
    blurred,
    calm,
    condition,
    frame_of,
    hook_near_bowel,
    played,
    raised,
    scene,
    tool,
)  # fmt: skip
from advice_scripts import SCRIPTS

from surgical_guidance.advice.rules import RuleTable
from surgical_guidance.advice.suggestion import Priority, Response, Status, Suggestion
from surgical_guidance.advice.synthesiser import REFRESH_NS, Synthesiser
from surgical_guidance.clock import NS_PER_MS, NS_PER_S
from surgical_guidance.scene.state import NAN, Energy

LIMIT_NS = 100 * NS_PER_MS
LATENCY_NS = 40 * NS_PER_MS


@pytest.mark.parametrize('rule_id', SCRIPTS)
def test_each_rule_speaks_at_the_right_frame_in_both_languages_and_falls_silent(
    synthesiser: Synthesiser, table: RuleTable, rule_id: str
) -> None:
    rules = {rule.id: rule for rule in table.rules}
    make, speaks_at, zh, en = SCRIPTS[rule_id]
    sent = played(synthesiser, [*calm(range(30)), *map(make, range(30, 150)), *calm(range(150, 210))])
    first = next(suggestion for suggestion in sent if suggestion.status is Status.VALID)
    assert raised(sent) == [rule_id]
    assert abs(frame_of(first) - speaks_at) <= 1
    assert bool(first.highlight_path) == (rule_id == 'target_too_small')
    assert bool(first.highlight_arrow) == bool(rules[rule_id].highlight.arrow)
    assert (first.text_zh, first.text_en) == (zh, en)
    assert first.evidence
    assert first.raised_at_ns == first.stamp_ns
    assert first.valid_until_ns == first.stamp_ns + 2 * NS_PER_S
    (withdrawn,) = [suggestion for suggestion in sent if suggestion.status is Status.WITHDRAWN]
    assert (withdrawn.sequence, withdrawn.reason) == (first.sequence, 'its cause is gone')
    assert 150 <= frame_of(withdrawn) <= 150 + 17
    assert sent[-1].status is Status.NONE


def test_every_rule_of_the_table_has_such_a_script(table) -> None:
    assert {rule.id for rule in table.rules} == set(SCRIPTS)


def test_evidence_highlight_and_frame_are_told(synthesiser: Synthesiser) -> None:
    sent = played(synthesiser, hook_near_bowel(range(30), mm=6.4, sigma=0.4))
    first = next(suggestion for suggestion in sent if suggestion.status is Status.VALID)
    (evidence,) = first.evidence
    assert (evidence.name, evidence.unit) == (f'energised.{BOWEL}.distance_mm', 'mm')
    assert (evidence.value, evidence.sigma) == (6.4, 0.4)
    assert (first.priority, first.highlight_class) == (Priority.HIGH, BOWEL)
    assert first.frame_sequence == frame_of(first) + 1
    assert [stage.stage for stage in first.stages] == ['inference', 'scene']


@pytest.mark.parametrize(
    ('distance', 'en'),
    [
        ({'mm': 8.0, 'sigma': 3.0}, 'Stop energy; bowel very close. Raise the angle.'),
        ({'mm': 0.0, 'sigma': 0.4}, 'Stop energy; bowel very close. Raise the angle.'),
        ({'mm': NAN, 'sigma': NAN, 'share': 0.05}, 'Stop energy; bowel close. Raise the angle.'),
    ],
)
def test_where_the_number_is_not_good_there_is_none(synthesiser: Synthesiser, distance: dict, en: str) -> None:
    sent = played(synthesiser, hook_near_bowel(range(30), **distance))
    assert sent[-1].text_en == en


def test_an_uncertain_distance_warns_earlier(synthesiser: Synthesiser) -> None:
    assert raised(played(synthesiser, hook_near_bowel(range(30), mm=12.0, sigma=0.5))) == []
    assert raised(played(synthesiser, hook_near_bowel(range(30, 60), mm=12.0, sigma=1.5))) == ['hook_near_bowel']


def test_a_number_that_is_no_longer_good_goes_at_once_and_a_good_one_changes_calmly(synthesiser: Synthesiser) -> None:
    scenes = (
        hook_near_bowel(range(20)) + hook_near_bowel(range(20, 25), mm=5.0) + hook_near_bowel(range(25, 40), mm=4.0)
    )
    texts = [suggestion.text_en for suggestion in played(synthesiser, scenes) if suggestion.sequence]
    changes = [text for text, before in zip(texts, ['', *texts], strict=False) if text != before]
    assert len(changes) == 2  # 5 mm came and went within the half second
    sent = played(synthesiser, hook_near_bowel(range(40, 50), mm=4.0, sigma=2.0))
    assert 'very close' in sent[0].text_en


def test_before_the_first_good_scenes_it_is_withdrawn_and_never_calm(synthesiser: Synthesiser) -> None:
    (first,) = synthesiser.on_time(5)
    assert (first.status, first.reason, first.stamp_ns) == (Status.WITHDRAWN, 'no picture yet', 0)
    assert synthesiser.on_time(6) == []
    assert synthesiser.on_time(5 + REFRESH_NS) == [first]
    assert played(synthesiser, calm(range(2))) == []
    assert [suggestion.status for suggestion in played(synthesiser, calm(range(2, 3)))] == [Status.NONE]


def test_nothing_to_say_is_said_five_times_a_second(synthesiser: Synthesiser) -> None:
    sent = played(synthesiser, calm(range(90)))
    assert {suggestion.status for suggestion in sent} == {Status.NONE}
    assert 14 <= len(sent) <= 16
    assert all(suggestion.sequence == 0 and not suggestion.text_en for suggestion in sent)


def test_a_suggestion_keeps_its_identity_and_is_confirmed_five_times_a_second(synthesiser: Synthesiser) -> None:
    sent = [suggestion for suggestion in played(synthesiser, hook_near_bowel(range(93))) if suggestion.sequence]
    assert {suggestion.sequence for suggestion in sent} == {1}
    assert 14 <= len(sent) <= 17
    assert all(suggestion.valid_until_ns == suggestion.stamp_ns + 2 * NS_PER_S for suggestion in sent)


def shown_hook(synthesiser: Synthesiser, frames: int = 31) -> Suggestion:
    return played(synthesiser, hook_near_bowel(range(frames)))[-1]


def test_silence_interrupts_then_withdraws_at_their_due_times(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    last = START_NS + 30 * FRAME_NS
    due = last + LATENCY_NS + LIMIT_NS
    assert all(suggestion.status is Status.VALID for suggestion in synthesiser.on_time(due))
    (interrupted,) = synthesiser.on_time(due + 33)
    assert (interrupted.status, interrupted.interrupted_at_ns) == (Status.INTERRUPTED, due)
    assert (interrupted.sequence, interrupted.reason) == (1, 'no new frame')
    assert interrupted.stamp_ns == last
    assert interrupted.text_en.startswith('Stop energy')
    (withdrawn,) = synthesiser.on_time(last + 3 * NS_PER_S)
    assert (withdrawn.status, withdrawn.sequence) == (Status.WITHDRAWN, 1)
    assert withdrawn.valid_until_ns == last + 2 * NS_PER_S
    assert withdrawn.reason == 'not confirmed for 2 s: no new frame'
    assert synthesiser.on_time(last + 4 * NS_PER_S) == [withdrawn]


def test_scenes_that_are_not_valid_interrupt_like_silence_and_say_why(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    sent = played(synthesiser, [scene(frame, problem='the engine failed') for frame in range(31, 40)])
    (interrupted,) = [suggestion for suggestion in sent if suggestion.status is Status.INTERRUPTED]
    assert interrupted.reason == 'the engine failed'
    assert interrupted.interrupted_at_ns == START_NS + 30 * FRAME_NS + LATENCY_NS + LIMIT_NS


def test_calm_is_interrupted_too(synthesiser: Synthesiser) -> None:
    played(synthesiser, calm(range(30)))
    (interrupted,) = synthesiser.on_time(START_NS + 2 * NS_PER_S)
    assert (interrupted.status, interrupted.sequence) == (Status.INTERRUPTED, 0)
    assert interrupted.text_zh == '信号中断，暂无指导'
    (withdrawn,) = synthesiser.on_time(START_NS + 9 * NS_PER_S)
    assert (withdrawn.status, withdrawn.text_en) == (Status.WITHDRAWN, 'No guidance.')


def test_one_lost_frame_interrupts_nothing(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    sent = played(synthesiser, hook_near_bowel(range(33, 60)))
    assert {suggestion.status for suggestion in sent} == {Status.VALID}


@pytest.mark.parametrize('every', [3, 6, 15, 30])
def test_scenes_that_come_seldom_are_waited_for_three_of_their_intervals(synthesiser: Synthesiser, every: int) -> None:
    sent = played(synthesiser, [scene(every * n, near=[(BOWEL, 6.0, 0.4)]) for n in range(12)])
    assert Status.INTERRUPTED not in {suggestion.status for suggestion in sent}
    assert raised(sent) == ['hook_near_bowel']


def test_recovery_needs_three_good_frames_and_keeps_the_suggestion(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    assert [one.status for one in played(synthesiser, hook_near_bowel(range(36, 38)))] == [Status.INTERRUPTED]
    (back,) = played(synthesiser, hook_near_bowel(range(38, 39)))
    assert (back.status, back.sequence, back.interrupted_at_ns, back.reason) == (Status.VALID, 1, 0, '')


def test_a_bad_frame_during_recovery_starts_it_anew(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    played(synthesiser, [*hook_near_bowel(range(36, 38)), scene(38, problem='x')])
    assert played(synthesiser, hook_near_bowel(range(39, 41))) == []
    assert played(synthesiser, hook_near_bowel(range(41, 42)))[0].status is Status.VALID


def test_after_a_withdrawal_the_same_cause_is_a_new_suggestion(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    sent = played(synthesiser, hook_near_bowel(range(150, 190)))
    assert raised(sent) == ['hook_near_bowel']
    assert {one.sequence for one in sent if one.status is Status.VALID} == {2}


def test_a_scene_that_comes_too_late_is_not_advised_on(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    sent = played(synthesiser, hook_near_bowel(range(31, 60), latency_ms=600.0))
    assert [one.status for one in sent] == [Status.INTERRUPTED]
    assert 'came 0.' in sent[0].reason or sent[0].reason == 'no new frame'


def test_a_steady_latency_interrupts_nothing(synthesiser: Synthesiser) -> None:
    sent = played(synthesiser, hook_near_bowel(range(60), latency_ms=300.0))
    assert {one.status for one in sent} <= {Status.NONE, Status.VALID}


def test_a_jump_back_in_time_begins_anew(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    sent = played(synthesiser, hook_near_bowel(range(10)))
    assert (sent[0].status, sent[0].sequence, sent[0].reason) == (Status.WITHDRAWN, 1, 'time went backwards')
    assert next(one.sequence for one in sent if one.status is Status.VALID) == 2


def test_a_jump_back_in_time_ends_what_was_silenced_and_what_was_counted(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    synthesiser.respond(1, Response.REJECT, 'surgeon', now_at(30))
    on = [replace(one, energy=Energy.ON) for one in calm(range(31, 100))]
    again = [replace(one, energy=Energy.ON) for one in calm(range(98, 160))]
    assert raised(played(synthesiser, [*on, *again])) == []  # on for more than 3 s, but not since time began
    assert raised(played(synthesiser, hook_near_bowel(range(10)))) == ['hook_near_bowel']


def test_a_jump_back_in_time_ends_how_long_one_was_shown_and_how_often_scenes_came(synthesiser: Synthesiser) -> None:
    aside = [scene(frame, tools=[tool(x=300.0)]) for frame in range(1000, 1400, 6)]
    assert raised(played(synthesiser, aside)) == ['tools_off_centre']
    again = [scene(frame, tools=[tool(x=300.0)]) for frame in range(40)]
    smoke = [scene(frame, tools=[tool(x=300.0)], conditions=(condition('smoke'),)) for frame in range(40, 90)]
    assert raised(played(synthesiser, [*again, *smoke])) == ['tools_off_centre', 'smoke']
    played(synthesiser, aside[:12])
    played(synthesiser, calm(range(5)))
    (interrupted, _) = synthesiser.on_time(now_at(100))
    assert interrupted.interrupted_at_ns - now_at(4) == pytest.approx(LIMIT_NS, abs=NS_PER_MS)


def test_a_scene_that_comes_twice_makes_nobody_impatient(synthesiser: Synthesiser) -> None:
    played(synthesiser, [one for frame in range(0, 72, 6) for one in calm([frame, frame])])
    assert {one.status for one in synthesiser.on_time(now_at(66) + 500 * NS_PER_MS)} == {Status.NONE}


def test_scenes_that_come_once_a_second_are_missed_after_a_second_and_a_half(synthesiser: Synthesiser) -> None:
    played(synthesiser, calm(range(0, 270, 30)))
    (interrupted, _) = synthesiser.on_time(now_at(400))
    assert interrupted.status is Status.INTERRUPTED
    assert interrupted.interrupted_at_ns - now_at(240) == 3 * NS_PER_S // 2


def test_after_a_gap_what_was_rejected_stays_silent(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    synthesiser.respond(1, Response.REJECT, 'surgeon', now_at(30))
    assert raised(played(synthesiser, hook_near_bowel(range(200, 260)))) == []


def test_after_a_gap_what_was_held_is_forgotten(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    after = played(synthesiser, [scene(frame, tools=[]) for frame in range(200, 260)])
    assert 'energy_tool_left_view' not in raised(after)


def test_anatomy_is_silent_while_the_picture_is_blurred(synthesiser: Synthesiser) -> None:
    sent = played(synthesiser, hook_near_bowel(range(60)) + blurred(hook_near_bowel(range(60, 150))))
    assert raised(sent) == ['hook_near_bowel', 'blur']
    (withdrawn,) = [one for one in sent if one.status is Status.WITHDRAWN]
    assert withdrawn.reason == 'suppressed by blur'


def test_a_high_one_interrupts_a_low_one_in_its_own_frame(synthesiser: Synthesiser) -> None:
    off = [scene(frame, tools=[tool(x=300.0)]) for frame in range(33)]
    near = [scene(frame, tools=[tool(x=300.0)], near=[(ARTERY, 2.0, 0.3)]) for frame in range(33, 50)]
    sent = played(synthesiser, off + near)
    assert raised(sent) == ['tools_off_centre', 'suspected_artery_near']
    ended = next(one for one in sent if one.status is Status.WITHDRAWN)
    assert ended.reason == 'replaced by suspected_artery_near'
    assert sent[sent.index(ended) + 1].stamp_ns == ended.stamp_ns == START_NS + 36 * FRAME_NS


def test_a_high_one_whose_cause_is_gone_is_not_told_to_be_replaced_by_the_low_one_that_waited(
    synthesiser: Synthesiser,
) -> None:
    aside = [tool(x=300.0)]
    near = [scene(frame, tools=aside, near=[(ARTERY, 2.0, 0.3)]) for frame in range(60)]
    sent = played(synthesiser, [*near, *(scene(frame, tools=aside) for frame in range(60, 100))])
    assert raised(sent) == ['suspected_artery_near', 'tools_off_centre']
    (ended,) = [one for one in sent if one.status is Status.WITHDRAWN]
    assert ended.reason == 'its cause is gone'


def now_at(frame: int) -> int:
    return START_NS + frame * FRAME_NS + LATENCY_NS


@pytest.mark.parametrize(('response', 'silent_s'), [(Response.REJECT, 20.0), (Response.NOT_NOW, 0.5)])
def test_a_declined_suggestion_goes_at_once_and_its_rule_is_silent_as_configured(
    synthesiser: Synthesiser, response: Response, silent_s: float
) -> None:
    shown_hook(synthesiser)
    answer = synthesiser.respond(1, response, 'surgeon', now_at(30))
    assert answer.success
    assert [(one.status, one.sequence) for one in answer.suggestions] == [(Status.WITHDRAWN, 1)]
    assert 'surgeon' in answer.suggestions[0].reason
    sent = played(synthesiser, hook_near_bowel(range(31, 31 + 21 * 30)))
    assert sent[0].status is Status.NONE
    again = next(one for one in sent if one.status is Status.VALID)
    assert again.sequence == 2
    assert again.stamp_ns - now_at(30) == pytest.approx(silent_s * NS_PER_S, abs=FRAME_NS)


def test_an_accepted_suggestion_stays_while_its_cause_does(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    answer = synthesiser.respond(1, Response.ACCEPT, 'surgeon', now_at(30))
    assert (answer.success, answer.suggestions) == (True, ())
    assert {one.sequence for one in played(synthesiser, hook_near_bowel(range(31, 60)))} == {1}


@pytest.mark.parametrize(('sequence', 'response'), [(2, 0), (0, 1), (1, 7)])
def test_a_response_to_nothing_is_refused(synthesiser: Synthesiser, sequence: int, response: int) -> None:
    shown_hook(synthesiser)
    answer = synthesiser.respond(sequence, response, 'surgeon', now_at(30))
    assert not answer.success
    assert answer.message
    assert answer.suggestions == ()


def test_what_is_shown_goes_with_its_rule_when_the_table_has_it_no_more(
    synthesiser: Synthesiser, table: RuleTable
) -> None:
    shown_hook(synthesiser)
    kept = [rule for rule in table.rules if rule.id != 'hook_near_bowel']
    (ended,) = synthesiser.replace_rules(table.model_copy(update={'rules': kept}), now_at(30))
    assert (ended.status, ended.sequence, ended.reason) == (Status.WITHDRAWN, 1, 'its rule was taken out of the table')
    assert raised(played(synthesiser, hook_near_bowel(range(31, 60)))) == []


def test_a_failure_interrupts_at_once_and_good_scenes_bring_it_back(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    (interrupted,) = synthesiser.fail('advice failed', now_at(30))
    assert (interrupted.status, interrupted.reason) == (Status.INTERRUPTED, 'advice failed')
    assert synthesiser.fail('advice failed', now_at(31)) == []
    assert played(synthesiser, hook_near_bowel(range(31, 34)))[-1].status is Status.VALID


def test_at_the_end_it_is_withdrawn(synthesiser: Synthesiser) -> None:
    shown_hook(synthesiser)
    (withdrawn,) = synthesiser.end('advice was stopped', now_at(31))
    assert (withdrawn.status, withdrawn.reason) == (Status.WITHDRAWN, 'advice was stopped')


def test_repeats_are_the_same_and_never_outlive_their_validity(synthesiser: Synthesiser) -> None:
    last = shown_hook(synthesiser)
    ready = last.stamp_ns + LATENCY_NS
    assert synthesiser.on_time(ready + 10) == []
    repeats = [one for step in range(12) for one in synthesiser.on_time(ready + step * NS_PER_S // 4)]
    assert Status.VALID not in {one.status for one in repeats}  # the interruption came first
    assert len(repeats) == 11
    assert len(set(repeats)) == 2
    outlived = next(step for step, one in enumerate(repeats) if one.status is Status.WITHDRAWN)
    assert ready + outlived * NS_PER_S // 4 < repeats[-1].valid_until_ns <= ready + (outlived + 1) * NS_PER_S // 4


def test_a_repeat_is_not_sent_when_its_own_validity_is_over_though_that_of_its_confirmation_is_not(table) -> None:
    short = table.model_copy(
        update={'rules': [rule.model_copy(update={'valid_for_s': 1.0, 'hold_s': 0.0}) for rule in table.rules]}
    )
    synthesiser = Synthesiser(short)
    slow = [
        replace(scene(5 * n, near=[(BOWEL, 6.0, 0.4)], latency_ms=480.0), sequence=n + 1) for n in range(12)
    ]  # 6 Hz: every second frame is sent
    sent, last = played(synthesiser, slow), slow[-1]
    if sent[-1].stamp_ns == last.stamp_ns:
        last = slow.pop()
        synthesiser = Synthesiser(short)
        sent, last = played(synthesiser, slow), slow[-1]
    assert sent[-1].valid_until_ns < last.stamp_ns + NS_PER_S
    assert synthesiser.on_time(sent[-1].valid_until_ns + NS_PER_MS) == []
