"""Alive, often enough, valid: three facts, with limits from the contract's table."""

import math

import pytest

from surgical_guidance.contract import FRAME, HEARTBEAT, SCENE, STAGES, STATUS, SUGGESTION, TIMING, TOPICS
from surgical_guidance.watchdog.facts import (
    FRAME_PATH,
    FREQUENCY_SHARE,
    NOTICE_S,
    UNKNOWN_INTERVAL_S,
    WATCHED,
    Arrivals,
    Stage,
    StageState,
    silence_limit_s,
)

MS = 1_000_000
S = 1_000_000_000


def arrivals(topic, rate, seconds, start_ns=S):
    """Messages at a steady rate, the first at ``start_ns``."""
    made = Arrivals(topic)
    for number in range(round(rate * seconds) + 1):
        made.arrived(start_ns + int(number * S / rate))
    return made


def test_every_topic_of_a_stage_with_a_deadline_is_watched():
    assert WATCHED == (FRAME, SCENE, SUGGESTION, TIMING)
    assert all(topic in TOPICS and topic is not STATUS for topic in WATCHED)


def test_the_frame_path_is_every_stage_but_the_relay():
    assert frozenset(STAGES) - {'relay'} == FRAME_PATH


@pytest.mark.parametrize(
    ('rate', 'limit_s'),
    [(2.0, 1.5), (10.0, 0.3), (25.0, 0.12), (30.0, 0.1), (60.0, 0.1)],
)
def test_a_topic_that_comes_one_a_frame_may_be_silent_for_three_frames_or_a_tenth_of_a_second(rate, limit_s):
    for topic in (FRAME, SCENE, TIMING):
        assert silence_limit_s(topic, 1.0 / rate) == pytest.approx(limit_s - NOTICE_S)


def test_other_limits_come_from_the_deadline_or_else_from_the_rate():
    assert silence_limit_s(SUGGESTION, 0.03) == SUGGESTION.deadline
    assert silence_limit_s(HEARTBEAT, 0.03) == pytest.approx(5.0 / HEARTBEAT.rate)


def test_nothing_was_heard_of_a_topic_at_first():
    facts = Arrivals(FRAME).facts(S, 1 / 30, 30.0)
    assert not facts.heard
    assert not facts.alive
    assert math.isinf(facts.silent_s)
    assert facts.frequency_ok  # nothing is known of it yet


def test_a_topic_is_alive_until_its_silence_reaches_the_limit():
    frames = arrivals(FRAME, 30.0, 2.0)
    last_ns, due_ns = 3 * S, frames.due_ns(1 / 30)
    assert due_ns == last_ns + 90 * MS
    assert frames.facts(due_ns - 1, 1 / 30, 30.0).alive
    assert not frames.facts(due_ns, 1 / 30, 30.0).alive


@pytest.mark.parametrize('promised', [2.0, 25.0, 30.0, 60.0])
@pytest.mark.parametrize(('share', 'enough'), [(1.0, True), (0.9, True), (0.7, False), (0.5, False)])
def test_the_frequency_is_compared_with_what_the_source_promises(promised, share, enough):
    frames = arrivals(FRAME, promised * share, 12.0)
    facts = frames.facts(13 * S, 1 / promised, promised)
    assert facts.frequency_ok is enough
    assert facts.promised == promised
    assert facts.rate == pytest.approx(promised * share, abs=max(1.0, promised / 8))


def test_a_start_is_not_a_low_frequency():
    frames = arrivals(FRAME, 30.0, 0.1)
    assert frames.facts(S + 110 * MS, 1 / 30, 30.0).frequency_ok


def test_of_a_source_that_promises_nothing_no_frequency_is_asked():
    frames = arrivals(FRAME, 3.0, 5.0)
    assert frames.facts(6 * S, frames.usual_interval_s, 0.0).frequency_ok


def test_the_usual_interval_stands_in_for_a_rate_nobody_promised_and_a_pause_does_not_stretch_it():
    assert Arrivals(FRAME).usual_interval_s == UNKNOWN_INTERVAL_S
    frames = arrivals(FRAME, 20.0, 2.0)
    frames.arrived(10 * S)
    assert frames.usual_interval_s == pytest.approx(0.05)


def test_the_share_leaves_room_for_a_frame_or_two():
    assert FREQUENCY_SHARE * 30 < 28


def test_a_problem_counts_when_the_last_good_one_is_as_old_as_a_silence_may_be():
    scenes = Arrivals(SCENE)
    scenes.arrived(S)
    scenes.saw(S, '', patient=True)
    assert scenes.doubt_due_ns(1 / 30) is None
    scenes.arrived(S + 33 * MS)
    scenes.saw(S + 33 * MS, 'no model', patient=True)
    assert scenes.doubt_due_ns(1 / 30) == S + 90 * MS
    assert scenes.facts(S + 89 * MS, 1 / 30, 30.0).valid
    assert scenes.facts(S + 90 * MS, 1 / 30, 30.0).problem == 'no model'
    assert scenes.facts(S + 90 * MS, 1 / 30, 30.0).alive
    scenes.saw(S + 133 * MS, '', patient=True)
    assert scenes.facts(S + 133 * MS, 1 / 30, 30.0).valid


def test_what_was_never_good_is_borne_as_long():
    scenes = Arrivals(SCENE)
    scenes.saw(S, 'no model', patient=True)
    assert scenes.facts(S + 89 * MS, 1 / 30, 30.0).valid
    assert not scenes.facts(S + 90 * MS, 1 / 30, 30.0).valid


def beating(state=StageState.ACTIVE, *, pid=7, until_ns=S, grace_s=15.0):
    stage = Stage(grace_s)
    stage.beat(until_ns, pid, state, 'as usual', 3)
    return stage


def test_a_stage_at_work_is_alive_for_five_heartbeats():
    stage = beating()
    assert stage.due_ns() == S + 500 * MS
    assert stage.facts(S + 499 * MS).alive
    assert not stage.facts(S + 500 * MS).alive


@pytest.mark.parametrize('state', [StageState.UNCONFIGURED, StageState.INACTIVE])
def test_a_stage_that_loads_may_be_silent_for_the_grace_of_the_start(state):
    stage = beating(state, grace_s=15.0)
    assert stage.facts(S + 14 * S).alive
    assert not stage.facts(S + 15 * S).alive
    assert stage.due_ns() == S + 15 * S


@pytest.mark.parametrize('state', [StageState.ERROR, StageState.FAILED])
def test_a_stage_that_cannot_work_is_not_valid(state):
    assert not beating(state).facts(S).valid
    assert beating(StageState.ACTIVE).facts(S).valid


def test_a_stage_is_gone_with_its_process_whatever_is_still_on_the_way():
    stage = beating(pid=7)
    stage.process_ended(S + 10 * MS)
    stage.beat(S + 20 * MS, 7, StageState.ACTIVE, '', 4)
    facts = stage.facts(S + 20 * MS)
    assert facts.ended
    assert not facts.alive
    assert stage.due_ns() is None


def test_a_stage_that_was_started_again_is_alive():
    stage = beating(pid=7)
    stage.process_ended(S + 10 * MS)
    stage.beat(S + 20 * MS, 8, StageState.UNCONFIGURED, '', 0)
    facts = stage.facts(S + 20 * MS)
    assert facts.alive
    assert not facts.ended
    assert not facts.dismissed


def test_a_process_of_the_same_number_on_another_host_is_not_the_stage():
    stage = beating(pid=7)
    stage.process_ended(S + 10 * MS)
    stage.beat(S + 600 * MS, 7, StageState.ACTIVE, '', 4)
    assert stage.facts(S + 600 * MS).alive


@pytest.mark.parametrize('last_word', [StageState.UNCONFIGURED, StageState.FINISHED])
def test_a_stage_that_said_good_bye_was_taken_down_in_good_order(last_word):
    stage = beating(StageState.ACTIVE)
    stage.beat(S + 10 * MS, 7, last_word, '', 3)
    stage.process_ended(S + 20 * MS)
    assert stage.facts(S + 20 * MS).dismissed


def test_a_stage_that_dies_while_it_loads_was_not_taken_down():
    stage = beating(StageState.UNCONFIGURED)
    stage.process_ended(S + 20 * MS)
    assert not stage.facts(S + 20 * MS).dismissed
