"""What Prometheus reads: bounded labels, counters that survive restarts of others, and the three slow frames."""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client.parser import text_string_to_metric_families
from watchdog_play import Play

from surgical_guidance.contract import STAGES
from surgical_guidance.errors import HostError
from surgical_guidance.watchdog.alarm_table import alarm_table
from surgical_guidance.watchdog.exposition import serve
from surgical_guidance.watchdog.metrics import RULES, Metrics


@pytest.fixture
def metrics():
    return Metrics(tuple(alarm_table(STAGES).values()))


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f'surgical_guidance_{name}', labels)


def slow(metrics: Metrics, *latencies_ms: float) -> None:
    for ms in latencies_ms:
        metrics.timing({'capture_to_advice': ms}, 0, 0)


def test_times_are_counted_in_buckets_with_the_limits_as_edges(metrics):
    metrics.timing({'handover': 3.0, 'inference': 18.0, 'scene': 2.0, 'advice': 1.0, 'capture_to_advice': 49.9}, 1, 0)
    assert value(metrics, 'capture_to_advice_seconds_bucket', le='0.04') == 0
    assert value(metrics, 'capture_to_advice_seconds_bucket', le='0.05') == 1
    assert value(metrics, 'stage_seconds_bucket', stage='inference', le='0.02') == 1
    assert value(metrics, 'queue_age_seconds_sum') == pytest.approx(0.003)
    assert value(metrics, 'capture_to_advice_seconds_bucket', le='0.12') == 1


@pytest.mark.parametrize(
    ('latencies', 'breaches'),
    [
        ((90, 90), 0),
        ((90, 90, 90), 1),
        ((90, 90, 90, 90, 90, 90), 1),  # one that goes on
        ((90, 90, 20, 90), 0),
        ((90, 90, 90, 20, 90, 90, 90), 2),
        ((80, 80, 80), 0),  # the limit itself is kept
    ],
)
def test_three_frames_over_the_limit_in_a_row_are_a_breach(metrics, latencies, breaches):
    slow(metrics, *latencies)
    assert value(metrics, 'breaches_total') == breaches
    assert value(metrics, 'frames_over_limit_total') == sum(ms > 80 for ms in latencies)


def test_nonsense_is_not_counted(metrics):
    metrics.timing({'capture_to_advice': math.nan, 'inference': -1.0, 'made_up': 3.0, 'scene': math.inf}, 1, 0)
    assert value(metrics, 'capture_to_advice_seconds_count') == 0
    assert value(metrics, 'stage_seconds_count', stage='made_up') is None
    assert value(metrics, 'stage_seconds_count', stage='scene') == 0


def test_drops_are_counted_over_a_restart_of_the_frame_path(metrics):
    for captured, dropped in ((10, 0), (20, 4), (5, 1), (9, 3)):
        metrics.timing({}, captured, dropped)
    assert value(metrics, 'frames_total', outcome='dropped') == 4 + 3
    assert value(metrics, 'frames_total', outcome='advised') == 4


def test_a_suggestion_is_counted_once_and_again_after_a_restart(metrics):
    metrics.heartbeat('advice', 11, '')
    for sequence in (1, 1, 1, 2):
        metrics.suggestion('hook_near_bowel', 3, sequence)
    metrics.heartbeat('advice', 12, '')
    metrics.suggestion('hook_near_bowel', 3, 2)
    assert value(metrics, 'suggestions_total', rule='hook_near_bowel', priority='high') == 3


def test_no_label_grows_without_bound(metrics):
    for number in range(1000):
        metrics.suggestion(f'rule_{number}', 1 + number % 9, number)
        metrics.heartbeat(f'stage_{number}', number, '')
    metrics.suggestion('not a rule {}', 1, 5000)
    (family,) = (found for found in metrics.registry.collect() if found.name == 'surgical_guidance_suggestions')
    rules = {sample.labels['rule'] for sample in family.samples}
    assert len(rules) == RULES + 1
    assert 'other' in rules
    assert {sample.labels['priority'] for sample in family.samples} <= {'none', 'low', 'medium', 'high', 'other'}
    assert metrics.pids == {}


def test_states_and_alarms_follow_the_watch(metrics):
    play = Play()

    def follow(seconds: float) -> None:
        before = len(play.outcomes)
        play.run(seconds)
        for outcome in play.outcomes[before:]:
            metrics.turn(outcome, play.watch.alarms.standing)

    follow(3.0)
    assert value(metrics, 'state', state='ok') == 1
    assert value(metrics, 'frame_rate_hertz') == pytest.approx(30, abs=2)
    play.silent = {'camera'}
    follow(2.0)
    assert (value(metrics, 'state', state='ok'), value(metrics, 'state', state='failed')) == (0, 1)
    lost = {'id': 'stage_lost.camera', 'priority': 'high'}
    assert value(metrics, 'alarms_raised_total', **lost) == value(metrics, 'alarm_active', **lost) == 1
    assert value(metrics, 'alarms_unacknowledged') >= 1
    play.silent = set()
    follow(5.0)
    assert (value(metrics, 'alarms_raised_total', **lost), value(metrics, 'alarm_active', **lost)) == (1, 0)
    play.watch.alarms.acknowledge('', 'surgeon', play.now_ns)
    follow(0.1)
    assert value(metrics, 'alarms_unacknowledged') == 0


def test_every_alarm_is_there_from_the_start_at_zero(metrics):
    """Prometheus sees no increase from a sample that was not there before."""
    assert value(metrics, 'alarms_raised_total', id='over_budget', priority='high') == 0
    assert value(metrics, 'alarm_active', id='camera_lost', priority='high') == 0


class Relay(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({'clients': 2, 'pictures': {'sent': 30, 'dropped': 1}, 'bytes': 4096, 'round_trip_ms': 12.5})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def relay_address():
    server = ThreadingHTTPServer(('127.0.0.1', 0), Relay)
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    thread.join()
    server.server_close()


def scrape(port: int) -> dict[str, list]:
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {family.name: family.samples for family in families}


def test_they_are_served_with_processes_host_and_relay(metrics, relay_address):
    for stage in ('camera', 'inference', 'advice'):
        metrics.heartbeat(stage, os.getppid(), '')
    metrics.heartbeat('relay', 2**22 + 1, relay_address)  # no such process: left out
    port, end = serve(metrics, lambda: None, 0)
    try:
        found = scrape(port)
    finally:
        end()
    threads = {sample.labels['process']: sample.value for sample in found['surgical_guidance_process_threads']}
    assert threads.keys() == {'watchdog', 'guidance'}
    assert all(count >= 1 for count in threads.values())
    assert found['surgical_guidance_relay_clients'][0].value == 2
    assert found['surgical_guidance_relay_sent_bytes'][0].value == 4096
    assert found['surgical_guidance_relay_round_trip_seconds'][0].value == 0.0125
    assert found['surgical_guidance_host_cpu_load'][0].value >= 0


def test_a_relay_that_is_gone_is_told_and_the_rest_comes(metrics):
    with socket.create_server(('127.0.0.1', 0)) as silent:
        metrics.heartbeat('relay', os.getpid(), f'http://127.0.0.1:{silent.getsockname()[1]}')
        port, end = serve(metrics, lambda: None, 0)
        try:
            found = scrape(port)
        finally:
            end()
    assert found['surgical_guidance_relay_up'][0].value == 0
    assert found['surgical_guidance_state']


def test_a_port_in_use_is_told_with_the_remedy(metrics):
    with socket.create_server(('127.0.0.1', 0)) as taken, pytest.raises(HostError, match='metrics_port'):
        serve(metrics, lambda: None, taken.getsockname()[1])
