"""The launch file starts what its arguments ask for, and only what is installed."""

from __future__ import annotations

import ast
import gc
import importlib.util
import re
import runpy
import warnings
from pathlib import Path

import pytest
import setuptools
import yaml

ROOT = Path(__file__).parents[2]
LAUNCH_FILE = ROOT / 'launch' / 'guidance.launch.py'
PACKAGE = ROOT / 'src' / 'surgical_guidance'
ARGUMENTS = ['source', 'models', 'params_file', 'composed', 'autostart', 'respawn', 'rosbridge', 'namespace']


@pytest.fixture(scope='module')
def installed():
    """What setup.py installs."""
    told = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(setuptools, 'setup', lambda **keywords: told.update(keywords))
        runpy.run_path(str(ROOT / 'setup.py'))
    return told


def constant(name: str) -> tuple[str, ...]:
    """Read a constant of the launch file without importing it: not every host has launch."""
    for statement in ast.parse(LAUNCH_FILE.read_text()).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == name:
            return ast.literal_eval(statement.value)
    raise AssertionError(f'no {name} in {LAUNCH_FILE}')


@pytest.mark.parametrize('processes', ['COMPOSED', 'APART'])
def test_only_executables_that_are_installed_are_started(installed, processes):
    scripts = {script.split(' = ')[0] for script in installed['entry_points']['console_scripts']}
    assert set(constant(processes)) <= scripts


def test_the_watchdog_and_the_relay_always_have_a_process_of_their_own():
    for processes in ('COMPOSED', 'APART'):
        assert constant(processes)[-2:] == ('watchdog_node', 'relay_node')


def test_the_launch_file_and_its_parameters_are_installed(installed):
    files = dict(installed['data_files'])
    assert 'launch/guidance.launch.py' in files['share/surgical_guidance/launch']
    assert 'config/guidance.yaml' in files['share/surgical_guidance/config']


def test_everything_the_package_reads_is_installed_with_it(installed):
    patterns = installed['package_data']['']
    for file in PACKAGE.rglob('*'):
        if file.is_dir() or '__pycache__' in file.parts or file.suffix == '.py':
            continue
        assert (file.parent / '__init__.py').exists(), f'{file.parent} is no package: setup.py leaves out what is in it'
        assert any(file.match(pattern) for pattern in patterns), f'no pattern of package_data takes {file}'


def test_the_arguments_are_documented():
    table = re.findall(r'^\| `(\w+)` \|', (ROOT / 'docs' / 'ros-host.md').read_text(), re.MULTILINE)
    assert table == ARGUMENTS


@pytest.fixture
def launch_module(monkeypatch, tmp_path):
    """The launch file, with programs in place of the executables that write down how they were called, and end."""
    pytest.importorskip('launch_ros')
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log'))
    spec = importlib.util.spec_from_file_location('guidance_launch', LAUNCH_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for executable in {*module.COMPOSED, *module.APART}:
        program = tmp_path / executable
        program.write_text('#!/bin/sh\nfor word; do last=$word; done\necho "$@" > "$0.words"; cp "$last" "$0.given"\n')
        program.chmod(0o755)
    monkeypatch.setattr(module, 'EXECUTABLES', str(tmp_path))
    return module


def run(module, folder: Path, *more, **arguments: str) -> dict[str, tuple[str, dict]]:
    """Launch it until its processes ended; give each one's words and the parameters that beat the params_file."""
    from launch.actions import IncludeLaunchDescription

    from launch import LaunchDescription, LaunchDescriptionSource, LaunchService

    service = LaunchService()
    source = LaunchDescriptionSource(module.generate_launch_description())
    given = ({'respawn': 'false'} | arguments).items()
    service.include_launch_description(
        LaunchDescription([*more, IncludeLaunchDescription(source, launch_arguments=given)])
    )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ResourceWarning)  # launch leaves its pipes to the collector
        assert service.run() == 0
        del service
        gc.collect()
    return {
        words.stem: (
            words.read_text(),
            yaml.safe_load(words.with_suffix('.given').read_text())['/**']['ros__parameters'],
        )
        for words in folder.glob('*.words')
    }


def test_the_arguments_are_the_documented_ones(launch_module):
    declared = launch_module.generate_launch_description().get_launch_arguments()
    assert [argument.name for argument in declared] == ARGUMENTS


@pytest.mark.parametrize(('composed', 'processes'), [('true', 'COMPOSED'), ('false', 'APART')])
def test_composed_or_apart_the_processes_are_started_with_the_parameters(launch_module, tmp_path, composed, processes):
    started = run(launch_module, tmp_path, composed=composed)
    assert set(started) == set(constant(processes))
    for words, given in started.values():
        assert words.startswith(
            f'--ros-args -r __ns:=/surgical_guidance --params-file {ROOT}/config/guidance.yaml --params-file '
        )
        assert given == {'autostart': True}


@pytest.mark.parametrize('source', ['phantom:', 'file:/a b/"c".mp4', 'rtsp://u:p@host:554/x?y=1', '0'])
def test_the_arguments_reach_the_nodes_as_they_were_given(launch_module, tmp_path, source):
    (tmp_path / 'mine.yaml').write_text('{}')
    arguments = {
        'source': source,
        'autostart': 'false',
        'namespace': 'or_2',
        'params_file': str(tmp_path / 'mine.yaml'),
    }
    words, given = run(launch_module, tmp_path, **arguments)['guidance_container']
    assert given == {'autostart': False, 'source': source}
    assert f'__ns:=/or_2 --params-file {tmp_path}/mine.yaml --params-file ' in words


@pytest.mark.parametrize('rosbridge', ['stock', 'none'])
def test_stock_rosbridge_takes_the_place_of_our_own(launch_module, monkeypatch, tmp_path, rosbridge):
    for package, executable in launch_module.STOCK:
        marker = tmp_path / 'share/ament_index/resource_index/packages' / package
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        program = tmp_path / 'lib' / package / executable
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nfor word; do last=$word; done\necho "$@" > {tmp_path}/{executable}.words\n'
                           f'cp "$last" {tmp_path}/{executable}.given\n')  # fmt: skip
        program.chmod(0o755)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    started = run(launch_module, tmp_path, rosbridge=rosbridge)
    assert started['relay_node'][1]['bridge_port'] == -1
    if rosbridge == 'stock':
        assert started['rosbridge_websocket'][1] == launch_module.STOCK_PARAMETERS
        assert 'rosapi_node' in started
    else:
        assert 'rosbridge_websocket' not in started


def test_a_missing_executable_is_told_with_the_remedy(launch_module, monkeypatch, tmp_path):
    monkeypatch.setattr(launch_module, 'EXECUTABLES', str(tmp_path / 'nowhere'))
    with pytest.raises(
        FileNotFoundError, match=r'relay_node is not in .*nowhere: build the workspace, or run make setup'
    ):
        launch_module._path('relay_node')


def test_a_process_that_ended_is_started_again(launch_module, tmp_path):
    from launch.actions import RegisterEventHandler, Shutdown
    from launch.event_handlers import OnProcessExit

    ended = []

    def on_exit(event, _):
        ended.append(event.process_name)
        return [Shutdown()] if len(ended) == 8 else []

    run(launch_module, tmp_path, RegisterEventHandler(OnProcessExit(on_exit=on_exit)), respawn='true')
    assert len({re.sub(r'-\d+$', '', name) for name in ended}) == 4
    assert len(ended) >= 8
