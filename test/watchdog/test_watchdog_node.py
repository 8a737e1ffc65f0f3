"""The watchdog in a ROS graph: topics in, status, alarms and diagnostics out, acknowledge."""

import itertools
import json
import os
import sys
import threading
import time
from itertools import pairwise

import pytest
from rclpy.duration import Duration
from rclpy.qos import LivelinessPolicy
from surgical_guidance_msgs.msg import FrameTiming, GuidanceStatus, StageStatus, StageTiming
from surgical_guidance_msgs.srv import AcknowledgeAlarm, PauseAlarmAudio

from surgical_guidance.clock import from_time, monotonic_ns
from surgical_guidance.contract import (
    ACKNOWLEDGE_SERVICE,
    DEGRADATION_STEP,
    PAUSE_AUDIO_SERVICE,
    STAGES,
    STATUS,
    TIMING,
)
from surgical_guidance.errors import ParameterError
from surgical_guidance.frames import RingWriter
from surgical_guidance.ports import publisher, subscription
from surgical_guidance.pulses import Board
from surgical_guidance.watchdog.log import FILE_NAME
from surgical_guidance.watchdog.node import stage_names

MS = 1_000_000


@pytest.fixture
def running(graph, feed, ears, watchdog):
    """A watchdog that has found all well."""
    node = watchdog()
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.OK)
    return node


def acknowledge(graph, probe, alarm_id, by):
    client = probe.create_client(AcknowledgeAlarm, ACKNOWLEDGE_SERVICE)
    assert graph.spin_until(client.service_is_ready)
    answer = client.call_async(AcknowledgeAlarm.Request(id=alarm_id, by=by))
    assert graph.spin_until(answer.done)
    return answer.result()


def spin(graph, seconds):
    end_ns = monotonic_ns() + int(seconds * 1e9)
    graph.spin_until(lambda: monotonic_ns() > end_ns)


def test_it_says_that_it_starts_and_then_that_all_is_well(graph, ears, watchdog, request):
    watchdog()
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.STARTING)
    assert list(ears.statuses[0][1].reasons) == ['nothing was advised yet']
    request.getfixturevalue('feed')
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.OK)
    spin(graph, 1.1)
    last = ears.statuses[-1][1]
    assert last.state == GuidanceStatus.OK
    assert list(last.reasons) == []
    assert 7.0 < last.frame_rate < 13.0
    assert last.latency_p50_ms == pytest.approx(20.0)
    assert ears.alarms == []


def test_the_status_comes_at_its_rate_and_never_misses_its_deadline(graph, ears, running):
    heard = len(ears.statuses)
    spin(graph, 2.0)
    times = [at for at, _ in ears.statuses[heard:]]
    assert 15 <= len(times) <= 25
    assert max(later - earlier for earlier, later in pairwise(times)) < STATUS.deadline * 1e9


def test_the_status_is_sent_with_liveliness(graph, probe, running):
    [endpoint] = probe.get_publishers_info_by_topic('/surgical_guidance/status')
    assert endpoint.qos_profile.liveliness == LivelinessPolicy.MANUAL_BY_TOPIC
    assert endpoint.qos_profile.liveliness_lease_duration == Duration(seconds=STATUS.lease)
    assert endpoint.qos_profile.deadline == Duration(seconds=STATUS.deadline)


def test_a_camera_that_stops_is_an_alarm_and_a_state(graph, feed, ears, running, tmp_path):
    feed.pictures = False
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.INTERRUPTED)
    first = next(status for _, status in ears.statuses if status.state == GuidanceStatus.INTERRUPTED)
    assert 280 < (from_time(first.stamp) - feed.last_stamp_ns) / MS < 450  # three frames at 10 Hz
    assert graph.spin_until(lambda: ears.heard('camera_lost'))
    assert graph.spin_until(lambda: ears.statuses[-1][1].alarms)
    [standing] = ears.statuses[-1][1].alarms
    assert standing.id == 'camera_lost'
    assert standing.text_zh == '内窥镜画面丢失'

    feed.pictures = True
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.OK and len(ears.alarms) > 1)
    assert [(a.id, a.active) for _, a in ears.alarms] == [('camera_lost', True), ('camera_lost', False)]
    assert [a.id for a in ears.statuses[-1][1].alarms] == ['camera_lost']  # until somebody has seen it


def test_three_slow_frames_in_a_row_are_an_alarm(graph, feed, ears, running):
    feed.latency_ms = 95.0
    assert graph.spin_until(lambda: ears.heard('over_budget'))
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.DEGRADED)
    assert ears.alarms[0][1].detail == 'capture to advice 95 ms, the limit is 80 ms'


def test_a_stage_in_error_fails_the_guidance(graph, feed, ears, running):
    feed.states['inference'] = StageStatus.ERROR
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.FAILED)
    assert graph.spin_until(lambda: ears.heard('stage_error.inference'))


def test_a_heartbeat_with_nonsense_in_it_ends_nothing(graph, feed, ears, running):
    feed.states['inference'] = 99
    assert graph.spin_until(lambda: ears.heard('stage_error.inference'))
    assert ears.alarms[0][1].detail == 'its state 99 is not known'


def test_an_alarm_is_acknowledged_by_somebody(graph, probe, feed, ears, running, tmp_path):
    feed.pictures = False
    assert graph.spin_until(lambda: ears.heard('camera_lost'))
    assert not acknowledge(graph, probe, '', '  ').success
    refused = acknowledge(graph, probe, 'no_such_alarm', 'Dr Li')
    assert not refused.success
    assert 'no_such_alarm' in refused.message
    assert acknowledge(graph, probe, 'camera_lost', 'Dr Li').message == 'camera_lost'
    assert graph.spin_until(lambda: ears.alarms[-1][1].acknowledged)
    assert ears.alarms[-1][1].acknowledged_by == 'Dr Li'
    again = acknowledge(graph, probe, '', 'Dr Wu')
    assert again.success
    assert again.message == 'nothing was waiting to be acknowledged'

    feed.pictures = True
    assert graph.spin_until(lambda: not ears.statuses[-1][1].alarms)
    running.close()
    entries = [json.loads(line) for line in (tmp_path / FILE_NAME).read_text(encoding='utf-8').splitlines()]
    assert [(e['event'], e['id'], e['acknowledged_by']) for e in entries] == [
        ('raised', 'camera_lost', ''),
        ('acknowledged', 'camera_lost', 'Dr Li'),
        ('cleared', 'camera_lost', 'Dr Li'),
    ]


def test_the_sounds_are_paused_by_somebody_until_a_new_alarm_of_high_priority(graph, probe, feed, ears, running):
    client = probe.create_client(PauseAlarmAudio, PAUSE_AUDIO_SERVICE)
    assert graph.spin_until(client.service_is_ready)

    def pause(seconds, by):
        answer = client.call_async(PauseAlarmAudio.Request(seconds=seconds, by=by))
        assert graph.spin_until(answer.done)
        return answer.result()

    assert not pause(30.0, ' ').success
    assert 'a pause has 0 to 120 s' in pause(1e6, 'Dr Li').message
    assert pause(60.0, 'Dr Li').success
    assert graph.spin_until(lambda: ears.statuses[-1][1].audio_paused_by == 'Dr Li')
    assert ears.statuses[-1][1].audio_paused_until.sec > time.time() + 30.0
    feed.latency_ms = 95.0
    assert graph.spin_until(lambda: ears.heard('over_budget') and not ears.statuses[-1][1].audio_paused_by)


def test_whoever_hooks_in_is_told_of_every_alarm(graph, feed, ears, running):
    told = []
    running.on_alarm.append(lambda alarm, raised: told.append((alarm.definition.id, raised)))
    feed.latency_ms = 95.0
    assert graph.spin_until(lambda: ('over_budget', True) in told)
    feed.latency_ms = 20.0
    assert graph.spin_until(lambda: ('over_budget', False) in told)


def test_under_load_a_step_of_the_ladder_is_asked_for_and_told(graph, probe, feed, ears, running):
    steps = []
    subscription(probe, DEGRADATION_STEP, steps.append)
    feed.latency_ms = 95.0
    assert graph.spin_until(lambda: any(step.step >= 1 for step in steps))
    assert steps[-1].reason
    assert graph.spin_until(lambda: ears.statuses[-1][1].degradation_step >= 1)


def test_a_watchdog_that_died_leaves_its_alarms_to_the_next(graph, feed, ears, running, watchdog, tmp_path):
    feed.latency_ms = 95.0
    assert graph.spin_until(lambda: ears.heard('over_budget'))
    memorial = tmp_path / 'watchdog.json'
    assert graph.spin_until(lambda: 'over_budget' in memorial.read_text(encoding='utf-8'))
    left = memorial.read_text(encoding='utf-8')
    running.close()
    assert not memorial.exists()
    memorial.write_text(left, encoding='utf-8')  # as kill -9 leaves it
    feed.latency_ms = 20.0
    follower = watchdog()
    assert 'over_budget' in [alarm.definition.id for alarm in follower._watch.alarms.standing]
    assert graph.spin_until(lambda: ears.heard('watchdog_restarted'))


def test_a_picture_that_freezes_in_the_ring_is_told_though_frames_come(graph, feed, ears, running):
    ring = RingWriter(f'surgical_guidance.test{os.getpid()}.node', 8, 320 * 240 * 3)
    levels = itertools.chain(range(20, 60), itertools.repeat(60))

    def show():
        draft = ring.begin(320, 240)
        draft.image[:] = next(levels)
        ring.commit(draft, 1, monotonic_ns())

    timer = running.create_timer(0.05, show)
    try:
        feed.ring = ring.name
        assert graph.spin_until(lambda: ears.heard('picture_frozen'))
        assert ears.state == GuidanceStatus.INTERRUPTED
    finally:
        timer.destroy()
        ring.close()


def test_a_turn_that_was_itself_kept_waiting_blames_nobody(graph, feed, ears, running):
    for _ in range(3):
        with running._lock:
            spin(graph, 0.4)  # the stages go on; the watchdog cannot look
        spin(graph, 0.3)
    assert ears.alarms == []
    assert ears.state == GuidanceStatus.OK


def test_a_log_that_cannot_be_written_breaks_nothing(graph, feed, ears, watchdog, tmp_path):
    (tmp_path / 'file').touch()
    watchdog(log_directory=str(tmp_path / 'file'))
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.OK)
    feed.latency_ms = 95.0
    assert graph.spin_until(lambda: ears.heard('over_budget'))
    assert graph.spin_until(
        lambda: any(s.name.endswith('alarm log') and s.level != b'\0' for _, d in ears.diagnostics for s in d.status)
    )


def test_stages_that_never_come_have_failed_after_the_grace(graph, ears, watchdog):
    watchdog(start_grace_s=1.0)
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.FAILED)
    missing = {'camera_lost', *(f'stage_lost.{stage}' for stage in STAGES)}
    assert graph.spin_until(lambda: {alarm.id for _, alarm in ears.alarms} == missing)


def test_stages_of_this_host_are_watched_by_their_boards_and_no_stranger_is_believed(
    graph, probe, board_feed, ears, watchdog
):
    node = watchdog()
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.OK)
    assert not node._inputs._subscriptions
    stranger = publisher(probe, TIMING)
    assert graph.spin_until(lambda: TIMING.name in node._inputs._subscriptions)

    def forge():
        stranger.publish(FrameTiming(stages=[StageTiming(stage='capture_to_advice', duration_ms=900.0)]))
        return node._watch.messages[TIMING.name].heard

    assert graph.spin_until(forge)
    for _ in range(5):
        forge()
        spin(graph, 0.1)
    assert ears.alarms == []
    assert ears.statuses[-1][1].latency_p50_ms == pytest.approx(board_feed.latency_ms)
    probe.destroy_publisher(stranger)
    assert graph.spin_until(lambda: not node._inputs._subscriptions)

    board_feed.pictures = False
    assert graph.spin_until(lambda: ears.heard('camera_lost'))


def test_a_board_that_takes_the_place_of_another_is_read(graph, board_feed, ears, watchdog):
    node = watchdog()
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.OK)
    old = board_feed.boards['relay']
    board_feed.boards['relay'] = Board('/surgical_guidance', str(graph.context.get_domain_id()), 'relay')
    old.close()
    assert graph.spin_until(lambda: node._inputs._boards['relay'].name == board_feed.boards['relay'].name)
    board_feed.states['relay'] = StageStatus.ERROR
    assert graph.spin_until(lambda: ears.heard('stage_error.relay'))


def test_only_the_stages_asked_for_are_missed(graph, feed, ears, watchdog):
    feed.stages = ('camera', 'inference', 'advice')
    watchdog(start_grace_s=1.0, stages='camera,inference, advice')
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.OK)
    spin(graph, 1.5)
    assert ears.alarms == []


@pytest.mark.parametrize('listed', ['camera,surgeon', '', ' , '])
def test_stages_that_there_are_not_are_refused(listed):
    with pytest.raises(ParameterError, match='use some of camera, inference, advice, relay'):
        stage_names(listed)


def test_a_mistake_of_its_own_ends_the_process_visibly(graph, feed, ears, running, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError('a mistake')

    monkeypatch.setattr(running._watch, 'turn', fail)
    with pytest.raises(ZeroDivisionError, match='a mistake'):
        spin(graph, 5.0)


def test_it_leaves_no_thread_and_can_be_closed_twice(graph, feed, ears, running):
    running.close()
    running.close()
    assert not {'watchdog', 'alarm_log', 'surveyor'} & {thread.name for thread in threading.enumerate()}


@pytest.fixture(params=['own', 'diagnostic_updater'])
def reporter(request, monkeypatch):
    if request.param == 'own':
        monkeypatch.setitem(sys.modules, 'diagnostic_updater', None)  # as on a host that lacks it
    else:
        pytest.importorskip('diagnostic_updater')
    return request.param


def test_diagnostics_come_once_a_second_and_at_once_on_error(graph, feed, watchdog, reporter, probe, ears):
    node = watchdog()
    full = lambda: [(at, d) for at, d in ears.diagnostics if len(d.status) > 1]  # noqa: E731
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.OK)
    assert type(node._reporter).__name__ == {'own': 'OwnReporter', 'diagnostic_updater': 'UpdaterReporter'}[reporter]
    spin(graph, 1.5)  # what rises in the start is over
    seen = len(full())
    spin(graph, 3.2)
    assert 3 <= len(full()) - seen <= 4

    at_ns, array = full()[-1]
    assert {s.name for s in array.status} >= {'watchdog: guidance', 'watchdog: stage camera', 'watchdog: topic timing'}
    assert {s.level for s in array.status} == {b'\0'}
    assert all(s.hardware_id and s.values for s in array.status)

    graph.spin_until(lambda: full()[-1][0] != at_ns)  # the next regular one is a second away
    regular_ns = full()[-1][0]
    feed.pictures = False
    told = lambda: [(at, d) for at, d in full() if at >= regular_ns and d.status[0].level == b'\x02']  # noqa: E731
    assert graph.spin_until(told)
    at_ns, array = told()[0]
    assert array.status[0].name == 'watchdog: guidance'
    regular = next(d for at, d in full() if at == regular_ns)
    later_ms = (from_time(array.header.stamp) - from_time(regular.header.stamp)) / MS
    assert later_ms < 900  # before the next regular one
