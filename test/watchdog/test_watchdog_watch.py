"""From what the stages send to states and alarms, in synthetic time."""

import math

import pytest
from surgical_guidance_msgs.msg import StageStatus
from watchdog_play import MS, Play, S, jitter

from surgical_guidance.contract import FRAME, INFERENCE_STATUS, LATENCY_LIMIT_MS, SCENE, STAGES, SUGGESTION, TIMING
from surgical_guidance.watchdog.alarm_table import (
    ADVICE_INTERRUPTED,
    ALARM_LOG,
    CAMERA_LOST,
    CLOCK_STEPPED,
    DISK_LOW,
    FLOODED,
    GUIDANCE_REDUCED,
    LATENCY_WARNING,
    LOW_FRAME_RATE,
    MEMORY_GROWTH,
    MEMORY_LOW,
    OVER_BUDGET,
    OVERHEATED,
    PICTURE_BLACK,
    PICTURE_FROZEN,
    RECORDER_LOST,
    SHM_LOW,
    STAGE_ERROR,
    STAGE_LOST,
    STAGE_RESTARTED,
    STAGE_SLOW,
    WATCHDOG_RESTARTED,
    alarm_table,
    stage_alarm,
)
from surgical_guidance.watchdog.facts import StageState
from surgical_guidance.watchdog.host import HostFacts
from surgical_guidance.watchdog.picture import PictureFacts
from surgical_guidance.watchdog.state import State
from surgical_guidance.watchdog.surroundings import NOTHING_KNOWN, Surroundings
from surgical_guidance.watchdog.watch import ACTIVE_GRACE_S, RECOVERING_REASON

FRAME_PATH = ('camera', 'inference', 'advice')


@pytest.fixture
def play():
    """A play that has run well for two seconds."""
    play = Play()
    play.run(2.0)
    assert play.state is State.OK
    return play


def kill(play, *stages):
    play.silent |= set(stages)
    for pid in {play.pids[stage] for stage in stages}:
        play.watch.process_ended(pid, play.now_ns)


def test_the_states_of_a_stage_are_those_of_the_message():
    assert {state.name: state.value for state in StageState} == {
        name: getattr(StageStatus, name)
        for name in ('UNCONFIGURED', 'INACTIVE', 'ACTIVE', 'ERROR', 'FAILED', 'FINISHED')
    }


# No false alarms


@pytest.mark.parametrize('fps', [2.0, 10.0, 25.0, 30.0, 60.0])
def test_all_is_well_at_any_rate(fps):
    play = Play(fps)
    outcome = play.run(20.0)
    assert play.states_seen == [State.OK]
    assert play.raised == []
    assert outcome.reasons == ()


@pytest.mark.parametrize(('fps', 'longest_s'), [(2.0, 0.4), (25.0, 0.06), (30.0, 0.05), (60.0, 0.05)])
def test_frames_that_are_late_now_and_then_are_no_alarm(fps, longest_s):
    play = Play(fps, late=jitter(7, longest_s))
    play.run(30.0)
    assert play.raised == []
    assert play.states_seen == [State.OK]


def test_a_source_that_promises_no_rate_is_measured_by_its_own():
    play = Play(10.0, nominal=0.0)
    play.run(5.0)
    assert play.raised == []
    play.mute.add(FRAME.name)
    play.run(0.25)
    assert play.state is State.OK
    play.run(0.1)
    assert play.state is State.INTERRUPTED


@pytest.mark.parametrize('nonsense', [float('nan'), float('inf'), -30.0, 1e-6, 1e9])
def test_a_promise_that_no_source_can_mean_is_taken_for_none(nonsense):
    play = Play(30.0, nominal=nonsense)
    play.run(3.0)
    assert play.raised == []
    assert play.watch.frame_interval_s == pytest.approx(1 / 30, abs=0.01)


def stand_still(play, seconds):
    """The whole host stands still, the watchdog with it."""
    play.now_ns += int(seconds * S)
    play._next_frame_ns = play.now_ns
    play._next_ns = dict.fromkeys(play._next_ns, play.now_ns)
    play.watch.excuse(int(seconds * S), play.now_ns)


def test_a_host_that_stood_still_is_nobodys_silence(play):
    stand_still(play, 10.0)
    play.run(3.0)
    assert play.raised == []
    assert State.FAILED not in play.states_seen


def test_a_start_that_stood_still_is_not_over_sooner():
    play = Play(grace_s=5.0)
    play.silent |= set(STAGES)
    play.run(1.0)
    stand_still(play, 10.0)
    play.run(3.9)
    assert play.state is State.STARTING


def test_who_is_gone_is_missed_also_by_a_watchdog_that_runs_half_of_the_time(play):
    play.silent |= set(STAGES)
    for _ in range(6):
        stand_still(play, 0.1)
        play.run(0.1)
    assert {stage_alarm(STAGE_LOST, stage) for stage in STAGES} <= play.active


@pytest.mark.parametrize(
    'something_new',
    [
        lambda play: setattr(play, 'latency_ms', 81.0),
        lambda play: setattr(play, 'latency_ms', math.nan),
        lambda play: setattr(play, 'scene_problem', 'NaN'),
        lambda play: setattr(play, 'suggestion_problem', 'the scene came late'),
        lambda play: play.states.update(relay=StageState.ERROR),
        lambda play: play.pids.update(relay=999),
    ],
)
def test_what_is_new_is_worth_a_turn_and_more_of_the_same_is_not(something_new):
    play = Play()
    play.run(3.0)
    play.feed(0.3)
    assert not play.watch.news
    something_new(play)
    play.feed(0.3)
    assert play.watch.news
    play.watch.turn(play.now_ns, play.now_ns)
    assert not play.watch.news


# The start


def test_it_starts_until_the_first_advice():
    play = Play()
    play.mute |= {TIMING.name}
    assert play.run(3.0).reasons == ('nothing was advised yet',)
    assert play.state is State.STARTING
    play.mute.clear()
    play.run(0.5)
    assert play.state is State.OK
    assert play.raised == []


def test_the_start_waits_for_stages_that_load_without_a_word():
    play = Play(grace_s=15.0)
    play.silent |= set(STAGES)
    assert play.run(14.9).reasons == ('nothing was advised yet',)
    assert play.state is State.STARTING
    assert play.raised == []


def test_what_is_missing_after_the_grace_has_failed():
    play = Play(grace_s=5.0)
    play.silent |= set(STAGES)
    outcome = play.run(5.3)
    assert play.state is State.FAILED
    assert play.active == {CAMERA_LOST, *(stage_alarm(STAGE_LOST, stage) for stage in STAGES)}
    assert outcome.reasons[0] == 'camera: it was never heard of'


def test_a_stage_that_was_heard_and_then_loads_is_not_lost():
    play = Play()
    play.states['inference'] = StageState.UNCONFIGURED
    play.run(0.5)
    play.silent.add('inference')
    play.run(10.0)
    assert play.state is State.STARTING
    play.silent.clear()
    play.states['inference'] = StageState.ACTIVE
    play.run(1.0)
    assert play.state is State.OK
    assert play.raised == []


def test_a_stage_at_work_is_not_lost_before_the_first_advice_while_another_loads():
    play = Play(grace_s=15.0)
    play.silent |= {'inference', 'advice', 'relay'}
    play.run(0.5)
    play.heartless.add('camera')  # the next stage of its process loads; frames come from a thread of their own
    play.run(5.0)
    assert play.state is State.STARTING
    play.heartless.clear()
    play.run(0.2)
    play.silent.clear()
    play.run(1.0)
    assert play.state is State.OK
    assert play.raised == []


def test_stages_share_the_silence_of_one_that_is_configured_again_in_their_process(play):
    play.states['inference'] = StageState.UNCONFIGURED
    play.beat('inference')
    play.heartless |= set(FRAME_PATH)
    play.mute.add(SCENE.name)
    play.run(14.0)
    assert play.raised == []
    assert play.state is State.INTERRUPTED
    play.run(2.0)  # but not beyond the grace
    assert {'stage_lost.camera', 'stage_lost.advice'} <= play.active


def test_a_relay_that_starts_later_than_advice_is_not_missed_in_the_grace():
    play = Play(grace_s=5.0)
    play.silent.add('relay')
    play.run(4.9)
    assert play.states_seen == [State.OK]
    play.run(0.2)
    assert play.state is State.FAILED
    assert play.active == {'stage_lost.relay'}


def test_a_start_is_over_soon_after_all_stages_of_the_frame_path_are_active():
    play = Play(grace_s=60.0)
    play.silent.add('relay')
    play.mute.add(TIMING.name)
    play.run(ACTIVE_GRACE_S - 0.1)
    assert play.state is State.STARTING
    play.run(2.0)
    assert play.state is State.FAILED
    assert play.active == {'stage_lost.relay', ADVICE_INTERRUPTED}


def test_a_process_that_dies_while_it_loads_is_told_at_once():
    play = Play()
    play.states['inference'] = StageState.UNCONFIGURED
    play.run(1.0)
    kill(play, 'inference')
    play.run(0.02)
    assert 'stage_lost.inference' in play.active
    assert play.state is State.FAILED


def test_a_stage_that_cannot_start_is_told_at_once():
    play = Play()
    play.states['camera'] = StageState.FAILED
    play.details['camera'] = 'cannot configure: file.mp4: not there'
    outcome = play.run(1.0)
    assert play.state is State.FAILED
    assert play.active == {'stage_error.camera'}
    assert outcome.reasons[0] == 'camera: cannot configure: file.mp4: not there'
    play.run(20.0)
    assert play.active == {'stage_error.camera'}  # no picture is what one expects of it


# Every alarm can be reached, and goes when its condition is gone


def slow(play):
    play.latency_ms = LATENCY_LIMIT_MS + 20.0


def a_little_slow(play):
    play.latency_ms = 60.0


def no_frames(play):
    play.mute.add(FRAME.name)


def no_scenes(play):
    play.mute.add(SCENE.name)


def seldom(play):
    play.fps = 20.0


def error(stage):
    def happen(play):
        play.states[stage] = StageState.ERROR
        play.details[stage] = 'the cable is out'

    return happen


def lost(stage):
    return lambda play: play.silent.add(stage)


def around(**known):
    def happen(play):
        play.watch.around = Surroundings(**known)

    return happen


def host(**left):
    plenty = {'memory_mb': 1e5, 'shm_mb': 1e5, 'disk_mb': 1e5, 'disk': '/var', 'temperature_c': 50.0, 'hot': ''}
    return around(host=HostFacts(**(plenty | left), gpu=None))


def a_slow_stage(play):
    play.stages_ms = {'inference': 40.0}


def a_flood(play):
    play.flood = 30


def no_evidence(play):
    play.states['recorder'] = StageState.ERROR
    play.details['recorder'] = 'no space left on device'


CAUSES = {
    RECORDER_LOST: (no_evidence, State.OK),
    PICTURE_FROZEN: (around(picture=PictureFacts(frozen='the same picture for 0.2 s')), State.INTERRUPTED),
    PICTURE_BLACK: (around(picture=PictureFacts('the same picture', 'black for 0.2 s')), State.INTERRUPTED),
    FLOODED: (a_flood, State.OK),
    OVERHEATED: (host(hot='coretemp has 99 °C'), State.OK),
    MEMORY_LOW: (host(memory_mb=10.0), State.OK),
    SHM_LOW: (host(shm_mb=1.0), State.OK),
    DISK_LOW: (host(disk_mb=10.0), State.OK),
    ALARM_LOG: (around(log='3 entries are lost'), State.OK),
    MEMORY_GROWTH: (around(growth='relay has 400 MiB'), State.OK),
    CLOCK_STEPPED: (around(clock='set by +10.0 s'), State.OK),
    WATCHDOG_RESTARTED: (around(restarted='the last one had died'), State.OK),
    STAGE_SLOW: (a_slow_stage, State.OK),
    OVER_BUDGET: (slow, State.DEGRADED),
    CAMERA_LOST: (no_frames, State.INTERRUPTED),
    ADVICE_INTERRUPTED: (no_scenes, State.INTERRUPTED),
    LOW_FRAME_RATE: (seldom, State.DEGRADED),
    LATENCY_WARNING: (a_little_slow, State.OK),
    **{stage_alarm(STAGE_ERROR, stage): (error(stage), State.FAILED) for stage in STAGES},
    **{stage_alarm(STAGE_LOST, stage): (lost(stage), State.FAILED) for stage in STAGES},
}


def test_there_is_a_cause_for_every_alarm():
    elsewhere = {GUIDANCE_REDUCED, *(stage_alarm(STAGE_RESTARTED, stage) for stage in STAGES)}  # further below
    assert CAUSES.keys() | elsewhere == alarm_table(STAGES).keys()


@pytest.mark.parametrize('alarm', CAUSES)
def test_every_alarm_can_be_reached_and_goes_when_it_is_over_and_acknowledged(play, alarm):
    cause, state = CAUSES[alarm]
    cause(play)
    play.run(4.0)
    assert alarm in play.active
    assert play.state is state
    play.watch.alarms.acknowledge('', 'Dr Li', play.now_ns)

    healthy = ('fps', 'latency_ms', 'silent', 'mute', 'stages_ms', 'flood')
    play.__dict__.update({k: v for k, v in Play().__dict__.items() if k in healthy})
    play.watch.around = NOTHING_KNOWN
    play.states = dict.fromkeys((*STAGES, 'recorder'), StageState.ACTIVE)
    play.run(11.0)
    assert play.state is State.OK
    assert play.watch.alarms.standing == ()


@pytest.mark.parametrize(
    'how', [lost('recorder'), lambda play: play.watch.process_ended(300, play.now_ns), no_evidence]
)
def test_a_recorder_that_fails_is_an_alarm_and_no_more_than_that(play, how):
    how(play)
    play.run(1.2)
    assert play.raised == [RECORDER_LOST]
    assert play.state is State.OK


def test_a_recorder_that_was_never_there_or_was_taken_down_is_no_alarm(play):
    play.states['recorder'] = StageState.UNCONFIGURED
    play.run(0.2)
    play.silent.add('recorder')
    play.run(5.0)
    without = Play()
    without.silent.add('recorder')
    without.run(20.0)
    assert play.raised == without.raised == []


# How soon


@pytest.mark.parametrize(('fps', 'limit_s'), [(2.0, 1.5), (25.0, 0.12), (30.0, 0.1), (60.0, 0.1)])
def test_the_loss_of_the_camera_is_noticed_within_three_frames_and_then_an_alarm(fps, limit_s):
    play = Play(fps)
    play.run(8.0)
    silent_s = play.watch.topics[FRAME.name].facts(play.now_ns, 1 / fps, fps).silent_s
    play.mute.add(FRAME.name)
    outcome = play.run(limit_s - silent_s)
    assert play.state is State.INTERRUPTED
    assert outcome.reasons[0].startswith('camera: no frame for')
    assert play.active == set()
    play.run(0.21)
    assert play.active == {CAMERA_LOST}


def test_the_next_turn_is_due_when_the_first_silence_reaches_its_limit(play):
    due_ns = play.watch.next_due_ns()
    frames = play.watch.topics[FRAME.name]
    assert due_ns == frames.due_ns(play.watch.frame_interval_s)
    assert play.now_ns < due_ns <= play.now_ns + 90 * MS
    assert play.watch.turn(due_ns, due_ns).state is State.INTERRUPTED


def test_the_death_of_the_composed_process_is_known_at_once(play):
    kill(play, *FRAME_PATH)
    outcome = play.run(0.01)
    assert play.state is State.FAILED
    assert play.active == {stage_alarm(STAGE_LOST, stage) for stage in (*FRAME_PATH, 'relay')}  # all of one process
    assert outcome.reasons[0] == 'camera: its process 100 has ended'


def test_the_death_of_one_process_leaves_the_others(play):
    play.pids['relay'] = 200
    play.run(0.2)
    kill(play, 'relay')
    play.run(1.0)
    assert play.active == {'stage_lost.relay'}
    assert play.state is State.FAILED


def test_the_third_slow_frame_is_an_alarm(play):
    slow(play)
    play.run(0.03)
    assert play.active == set()
    play.run(0.08)
    assert play.active == {OVER_BUDGET}
    assert play.state is State.DEGRADED


# Advice that is not current


@pytest.mark.parametrize(
    ('happens', 'reason'),
    [
        (lambda play: play.mute.add(TIMING.name), 'no frame was advised on for'),
        (lambda play: play.mute.add(SUGGESTION.name), 'no suggestion for'),
        (lambda play: setattr(play, 'suggestion_problem', 'no scene'), 'the suggestion is interrupted: no scene'),
        (lambda play: setattr(play, 'scene_problem', 'no model'), 'the scenes are not valid: no model'),
    ],
)
def test_advice_that_is_not_current_is_interrupted_and_then_an_alarm(play, happens, reason):
    happens(play)
    outcome = play.run(0.55)
    assert play.state is State.INTERRUPTED
    assert outcome.reasons[0].startswith(reason)
    play.run(1.2)
    assert play.active == {ADVICE_INTERRUPTED}


def test_a_gap_of_a_moment_is_a_state_but_no_alarm(play):
    play.mute.add(TIMING.name)
    play.run(0.15)
    assert play.state is State.INTERRUPTED
    play.mute.clear()
    play.run(0.3)
    assert play.state is State.INTERRUPTED
    assert play.outcomes[-1].reasons == (RECOVERING_REASON,)
    play.run(0.3)
    assert play.state is State.OK
    assert play.raised == []


def test_gaps_that_come_and_go_are_one_interruption(play):
    for _ in range(10):
        play.mute.add(TIMING.name)
        play.run(0.15)
        play.mute.clear()
        play.run(0.1)
    assert play.raised == [ADVICE_INTERRUPTED]
    assert play.states_seen[-1] is State.INTERRUPTED


def test_single_scenes_that_are_not_valid_are_nothing(play):
    for _ in range(20):
        play.scene_problem = 'a flash'
        play.run(0.04)
        play.scene_problem = ''
        play.run(0.06)
    assert play.raised == []
    assert play.state is State.OK


def test_one_cause_is_one_alarm(play):
    play.mute.add(FRAME.name)
    play.run(5.0)
    assert play.raised == [CAMERA_LOST]


# What rests is not lost


def test_a_recording_that_was_played_to_its_end_is_no_alarm(play):
    play.states['camera'] = StageState.FINISHED
    play.beat('camera')
    outcome = play.run(60.0)
    assert play.state is State.INTERRUPTED
    assert outcome.reasons == ('camera: finished',)
    assert play.raised == []


def test_a_recording_that_breaks_half_way_is_an_error_of_the_camera(play):
    play.states['camera'] = StageState.FAILED
    play.details['camera'] = 'endo.mp4: broken at 12.3 s'
    play.beat('camera')
    play.run(10.0)
    assert play.raised == ['stage_error.camera']
    assert play.state is State.FAILED


@pytest.mark.parametrize('stage', FRAME_PATH)
def test_a_stage_that_was_deactivated_interrupts_without_an_alarm(play, stage):
    play.states[stage] = StageState.INACTIVE
    play.beat(stage)
    outcome = play.run(5.0)
    assert play.state is State.INTERRUPTED
    assert outcome.reasons == (f'{stage}: inactive',)
    assert play.raised == []
    play.states[stage] = StageState.ACTIVE
    play.run(2.0)
    assert play.state is State.OK


def test_a_relay_that_was_deactivated_degrades():
    play = Play(grace_s=1.0)
    play.run(2.0)
    play.states['relay'] = StageState.INACTIVE
    assert play.run(2.0).reasons == ('relay: inactive',)
    assert play.state is State.DEGRADED
    assert play.raised == []


def test_an_end_in_good_order_is_no_alarm(play):
    for stage in STAGES:
        play.states[stage] = StageState.UNCONFIGURED
        play.beat(stage)
    kill(play, *STAGES)
    outcome = play.run(30.0)
    assert play.raised == []
    assert play.state is State.INTERRUPTED
    assert outcome.reasons[0] == 'camera: taken down'


# Recovery


def test_a_process_that_is_started_again_is_picked_up(play):
    kill(play, *FRAME_PATH)
    play.run(2.0)
    assert play.state is State.FAILED
    play.pids |= dict.fromkeys(STAGES, 101)
    play.silent.clear()
    play.states |= dict.fromkeys(STAGES, StageState.UNCONFIGURED)
    play.run(1.0)
    assert play.state is State.INTERRUPTED
    play.states |= dict.fromkeys(STAGES, StageState.ACTIVE)
    play.run(7.0)
    assert play.state is State.OK
    assert play.active == set()
    lost = {stage_alarm(STAGE_LOST, stage) for stage in STAGES}
    back = {stage_alarm(STAGE_RESTARTED, stage) for stage in FRAME_PATH}  # the relay's heart went on
    standing = {alarm.definition.id for alarm in play.watch.alarms.standing}
    assert standing == lost | back | {CAMERA_LOST}  # until somebody has seen them


def test_a_stage_that_was_started_again_in_good_order_is_no_alarm(play):
    play.pids['relay'] = 200
    play.run(0.2)
    play.states['relay'] = StageState.UNCONFIGURED
    play.run(0.2)
    kill(play, 'relay')
    play.run(1.0)
    play.pids['relay'], play.states['relay'] = 201, StageState.ACTIVE
    play.silent.clear()
    play.run(2.0)
    assert play.raised == []


# The degradation ladder


def reduced(play):
    return [outcome.asked.step for outcome in play.outcomes if outcome.asked is not None]


def test_load_that_lasts_is_answered_step_by_step_and_taken_back():
    play = Play(steps=2)
    play.run(2.0)
    play.latency_ms = LATENCY_LIMIT_MS + 20.0
    play.run(2.0)
    assert reduced(play) == [1]
    assert play.run(0.1).reasons[-1].startswith('degradation step 1: three frames in a row')
    play.run(8.0)
    assert reduced(play) == [1, 2]  # and there is no third
    play.latency_ms = 20.0
    play.run(4.0)
    assert play.state is State.DEGRADED
    assert play.active == {GUIDANCE_REDUCED}
    play.run(20.0)
    assert reduced(play) == [1, 2, 1, 0]
    play.run(5.0)
    assert play.state is State.OK
    assert play.active == set()


def test_one_hiccup_is_no_load():
    play = Play(steps=2)
    play.run(2.0)
    play.latency_ms = 200.0
    play.run(0.15)
    play.latency_ms = 20.0
    play.run(5.0)
    assert play.raised == [OVER_BUDGET]
    assert reduced(play) == []


def test_a_host_that_is_too_hot_gives_work_up():
    play = Play(steps=7)
    host(hot='the GPU slows itself down at 87 °C')(play)
    play.run(3.0)
    assert reduced(play) == [1]


def test_nothing_is_given_up_while_there_is_no_advice_at_all():
    play = Play(steps=7)
    play.run(1.0)
    play.latency_ms = 200.0
    play.mute.add(FRAME.name)
    play.scene_problem = 'nothing to see'
    play.run(10.0)
    assert reduced(play) == []


# What hangs


def hung(play):
    return {pid: why for outcome in play.outcomes for pid, why in outcome.hung.items()}


def test_a_process_that_stands_still_is_to_be_ended(play):
    play.pids['relay'] = 200
    play.run(0.5)
    play.silent.add('relay')
    play.run(2.8)
    assert hung(play) == {}
    play.run(0.5)
    assert hung(play)[200].startswith('relay has not turned for 3.')


def test_a_stage_whose_heart_beats_and_that_makes_nothing_of_what_it_gets_hangs(play):
    play.mute.add(SCENE.name)  # as when the engine does not return
    play.run(2.5)
    assert hung(play) == {}
    play.run(1.0)
    assert hung(play)[100].startswith('inference turns and has made nothing')


def test_whoever_waits_for_a_stage_of_its_process_that_loads_does_not_hang():
    """Advice is active first, and its heart stands still while inference loads, however long that takes."""
    play = Play()
    play.silent |= {'camera', 'inference'}
    play.run(0.5)
    play.silent.add('advice')
    play.run(8.0)
    assert hung(play) == {}


def test_when_the_last_stage_of_a_process_is_up_the_first_has_not_hung_meanwhile():
    play = Play()
    play.silent |= {'camera', 'inference'}
    play.run(0.5)
    play.silent.add('advice')
    play.run(6.0)
    for stage in ('inference', 'camera'):  # they say so at the end of the transition; the executor turns after that
        play.beat(stage)
    play.run(0.3)
    assert hung(play) == {}


def test_nor_does_it_when_the_process_was_started_again(play):
    play.pids['relay'] = 200
    play.run(0.2)
    kill(play, *FRAME_PATH)
    play.run(1.0)
    play.pids['advice'] = 101
    play.beat('advice')
    play.run(8.0)
    assert hung(play) == {}


@pytest.mark.parametrize('cause', [no_frames, error('inference')])
def test_who_has_nothing_to_do_or_says_why_it_cannot_does_not_hang(play, cause):
    cause(play)
    play.run(20.0)
    assert hung(play) == {}


def test_a_false_promise_of_the_rate_grants_nobody_silence(play):
    play.nominal = 0.2
    play.run(1.0)
    play.mute.add(FRAME.name)
    play.run(0.15)
    assert play.state is State.INTERRUPTED


def test_the_reason_at_the_very_start_is_that_it_starts():
    play = Play(stages=('relay',))
    play.silent.add('relay')
    assert play.run(0.1).reasons == ()
    assert play.state is State.OK  # no advice is expected of a relay alone


def test_a_watchdog_of_some_stages_watches_only_those():
    play = Play(stages=('camera', 'inference'))
    play.run(1.0)
    assert play.watch.topics.keys() == {FRAME.name, SCENE.name, INFERENCE_STATUS.name}
    assert play.state is State.OK


@pytest.mark.parametrize('alarm', CAUSES)
def test_a_state_that_is_not_ok_has_a_reason_and_ok_has_none(alarm):
    play = Play()
    play.silent |= set(STAGES)
    play.run(0.5)
    play.silent.clear()
    play.run(1.0)
    CAUSES[alarm][0](play)
    play.run(2.0)
    for outcome in play.outcomes:
        assert bool(outcome.reasons) is (outcome.state is not State.OK)


def test_frames_that_go_backwards_are_not_valid(play):
    play.watch.saw_frame(play.now_ns, 'ring', 1, 30.0)
    assert not play.watch.view(play.now_ns).topics[FRAME.name].valid
    play.watch.saw_frame(play.now_ns, 'another ring', 1, 30.0)
    assert play.watch.view(play.now_ns).topics[FRAME.name].valid


def test_a_latency_that_was_not_told_is_not_taken_for_one(play):
    play.watch.saw_timing(play.now_ns, float('nan'), 1, 0)
    assert not play.watch.view(play.now_ns).topics[TIMING.name].valid
    assert play.watch.view(play.now_ns).latency.p99_ms == 20.0


def test_one_second_of_silence_is_told_in_seconds(play):
    play.mute.add(FRAME.name)
    outcome = play.run(1.0)
    assert outcome.reasons[0].startswith('camera: no frame for 1.')
    assert play.now_ns > S
