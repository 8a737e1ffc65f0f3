"""`surgical-guidance run`, for real: the whole graph from the command line, and what happens when things break."""

from __future__ import annotations

import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from session_cli import Cli

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
STAGES = {'handover', 'inference', 'scene', 'advice', 'capture_to_advice'}


@pytest.fixture
def cli(domain, tmp_path) -> Iterator:
    started: list[Cli] = []
    number = domain()

    def start(*arguments: str) -> Cli:
        started.append(Cli(number, tmp_path, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize('composed', ['--composed', '--no-composed'])
def test_the_rendered_operation_gives_advice_and_a_summary(cli, composed):
    run = cli('--source', 'phantom:?size=640x360', '--duration', '8', composed)
    assert run.wait() == 0, run.lines
    summary = run.summary
    assert summary['frames']['processed'] > 100
    assert summary['frames']['captured'] == summary['frames']['processed'] + summary['frames']['dropped']
    assert summary['latency_ms'].keys() == STAGES
    for times in summary['latency_ms'].values():
        assert 0 <= times['p50'] <= times['p99'] <= times['max']
    assert sum(summary['suggestions'].values()) >= 1
    hosts = {'guidance'} if composed == '--composed' else {'camera', 'inference', 'advice'}
    assert summary['processes'].keys() == hosts | {'watchdog', 'relay'}
    assert all(use['rss_mb'] > 10 and use['cpu_percent'] > 0 for use in summary['processes'].values())
    assert 'ONNX Runtime' in summary['engine']
    assert summary['source'] == 'phantom:?size=640x360'


def test_ctrl_c_ends_it_with_the_summary_and_leaves_nothing(cli):
    run = cli('--source', 'phantom:?size=320x180')
    run.wait_for_line('console: http://127.0.0.1:')
    children = run.children()
    assert children.keys() == {'guidance', 'watchdog', 'relay'}
    run.process.send_signal(signal.SIGINT)
    assert run.wait(timeout_s=10.0) == 0
    assert run.summary['frames']['processed'] > 0
    assert not any(child.is_running() for child in children.values())
    assert not any('killed' in line for line in run.lines), run.lines


def test_a_killed_guidance_is_started_again_and_goes_on(cli):
    run = cli('--source', 'phantom:?size=320x180')
    run.wait_for_line('console: http')
    run.children()['guidance'].kill()
    run.wait_for_line('guidance ended by signal SIGKILL; it is started again')
    log = run.run_dir / 'watchdog.log'
    assert log.exists()
    deadline = threading.Event()
    for _ in range(200):
        if 'guidance' in run.children():
            break
        deadline.wait(0.05)
    run.process.send_signal(signal.SIGINT)
    assert run.wait(timeout_s=10.0) == 0


def test_nothing_outlives_a_killed_run(cli):
    run = cli('--source', 'phantom:?size=320x180')
    run.wait_for_line('console: http')
    children = list(run.children().values())
    run.process.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def test_a_second_run_in_the_same_place_is_refused(cli, tmp_path):
    first = cli('--source', 'phantom:?size=320x180')
    first.wait_for_line('console: http')
    second = cli('--source', 'phantom:?size=320x180')
    assert second.wait() == 1
    assert re.search(r'another guidance is running \(process \d+\); end it, or give', second.lines[-1])


def one_line_error(run: Cli) -> str:
    assert run.wait() == 1
    assert not run.summary_file.exists()
    lines = [line for line in run.lines if line.strip()]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ('source', 'message'),
    [
        ('file:/no/such/clip.mp4', '/no/such/clip.mp4'),
        ('nonsense:abc', 'nonsense'),
        ('phantom:?size=huge', 'size'),
    ],
)
def test_a_source_that_cannot_be_is_one_line_with_the_remedy(cli, source, message):
    assert message in one_line_error(cli('--source', source, '--duration', '1'))


def test_a_port_in_use_is_one_line_with_the_remedy(cli):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        line = one_line_error(cli('--source', 'phantom:', '--port', str(port)))
    assert f'127.0.0.1:{port}' in line
    assert '--port' in line


def test_a_parameter_that_cannot_be_is_told(cli, tmp_path):
    file = tmp_path / 'params.yaml'
    file.write_text('/**/camera:\n  ros__parameters:\n    ring_slots: 1\n')
    line = one_line_error(cli('--source', 'phantom:', '--params-file', str(file)))
    assert 'guidance: ring_slots: ' in line
