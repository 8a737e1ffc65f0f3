"""Alarms latch, are acknowledged by somebody, and are counted; the table has all its words."""

import re
from pathlib import Path

import pytest
from surgical_guidance_msgs.msg import Alarm as AlarmMessage

from surgical_guidance.contract import STAGES
from surgical_guidance.watchdog.alarm_table import (
    LATENCY_WARNING,
    LOW_FRAME_RATE,
    OVER_BUDGET,
    STAGE_LOST,
    Priority,
    alarm_table,
    stage_alarm,
)
from surgical_guidance.watchdog.alarms import AlarmList, Event
from surgical_guidance.watchdog.messages import alarm_message

S = 1_000_000_000
TABLE = alarm_table(STAGES)
STAGE_GONE = stage_alarm(STAGE_LOST, 'relay')


@pytest.fixture
def alarms():
    return AlarmList(TABLE)


def events(changes):
    return [(change.event, change.alarm.definition.id) for change in changes]


@pytest.mark.parametrize('definition', TABLE.values(), ids=TABLE)
def test_every_alarm_has_words_in_both_languages(definition):
    assert re.search('[\u4e00-\u9fff]', definition.text_zh)
    assert re.search('[A-Za-z]', definition.text_en)
    assert not re.search('[\u4e00-\u9fff]', definition.text_en)
    assert '{' not in definition.text_zh + definition.text_en


def test_no_two_alarms_have_the_same_words():
    assert len({d.text_zh for d in TABLE.values()}) == len(TABLE) == len({d.text_en for d in TABLE.values()})


def test_the_more_urgent_an_alarm_the_sooner_it_is_raised():
    longest = {p: max(d.raise_after_s for d in TABLE.values() if d.priority is p) for p in Priority}
    assert longest[Priority.HIGH] <= 0.2
    assert min(longest[Priority.MEDIUM], longest[Priority.LOW]) >= 1.0


@pytest.mark.parametrize('alarm', [OVER_BUDGET, *(stage_alarm(STAGE_LOST, stage) for stage in STAGES)])
def test_what_is_certain_is_raised_at_once(alarm):
    assert TABLE[alarm].raise_after_s == 0.0


def test_the_priorities_are_those_of_the_message():
    assert {p.name: p.value for p in Priority} == {
        name: getattr(AlarmMessage, f'PRIORITY_{name}') for name in ('LOW', 'MEDIUM', 'HIGH')
    }


def test_a_high_alarm_is_raised_at_once(alarms):
    assert events(alarms.update({STAGE_GONE: 'it ended'}, S, 50)) == [(Event.RAISED, STAGE_GONE)]
    [alarm] = alarms.standing
    assert (alarm.active, alarm.acknowledged, alarm.raised_ns, alarm.detail, alarm.count) == (
        True, False, 50, 'it ended', 1,
    )  # fmt: skip


def test_nothing_happens_while_a_condition_only_lasts(alarms):
    alarms.update({STAGE_GONE: 'silent for 0.5 s'}, S, 50)
    assert alarms.update({STAGE_GONE: 'silent for 9.9 s'}, 9 * S, 99) == []
    assert alarms.standing[0].detail == 'silent for 0.5 s'


def test_a_lesser_alarm_waits_for_its_condition_to_last(alarms):
    delay_ns = int(TABLE[LOW_FRAME_RATE].raise_after_s * S)
    assert alarms.update({LOW_FRAME_RATE: '12'}, S, 1) == []
    assert alarms.update({LOW_FRAME_RATE: '12'}, S + delay_ns - 1, 2) == []
    assert alarms.update({}, S + delay_ns, 3) == []  # it was gone for a moment: the wait begins anew
    assert alarms.update({LOW_FRAME_RATE: '12'}, 2 * S + delay_ns, 4) == []
    assert events(alarms.update({LOW_FRAME_RATE: '12'}, 2 * S + 2 * delay_ns, 5)) == [(Event.RAISED, LOW_FRAME_RATE)]


def clear(alarms, alarm_id, now_ns, stamp_ns):
    assert alarms.update({}, now_ns, stamp_ns) == []
    return alarms.update({}, now_ns + int(TABLE[alarm_id].clear_after_s * S), stamp_ns)


def test_an_alarm_that_nobody_has_seen_outlasts_its_condition(alarms):
    alarms.update({STAGE_GONE: ''}, S, 50)
    assert events(clear(alarms, STAGE_GONE, 2 * S, 60)) == [(Event.CLEARED, STAGE_GONE)]
    [alarm] = alarms.standing
    assert (alarm.active, alarm.acknowledged, alarm.cleared_ns) == (False, False, 60)
    changes = alarms.acknowledge(STAGE_GONE, 'Dr Li', 70)
    assert events(changes) == [(Event.ACKNOWLEDGED, STAGE_GONE)]
    assert alarms.standing == ()


def test_an_acknowledged_alarm_lasts_as_long_as_its_condition(alarms):
    alarms.update({STAGE_GONE: ''}, S, 50)
    [change] = alarms.acknowledge(STAGE_GONE, 'Dr Li', 70)
    assert (change.alarm.acknowledged_by, change.alarm.acknowledged_ns) == ('Dr Li', 70)
    assert alarms.standing[0].active
    assert events(clear(alarms, STAGE_GONE, 2 * S, 80)) == [(Event.CLEARED, STAGE_GONE)]
    assert alarms.standing == ()


def test_a_condition_that_comes_and_goes_is_one_alarm(alarms):
    alarms.update({STAGE_GONE: ''}, S, 1)
    for step in range(20):
        assert alarms.update({STAGE_GONE: ''} if step % 2 else {}, S + step * S // 10, 1) == []


def test_an_alarm_that_returns_is_counted_and_must_be_seen_anew(alarms):
    alarms.update({STAGE_GONE: 'first'}, S, 50)
    alarms.acknowledge(STAGE_GONE, 'Dr Li', 60)
    clear(alarms, STAGE_GONE, 2 * S, 70)
    alarms.update({STAGE_GONE: 'second'}, 9 * S, 80)
    [alarm] = alarms.standing
    assert (alarm.count, alarm.acknowledged, alarm.raised_ns, alarm.detail) == (2, False, 80, 'second')


def test_acknowledging_nothing_in_particular_means_all(alarms):
    alarms.update({STAGE_GONE: '', OVER_BUDGET: ''}, S, 1)
    changes = alarms.acknowledge('', 'Dr Li', 2)
    assert {change.alarm.definition.id for change in changes} == {STAGE_GONE, OVER_BUDGET}
    assert alarms.acknowledge('', 'Dr Wu', 3) == []  # the first to acknowledge stays in the record
    assert {alarm.acknowledged_by for alarm in alarms.standing} == {'Dr Li'}


def test_the_most_urgent_comes_first_then_the_newest(alarms):
    conditions = {LATENCY_WARNING: ''}
    alarms.update(conditions, S, 1)
    alarms.update(conditions, 9 * S, 1)
    alarms.update(conditions | {OVER_BUDGET: ''}, 9 * S, 2)
    alarms.update(conditions | {OVER_BUDGET: '', STAGE_GONE: ''}, 9 * S, 3)
    assert [alarm.definition.id for alarm in alarms.standing] == [STAGE_GONE, OVER_BUDGET, LATENCY_WARNING]


def test_the_message_says_all_of_it(alarms):
    alarms.update({STAGE_GONE: 'it ended'}, S, 5 * S)
    [change] = alarms.acknowledge('', 'Dr Li', 6 * S)
    message = alarm_message(change.alarm)
    assert (message.id, message.priority, message.active, message.acknowledged) == (STAGE_GONE, 3, True, True)
    assert (message.acknowledged_by, message.detail, message.count) == ('Dr Li', 'it ended', 1)
    assert (message.raised_at.sec, message.cleared_at.sec) == (5, 0)
    assert (message.text_zh, message.text_en) == (TABLE[STAGE_GONE].text_zh, TABLE[STAGE_GONE].text_en)


def test_the_manual_has_every_alarm():
    manual = (Path(__file__).parents[2] / 'docs/watchdog.md').read_text(encoding='utf-8')
    for definition in alarm_table(['camera']).values():
        alarm_id = definition.id.replace('.camera', '.<stage>')
        row = f'| `{alarm_id}` | {definition.priority.name.lower()} | {definition.text_en} / {definition.text_zh} | '
        delay = f'{definition.raise_after_s:g} s' if definition.raise_after_s else 'at once'
        assert row + delay in manual
