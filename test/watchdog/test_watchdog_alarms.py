"""Alarms latch, are acknowledged by somebody, and are counted; the table has all its words."""

import math
import re
from dataclasses import replace

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
    as_markdown,
    stage_alarm,
)
from surgical_guidance.watchdog.alarms import AlarmList, Change, Event
from surgical_guidance.watchdog.audio import NO_PAUSE, AudioPause, Pause
from surgical_guidance.watchdog.memorial import Memorial
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


def test_the_table_for_the_manual_has_every_alarm_with_what_to_do():
    table = as_markdown()
    for definition in alarm_table(['camera']).values():
        assert f'### `{definition.id.replace(".camera", ".<stage>")}`' in table
        assert definition.meaning.endswith('.')
        assert definition.remedy.endswith('.')
        assert f'{definition.text_en} / {definition.text_zh}' in table
        assert f'*What to do.* {definition.remedy}' in table


# Nobody acknowledges


def test_a_medium_alarm_that_lasts_and_nobody_acknowledges_becomes_a_high_one():
    alarms = AlarmList(TABLE, escalate_after_s=60.0)
    alarms.update({LOW_FRAME_RATE: '12'}, S, 1)
    alarms.update({LOW_FRAME_RATE: '12'}, 4 * S, 2)
    assert alarms.update({LOW_FRAME_RATE: '12'}, 63 * S, 3) == []
    [change] = alarms.update({LOW_FRAME_RATE: '12'}, 64 * S, 4)
    assert (change.event, change.alarm.priority, change.alarm.escalated) == (Event.ESCALATED, Priority.HIGH, True)
    assert alarm_message(change.alarm).priority == AlarmMessage.PRIORITY_HIGH
    assert alarm_message(change.alarm).escalated
    assert alarms.update({LOW_FRAME_RATE: '12'}, 200 * S, 5) == []  # once


@pytest.mark.parametrize('alarm_id', [LATENCY_WARNING, OVER_BUDGET])
def test_only_those_of_medium_priority_escalate(alarm_id):
    alarms = AlarmList(TABLE, escalate_after_s=60.0)
    changes = [change for second in range(300) for change in alarms.update({alarm_id: ''}, (1 + second) * S, 1)]
    assert [change.event for change in changes] == [Event.RAISED]


def test_one_that_somebody_has_seen_or_that_is_over_does_not_escalate():
    for seen in (True, False):
        alarms = AlarmList(TABLE, escalate_after_s=60.0)
        alarms.update({LOW_FRAME_RATE: ''}, S, 1)
        alarms.update({LOW_FRAME_RATE: ''}, 4 * S, 1)
        if seen:
            alarms.acknowledge('', 'Dr Li', 2)
        later = [alarms.update({LOW_FRAME_RATE: ''} if seen else {}, second * S, 3) for second in range(5, 200)]
        assert Event.ESCALATED not in [change.event for changes in later for change in changes]


# The pause of the sounds


def test_the_sounds_are_paused_by_somebody_for_a_while():
    audio = AudioPause()
    assert audio.ask(30.0, 'Dr Li', S, 100 * S)[0]
    assert audio.at(30 * S) == Pause(31 * S, 130 * S, 'Dr Li')
    assert audio.at(31 * S) == NO_PAUSE


@pytest.mark.parametrize(('seconds', 'by'), [(30.0, ''), (121.0, 'Dr Li'), (-1.0, 'Dr Li'), (math.nan, 'Dr Li')])
def test_a_pause_without_a_name_or_a_limit_is_refused(seconds, by):
    audio = AudioPause()
    done, why = audio.ask(seconds, by, S, S)
    assert not done
    assert why
    assert audio.at(S) == NO_PAUSE


def test_the_sounds_can_be_put_on_again():
    audio = AudioPause()
    audio.ask(30.0, 'Dr Li', S, S)
    assert audio.ask(0.0, 'Dr Li', 2 * S, 2 * S)[0]
    assert audio.at(2 * S) == NO_PAUSE


@pytest.mark.parametrize(('alarm_id', 'ends'), [(STAGE_GONE, True), (LATENCY_WARNING, False)])
def test_only_a_new_alarm_of_high_priority_ends_the_pause(alarms, alarm_id, ends):
    audio = AudioPause()
    audio.ask(120.0, 'Dr Li', S, S)
    alarms.update({alarm_id: ''}, S, 1)
    changes = alarms.update({alarm_id: ''}, 9 * S, 1) or [Change(Event.RAISED, alarms.standing[0])]
    assert audio.heed(changes) is ends
    assert (audio.at(9 * S) == NO_PAUSE) is ends
    assert not audio.heed([replace(change, event=Event.CLEARED) for change in changes])


# A watchdog that died


def test_what_nobody_had_acknowledged_stands_again_after_the_watchdog_died(alarms, tmp_path):
    alarms.update({STAGE_GONE: 'it ended', OVER_BUDGET: '95 ms'}, S, 50)
    alarms.acknowledge(OVER_BUDGET, 'Dr Li', 60)
    dead = Memorial(tmp_path)
    dead.write(dead.text(alarms.standing))
    left = Memorial(tmp_path).last_words(TABLE)
    follower = AlarmList(TABLE)
    follower.restore(left)
    [alarm] = follower.standing
    assert (alarm.definition.id, alarm.detail, alarm.raised_ns, alarm.active) == (STAGE_GONE, 'it ended', 50, False)
    [change] = follower.update({STAGE_GONE: 'still'}, S, 70)
    assert change.alarm.count == 2


@pytest.mark.parametrize('text', ['', '{', '[]', '{"boot": "another", "parent": 1, "alarms": []}'])
def test_the_file_of_another_life_or_a_torn_one_tells_nothing(tmp_path, text):
    (tmp_path / 'watchdog.json').write_text(text)
    assert Memorial(tmp_path).last_words(TABLE) is None


def test_a_watchdog_that_ended_in_good_order_leaves_nothing(tmp_path):
    memorial = Memorial(tmp_path)
    memorial.write(memorial.text(()))
    memorial.remove()
    assert memorial.last_words(TABLE) is None
