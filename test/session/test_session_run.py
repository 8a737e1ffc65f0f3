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

from surgical_guidance.inference.manifest import DEFAULT_MODELS

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
    assert summary['processes'].keys() == hosts | {'watchdog', 'relay', 'recorder'}
    assert all(use['rss_mb'] > 10 and use['cpu_percent'] > 0 for use in summary['processes'].values())
    assert 'ONNX Runtime' in summary['engine']
    assert summary['models'].keys() == set(DEFAULT_MODELS)
    assert all(use['looks'] > 0 and use['cost_p50_ms'] > 0 for use in summary['models'].values())
    assert summary['degradation_step'] in range(8)  # a host under load gives something up
    assert summary['source'] == 'phantom:?size=640x360'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_summary_and_leaves_nothing(cli, number):
    run = cli('--source', 'phantom:?size=320x180')
    run.wait_for_line('console: http://127.0.0.1:')
    children = run.children()
    assert children.keys() == {'guidance', 'watchdog', 'relay', 'recorder'}
    run.process.send_signal(number)
    assert run.wait() == 0
    assert run.summary['frames']['processed'] > 0
    assert not any(child.is_running() for child in children.values())
    assert not any('killed' in line for line in run.lines), run.lines


@pytest.mark.parametrize('name', ['relay'])  # the others: the fault table
def test_a_killed_process_is_started_again(cli, name):
    run = cli('--source', 'phantom:?size=320x180')
    run.wait_for_line('console: http')
    killed = run.children()[name]
    killed.kill()
    run.wait_for_line(f'{name} ended by signal SIGKILL; it is started again')
    for _ in range(200):
        if name in run.children():
            break
        threading.Event().wait(0.05)
    assert run.children()[name].pid != killed.pid
    run.process.send_signal(signal.SIGINT)
    assert run.wait() == 0


def test_nothing_outlives_a_killed_run(cli):
    run = cli('--source', 'phantom:?size=320x180')
    run.wait_for_line('console: http')
    children = list(run.children().values())
    run.process.kill()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


def test_of_two_runs_in_the_same_place_one_is_refused_even_at_the_same_instant(cli):
    both = [cli('--source', 'phantom:?size=320x180', '--duration', '1') for _ in range(2)]
    assert sorted(run.wait() for run in both) == [0, 1]
    refused = next(run for run in both if run.process.returncode == 1)
    assert re.search(r'another guidance is running \(process \d+\); end it, or give', refused.lines[-1])


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


def test_a_model_that_is_not_there_is_one_line_with_the_remedy(cli):
    line = one_line_error(cli('--source', 'phantom:', '--model', 'none_such', '--duration', '1'))
    assert 'there is no such model manifest' in line
    assert 'phantom_segmentation' in line


def test_a_port_in_use_is_one_line_with_the_remedy(cli):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        line = one_line_error(cli('--source', 'phantom:', '--port', str(port)))
    assert f'127.0.0.1:{port}' in line
    assert '--port' in line


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('/**/camera:\n  ros__parameters:\n    ring_slots: 1\n', 'ring_slots: 1 is below 3'),
        ('/**/camera:\n  ros__parameters:\n    ring_slot: 8\n', "camera has no parameter 'ring_slot'; it has"),
        ('/**/kamera:\n  ros__parameters:\n    ring_slots: 8\n', "there is no node 'kamera'; there are camera"),
        ('not: [valid', 'this is not YAML'),
        ('hello', 'this is no parameters file'),
    ],
)
def test_a_parameters_file_that_cannot_be_is_one_line(cli, tmp_path, content, message):
    file = tmp_path / 'params.yaml'
    file.write_text(content)
    line = one_line_error(cli('--params-file', str(file)))
    assert message in line
    assert str(file) in line


def test_the_parameters_file_holds_where_no_option_says_otherwise(cli, tmp_path):
    file = tmp_path / 'params.yaml'
    file.write_text("/**/camera:\n  ros__parameters:\n    source: 'phantom:?size=320x180'\n")
    run = cli('--params-file', str(file), '--duration', '1')
    assert run.wait() == 0, run.lines
    assert run.summary['source'] == 'phantom:?size=320x180'


def test_a_camera_that_is_not_there_is_told_at_once_and_waited_for(cli):
    run = cli('--source', 'device:/dev/video97', '--duration', '2')
    run.wait_for_line('camera: .*/dev/video97')
    run.wait_for_line('console: http')
    assert run.wait() == 0
    assert run.summary['frames']['processed'] == 0


@pytest.mark.parametrize('option', ['--summary', '--run-dir'])
def test_a_place_that_cannot_be_written_is_one_line_before_the_work(cli, tmp_path, option):
    (tmp_path / 'a file').write_text('')
    run = cli('--source', 'phantom:?size=320x180', option, str(tmp_path / 'a file' / 'below'))
    line = one_line_error(run)
    assert 'a file' in line
