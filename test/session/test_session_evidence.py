"""A run whose frame path is slowed down and killed: evidence on disk, and an alert of a real Prometheus."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import threading

import psutil
import pytest
from mcap.reader import make_reader
from rclpy.serialization import deserialize_message
from session_cli import Cli

from prometheus_server import Prometheus
from surgical_guidance.recording.schemas import message_class
from surgical_guidance.recording.vault import HTML, JSON, MCAP, pieces

pytestmark = pytest.mark.processes

PARAMETERS = """
/**/recorder:
  ros__parameters: {gap_s: 0.0, post_roll_s: 0.5, keep_free_mb: 1}
"""
STOPPED_S, GOING_S = 0.12, 0.02


class Story:
    """One run for the whole module, as it takes seconds to start."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.metrics = re.search(r'http://(\S+)/metrics', cli.wait_for_line('metrics: http', timeout_s=90.0))[1]
        self.evidence = cli.run_dir / 'evidence'

    def wait_for_evidence(self, cause: str, timeout_s: float = 60.0) -> dict:
        """Give the summary of the first piece that names a cause; several causes share one piece."""
        found: list[dict] = []
        for _ in range(int(timeout_s / 0.1)):
            found = [json.loads((piece.path / JSON).read_text()) for piece in pieces(self.evidence)]
            for summary in found:
                if any(one['id'].startswith(cause) for one in summary['causes']):
                    return summary
            threading.Event().wait(0.1)
        raise AssertionError(f'no evidence of {cause} among {[summary["causes"] for summary in found]}')


@pytest.fixture(scope='module')
def story(domain, tmp_path_factory):
    folder = tmp_path_factory.mktemp('story')
    (folder / 'params.yaml').write_text(PARAMETERS)
    cli = Cli(domain(), folder, '--source', 'phantom:?size=320x180', '--metrics-port', '0', '--params-file',
              str(folder / 'params.yaml'))  # fmt: skip
    try:
        yield Story(cli)
    finally:
        cli.close()


@contextlib.contextmanager
def starved(process: psutil.Process):
    """Take the processor from a process most of the time, as an overloaded host does: every frame is late."""
    end = threading.Event()

    def starve() -> None:
        while not end.is_set():
            process.send_signal(signal.SIGSTOP)
            end.wait(STOPPED_S)
            process.send_signal(signal.SIGCONT)
            end.wait(GOING_S)

    thread = threading.Thread(target=starve)
    thread.start()
    yield
    end.set()
    thread.join()


def test_three_slow_frames_fire_the_alert_of_a_real_prometheus(story, tmp_path):
    prometheus = Prometheus(tmp_path / 'prometheus', story.metrics)
    try:
        assert prometheus.wait_for(lambda: prometheus.query('surgical_guidance_frames_total{outcome="advised"} > 30'))
        assert prometheus.wait_for(lambda: prometheus.query('surgical_guidance_process_threads{process="recorder"}'))
        assert prometheus.query('surgical_guidance_relay_up')[0]['value'][1] == '1'
        before = float(prometheus.query('surgical_guidance_breaches_total')[0]['value'][1])
        with starved(story.cli.children()['guidance']):
            assert prometheus.wait_for(
                lambda: prometheus.query(f'surgical_guidance_breaches_total > {before}'), timeout_s=30.0
            )
        alert = prometheus.wait_for(lambda: prometheus.firing().get('ThreeFramesOverLimit'))
        assert alert
        assert 'three frames in a row took over 80 ms' in alert['annotations']['summary']
    finally:
        prometheus.close()


def test_and_leave_evidence(story):
    summary = story.wait_for_evidence('over_budget')
    assert summary['over_limit'] >= 3
    assert any(alarm['id'] == 'over_budget' for alarm in summary['alarms'])
    assert summary['parameters'].keys() >= {'camera', 'inference', 'advice', 'watchdog'}
    assert summary['parameters']['camera']['source'] == 'phantom:?size=320x180'


def test_kill_9_of_the_frame_path_leaves_what_came_before_it_on_disk(story):
    guidance = story.cli.children()['guidance']
    before = len(pieces(story.evidence))
    guidance.kill()
    for _ in range(600):
        if len(pieces(story.evidence)) > before:
            break
        threading.Event().wait(0.1)
    piece = pieces(story.evidence)[-1]
    assert {file.name for file in piece.path.iterdir()} == {MCAP, JSON, HTML}
    decoded: dict[str, list] = {}
    with (piece.path / MCAP).open('rb') as file:
        for schema, channel, message in make_reader(file).iter_messages():
            content = deserialize_message(message.data, message_class(schema.name))
            decoded.setdefault(channel.topic, []).append(content)
    assert decoded['/rosout']
    for topic in ('camera/frame', 'scene', 'suggestion', 'timing', 'status', 'heartbeat', 'inference/status',
                  'recorder/image/compressed'):  # fmt: skip
        assert decoded.get(f'/surgical_guidance/{topic}'), topic
    assert len({timing.sequence for timing in decoded['/surgical_guidance/timing']}) > 10
    summary = json.loads((piece.path / JSON).read_text())
    assert any(cause['id'].startswith('stage_lost') for cause in summary['causes'])
    assert any(stage['pid'] == guidance.pid for stage in summary['stages'])
