"""The recorder in a ROS graph: what is said and seen gets to a file that every MCAP reader reads."""

from __future__ import annotations

import errno
import json

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from mcap.reader import make_reader
from rclpy.serialization import deserialize_message
from recording_feed import WIDTH, held
from surgical_guidance_msgs.msg import Alarm, StageStatus
from surgical_guidance_msgs.srv import SaveContext
from typer.testing import CliRunner

from surgical_guidance.cli_evidence import app
from surgical_guidance.clock import monotonic_ns
from surgical_guidance.contract import HEARTBEAT
from surgical_guidance.errors import EvidenceError
from surgical_guidance.ports import subscription
from surgical_guidance.recording import mcap_file
from surgical_guidance.recording.memory import Record
from surgical_guidance.recording.schemas import definition, message_class
from surgical_guidance.recording.vault import HTML, JSON, MCAP, pieces

NAMESPACE = '/surgical_guidance'
PICTURES = f'{NAMESPACE}/recorder/image/compressed'


def save(graph, reason='a look', by='surgeon'):
    client = graph.nodes[0].create_client(SaveContext, f'{NAMESPACE}/save_context')
    assert client.wait_for_service(10.0)
    future = client.call_async(SaveContext.Request(reason=reason, by=by))
    assert graph.spin_until(future.done, timeout_s=20.0)
    return future.result()


def messages(path):
    """Every message of a file with the class that its schema names, decoded by ROS itself."""
    with (path / MCAP).open('rb') as file:
        for schema, channel, message in make_reader(file).iter_messages():
            assert (schema.encoding, channel.message_encoding) == ('ros2msg', 'cdr')
            yield channel.topic, message, deserialize_message(message.data, message_class(schema.name))


def test_what_was_said_and_seen_is_written_when_asked_for_and_read_back(graph, feed, recorder, tmp_path):
    node = recorder()
    assert graph.spin_until(lambda: 'camera' not in node._asked_of.values and held(node)[f'{NAMESPACE}/timing'] > 20)
    answer = save(graph)
    assert answer.success, answer.message
    (piece,) = pieces(tmp_path / 'evidence')
    assert answer.path == str(piece.path)
    found = {}
    for topic, stored, message in messages(piece.path):
        found.setdefault(topic, []).append((stored, message))
    sequences = [message.sequence for _, message in found[f'{NAMESPACE}/timing']]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert {f'{NAMESPACE}/{name}' for name in ('camera/frame', 'scene', 'heartbeat', 'status')} <= found.keys()
    frames = {message.header.stamp.nanosec: message.sequence for _, message in found[f'{NAMESPACE}/camera/frame']}
    for stored, picture in found[PICTURES]:
        image = cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (180, WIDTH, 3)
        sequence = frames[picture.header.stamp.nanosec]
        assert abs(int(image.mean()) - (sequence - 1) * 3 % 256) <= 2  # the very frame that its stamp names
        assert stored.publish_time == picture.header.stamp.sec * 10**9 + picture.header.stamp.nanosec


def test_the_summary_tells_what_happened(graph, feed, recorder, tmp_path):
    recorder()
    feed.latency_ms = 95.0
    graph.spin_until(lambda: False, timeout_s=0.3)
    feed.alarm('over_budget')
    assert graph.spin_until(lambda: pieces(tmp_path / 'evidence'))
    (piece,) = pieces(tmp_path / 'evidence')
    summary = json.loads((piece.path / JSON).read_text())
    assert summary['cause'] == 'over_budget'
    assert summary['over_limit'] >= 3
    assert summary['latency_ms']['capture_to_advice']['max'] == 95.0
    assert [alarm['id'] for alarm in summary['alarms']] == ['over_budget']
    assert summary['states'][0]['state'] == 'ok'
    assert summary['id'] == piece.id
    page = (piece.path / HTML).read_text()
    assert 'over_budget' in page
    assert page.count('<img src="data:image/jpeg;base64,') >= 3
    assert page.count('<circle') == summary['over_limit']
    assert mcap_file.counts(piece.path / MCAP) == summary['messages']


@pytest.mark.parametrize(('priority', 'written'), [(Alarm.PRIORITY_HIGH, 1), (Alarm.PRIORITY_MEDIUM, 0)])
def test_high_alarms_alone_are_a_cause_and_each_once(graph, feed, recorder, tmp_path, priority, written):
    node = recorder(gap_s=0.0)
    for _ in range(3):
        feed.alarm('camera_lost', priority)
    before = held(node).get(f'{NAMESPACE}/alarm', 0)
    assert graph.spin_until(lambda: held(node).get(f'{NAMESPACE}/alarm', 0) >= before + 1)
    assert graph.spin_until(lambda: len(pieces(tmp_path / 'evidence')) >= written)
    graph.spin_until(lambda: len(pieces(tmp_path / 'evidence')) > written, timeout_s=0.5)
    assert len(pieces(tmp_path / 'evidence')) == written


def test_an_alarm_of_before_it_started_is_no_cause(graph, feed, recorder, tmp_path):
    feed.alarm('camera_lost', ago_s=60.0)
    node = recorder()
    assert graph.spin_until(lambda: held(node).get(f'{NAMESPACE}/alarm'))
    graph.spin_until(lambda: pieces(tmp_path / 'evidence'), timeout_s=0.5)
    assert pieces(tmp_path / 'evidence') == []


def test_the_silence_of_the_watchdog_is_a_cause(graph, feed, recorder, tmp_path):
    node = recorder()
    assert graph.spin_until(lambda: held(node).get(f'{NAMESPACE}/status'))
    feed.watchdog = False
    assert graph.spin_until(lambda: pieces(tmp_path / 'evidence'))
    assert pieces(tmp_path / 'evidence')[0].id.endswith('_watchdog_lost')


def test_what_waits_is_written_when_it_is_taken_down(graph, feed, recorder, tmp_path):
    node = recorder(post_roll_s=60.0)
    feed.alarm('camera_lost')
    assert graph.spin_until(lambda: node._recorder._triggers.waiting)
    assert pieces(tmp_path / 'evidence') == []
    node.close()
    assert [piece.id.rpartition('Z_')[2] for piece in pieces(tmp_path / 'evidence')] == ['camera_lost']


def test_without_pictures_no_patient_is_in_it(graph, feed, recorder, tmp_path):
    node = recorder()
    node._recorder._settings = type(node._recorder._settings)(30.0, 10**7, 0.0, 0.0, 0.0, 640, 75)
    node._recorder._memory._lanes[PICTURES].records.clear()
    assert save(graph).success
    assert PICTURES not in mcap_file.counts(pieces(tmp_path / 'evidence')[0].path / MCAP)


def test_a_full_disk_is_told_and_evidence_goes_on_when_there_is_room(graph, feed, recorder, tmp_path, monkeypatch):
    node = recorder(gap_s=0.0)
    beats, diagnoses = [], []
    subscription(graph.nodes[0], HEARTBEAT, lambda m: m.stage == 'recorder' and beats.append(m))
    graph.nodes[0].create_subscription(DiagnosticArray, '/diagnostics', lambda m: diagnoses.extend(m.status), 10)
    write = mcap_file.write

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(mcap_file, 'write', full)
    answer = save(graph)
    assert not answer.success
    assert 'the oldest stays: No space left on device' in answer.message
    assert graph.spin_until(lambda: beats and beats[-1].state == StageStatus.ERROR)
    assert 'No space left' in beats[-1].detail
    assert graph.spin_until(lambda: diagnoses and diagnoses[-1].level == DiagnosticStatus.ERROR)
    assert (diagnoses[-1].name, diagnoses[-1].message) == ('recorder: evidence', beats[-1].detail)
    turns = node.done
    assert graph.spin_until(lambda: node.done > turns + 5), 'it hangs'
    monkeypatch.setattr(mcap_file, 'write', write)
    feed.alarm('camera_lost')
    assert graph.spin_until(lambda: pieces(tmp_path / 'evidence'))
    assert graph.spin_until(lambda: beats[-1].state == StageStatus.ACTIVE)


def test_it_says_that_it_is_not_active(graph, feed, recorder):
    node = recorder()
    node.trigger_deactivate()
    answer = save(graph)
    assert (answer.success, answer.message) == (False, 'the recorder is not active')


def test_what_cannot_be_read_neither_stops_it_nor_spoils_the_evidence(graph, feed, recorder, tmp_path):
    node = recorder()
    heartbeat = f'{NAMESPACE}/heartbeat'
    torn = Record(heartbeat, b'\x00\x01\x00\x00\xff\xff\xff\xff', monotonic_ns(), 1, 1)
    assert node._recorder._look_into(HEARTBEAT, torn, monotonic_ns()) is None
    node._recorder._memory.add(torn)  # as of a topic that is only kept
    assert save(graph).success
    assert mcap_file.check(pieces(tmp_path / 'evidence')[0].path / MCAP)[heartbeat] >= 2


def test_a_definition_holds_every_type_it_uses():
    text = definition('surgical_guidance_msgs/msg/SceneState')
    assert text.startswith('# What is seen in one frame.')
    assert [line for line in text.splitlines() if line.startswith('MSG: ')].count('MSG: builtin_interfaces/Time') == 1
    for name in ('std_msgs/Header', 'surgical_guidance_msgs/Instrument', 'surgical_guidance_msgs/StageTiming'):
        assert f'MSG: {name}' in text


def test_the_command_line_lists_shows_and_verifies_what_was_written(graph, feed, recorder, tmp_path):
    recorder()
    assert save(graph, reason='for the record').success
    where = tmp_path / 'evidence'
    (piece,) = pieces(where)

    def evidence(*words: str):
        return CliRunner().invoke(app, [*words, '--directory', str(where)], env={'COLUMNS': '200'})

    assert piece.id in evidence('list').output
    assert 'save_context: for the record (asked by surgeon)' in evidence('show', 'save_context').output
    assert evidence('verify', piece.id).output.startswith(f'{piece.id}: whole, ')
    whole = (piece.path / MCAP).read_bytes()
    for at in range(0, len(whole), 2000):  # wherever it is hit
        (piece.path / MCAP).write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        damage = evidence('verify', piece.id).exception
        assert isinstance(damage, EvidenceError), at
    assert 'names them' in str(evidence('show', 'nothing').exception)
