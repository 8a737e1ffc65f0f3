"""What may be shown as current, by what has gone silent and for how long."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from relay_facts import INTERVAL_NS, MS, START_NS, advice, alarm, captured_ns, frame, scene, status

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import STATUS, SUGGESTION
from surgical_guidance.relay.facts import AdviceStatus, GuidanceState, TimingFact
from surgical_guidance.relay.view import STATUS_LIMIT_S, SUGGESTION_LIMIT_S, View

FRAMES = 50
LAST_NS = captured_ns(FRAMES)


def play(
    *,
    until: dict[str, int] | None = None,
    frames: int = FRAMES,
    rate: float = 25.0,
    advice_status: AdviceStatus = AdviceStatus.VALID,
    state: GuidanceState = GuidanceState.OK,
) -> View:
    """Play all topics for some frames; those named in ``until`` fall silent after that frame."""
    until = until or {}
    view = View()
    for sequence in range(1, frames + 1):
        now_ns = captured_ns(sequence)
        if sequence <= until.get('frame', frames):
            view.on_frame(frame(sequence, rate), now_ns)
        if sequence <= until.get('scene', frames):
            view.on_scene(scene(sequence), now_ns)
        if sequence <= until.get('advice', frames):
            view.on_advice(advice(sequence, advice_status), now_ns)
        if sequence <= until.get('status', frames):
            view.on_status(status(state), now_ns)
    return view


def test_advice_is_current_while_everything_speaks() -> None:
    view = play()
    assert view.shown(LAST_NS).status == 'valid'
    assert view.system(LAST_NS) == 'ok'
    assert view.json(LAST_NS)['picture']['state'] == 'live'


SILENCES = [
    # what falls silent, for how long [ms], advice, why, picture, system
    ('frame', 110, 'valid', '', 'live', 'ok'),
    ('frame', 130, 'interrupted', 'frames_stopped', 'stopped', 'interrupted'),
    ('advice', 300, 'valid', '', 'live', 'ok'),
    ('advice', 360, 'interrupted', 'advice_silent', 'live', 'interrupted'),
    ('status', 290, 'valid', '', 'live', 'ok'),
    ('status', 310, 'interrupted', 'watchdog_silent', 'live', 'no_guidance'),
    ('scene', 1000, 'valid', '', 'live', 'ok'),  # the advice stage says what it makes of that
]


@pytest.mark.parametrize(('silent', 'for_ms', 'advice_is', 'why', 'picture', 'system'), SILENCES)
def test_silence_is_told(silent: str, for_ms: int, advice_is: str, why: str, picture: str, system: str) -> None:
    frames = 100
    last = frames - for_ms // 40 - 1
    view = play(until={silent: last}, frames=frames)
    now_ns = captured_ns(last) + for_ms * MS
    shown = view.shown(now_ns)
    assert (shown.status, shown.why) == (advice_is, why)
    assert view.json(now_ns)['picture']['state'] == picture
    assert view.system(now_ns) == system


@pytest.mark.parametrize('silent', ['frame', 'advice', 'status'])
def test_every_silence_is_told_soon_enough_for_a_page_to_tell_within_half_a_second(silent: str) -> None:
    view = play(until={silent: 20}, frames=100)
    told_ns = next(
        now_ns for now_ns in range(captured_ns(20), captured_ns(60), 5 * MS) if view.shown(now_ns).status != 'valid'
    )
    assert told_ns - captured_ns(20) <= 400 * MS  # the rest: one tick of 50 ms, and the way to the page


def test_limits_follow_the_contract() -> None:
    assert 1.0 / SUGGESTION.rate < SUGGESTION_LIMIT_S < SUGGESTION.deadline
    assert STATUS_LIMIT_S == STATUS.deadline  # noqa: SIM300


def test_interrupted_advice_goes_when_its_validity_has_run_out() -> None:
    view = play(until={'frame': 50, 'advice': 50})
    assert view.shown(LAST_NS + 2_900 * MS).status == 'interrupted'
    shown = view.shown(LAST_NS + 3_100 * MS)
    assert (shown.status, shown.fact) == ('unavailable', None)


def test_advice_past_its_validity_is_not_shown_even_if_its_sender_calls_it_valid() -> None:
    view = play()
    view.on_advice(advice(FRAMES - 10, valid_s=0.2), LAST_NS)
    assert (view.shown(LAST_NS).status, view.shown(LAST_NS).why) == ('unavailable', 'expired')


def test_validity_is_counted_by_the_clock_of_the_frames_not_by_the_wall_clock() -> None:
    view = play()  # stamped years ago
    assert view.json(LAST_NS)['advice']['remaining_ms'] == 3000


def test_what_the_advice_stage_calls_interrupted_is_interrupted_since_its_last_frame() -> None:
    view = play(advice_status=AdviceStatus.INTERRUPTED)
    shown = view.json(LAST_NS + 30 * MS)['advice']
    assert (shown['status'], shown['why'], shown['since_ms']) == ('interrupted', 'reported', 30)


def test_no_advice_is_calm_only_while_everything_speaks() -> None:
    view = play(advice_status=AdviceStatus.NONE)
    assert view.shown(LAST_NS).status == 'none'
    assert view.shown(LAST_NS + 200 * MS).status == 'unavailable'


def test_withdrawn_advice_is_shown_as_such_for_a_while() -> None:
    view = play(frames=200)
    for sequence in range(201, 320):
        view.on_frame(frame(sequence), captured_ns(sequence))
        view.on_advice(advice(sequence, AdviceStatus.WITHDRAWN), captured_ns(sequence))
        view.on_status(status(), captured_ns(sequence))
        seconds = (sequence - 201) * 0.04
        assert view.shown(captured_ns(sequence)).status == ('withdrawn' if seconds <= 4.0 else 'unavailable')


def test_guidance_that_says_it_has_nothing_to_stand_on_is_not_taken_for_calm() -> None:
    view = play()
    view.on_advice(advice(FRAMES, AdviceStatus.WITHDRAWN, sequence=0), LAST_NS)
    shown = view.shown(LAST_NS)
    assert (shown.status, shown.why) == ('unavailable', 'reported')


def test_nothing_is_current_before_anything_came() -> None:
    view = View()
    assert view.shown(START_NS).status == 'unavailable'
    assert view.system(START_NS) == 'no_guidance'
    assert view.json(START_NS)['picture'] == {'state': 'none'}


def test_the_relay_does_not_calm_what_the_watchdog_calls_failed() -> None:
    view = play(state=GuidanceState.FAILED)
    assert view.system(LAST_NS + 200 * MS) == 'failed'


def test_a_source_of_unknown_rate_is_measured() -> None:
    slow = View()
    for sequence in range(1, 40):
        slow.on_frame(frame(3 * sequence, rate=0.0), captured_ns(3 * sequence))
    last_ns = captured_ns(3 * 39)
    assert slow.picture_flows(last_ns + 300 * MS)  # at 8 Hz three intervals are 360 ms; the limit is 350
    assert not slow.picture_flows(last_ns + 360 * MS)


def test_a_slow_source_that_says_so_is_not_called_stopped() -> None:
    view = View()
    view.on_frame(frame(1, rate=5.0), captured_ns(1))
    assert view.picture_flows(captured_ns(1) + 590 * MS)
    assert not view.picture_flows(captured_ns(1) + 610 * MS)


def test_alarms_are_those_of_the_watchdog_and_their_changes() -> None:
    view = play()
    view.on_status(status(GuidanceState.DEGRADED, alarm(name='a'), alarm(name='b', priority=3)), LAST_NS)
    assert [item.id for item in view.alarms()] == ['b', 'a']
    view.on_alarm(alarm(name='b', priority=3, active=False))
    assert [item.id for item in view.alarms()] == ['a', 'b']  # latched until somebody has seen it
    view.on_alarm(alarm(name='b', priority=3, active=False, acknowledged=True))
    assert [item.id for item in view.alarms()] == ['a']


def test_stage_times_are_medians_and_go_with_their_silence() -> None:
    view = play()
    for milliseconds in (10.0, 90.0, 20.0):
        view.on_timing(TimingFact({'inference': milliseconds}), LAST_NS)
    assert view.json(LAST_NS)['stages_ms'] == {'inference': 20.0}
    assert view.json(LAST_NS + 2 * NS_PER_S)['stages_ms'] == {}


def test_the_state_is_json_at_every_moment() -> None:
    view = play(until={'frame': 20, 'advice': 30, 'status': 40})
    for now_ns in range(START_NS, captured_ns(200), INTERVAL_NS):
        json.dumps(view.json(now_ns), allow_nan=False)


def test_while_nobody_watches_frames_need_not_come_and_the_advice_is_believed() -> None:
    view = play()
    view.hear_frames(False, LAST_NS)
    for later in range(1, 20):
        now_ns = captured_ns(FRAMES + 5 * later)
        view.on_advice(advice(FRAMES + 5 * later), now_ns)
        view.on_status(status(GuidanceState.OK), now_ns)
        assert (view.shown(now_ns).status, view.system(now_ns)) == ('valid', 'ok')
    assert view.json(now_ns)['picture']['state'] == 'none'
    view.hear_frames(True, now_ns)
    assert view.shown(now_ns).status == 'valid'
    view.on_frame(frame(FRAMES + 96), now_ns + INTERVAL_NS)
    assert view.json(now_ns + INTERVAL_NS)['picture']['state'] == 'live'


def test_frames_that_do_not_come_once_somebody_watches_are_told() -> None:
    view = play()
    view.hear_frames(False, LAST_NS)
    view.hear_frames(True, LAST_NS)
    now_ns = LAST_NS + 400 * MS
    view.on_advice(advice(FRAMES + 10), now_ns)
    view.on_status(status(GuidanceState.OK), now_ns)
    assert (view.shown(now_ns).status, view.shown(now_ns).why) == ('interrupted', 'frames_stopped')


def test_a_clock_that_was_set_while_nobody_watched_is_followed() -> None:
    view = play()
    view.hear_frames(False, LAST_NS)
    hour_ns = 3600 * NS_PER_S
    fact = advice(FRAMES + 1)
    view.on_advice(
        replace(fact, stamp_ns=fact.stamp_ns + hour_ns, valid_until_stamp_ns=fact.valid_until_stamp_ns + hour_ns),
        LAST_NS + INTERVAL_NS,
    )
    assert view.shown(LAST_NS + 2 * INTERVAL_NS).status == 'valid'
    assert abs(view.stamp_ns(0) - play().stamp_ns(0) - hour_ns) < NS_PER_S
