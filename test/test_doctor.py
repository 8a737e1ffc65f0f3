"""The doctor tells what a machine has and lacks, what that means, and what to do about it."""

from __future__ import annotations

import fcntl
import os
import socket
from types import SimpleNamespace

import pytest

from surgical_guidance import doctor
from surgical_guidance.doctor import compute, host, pictures, probe, ros

ENVIRONMENT = (
    'ROS_DISTRO',
    'ROS_DOMAIN_ID',
    'ROS_AUTOMATIC_DISCOVERY_RANGE',
    'ROS_LOCALHOST_ONLY',
    'ROS_SECURITY_ENABLE',
    'ROS_SECURITY_KEYSTORE',
    'RMW_IMPLEMENTATION',
)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine that has nothing, to be given things: ``machine(modules=..., env=...)``."""

    def give(*, modules=(), versions=None, says='', fails='', prints=None, env=None):
        """Give the machine what a case needs.

        :param says: what Python code in a child prints; ``fails``: what it says when it ends with an error.
        :param prints: what any other program prints; None where it is not there.
        """
        monkeypatch.setattr(probe, 'has', lambda module: module in modules)
        monkeypatch.setattr(probe, 'version', lambda *names: (versions or {}).get(names[0], ''))
        monkeypatch.setattr(probe, 'python', lambda _: (not fails, fails or says))
        monkeypatch.setattr(probe, 'command', lambda *_: prints)
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)

    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(compute, 'TEGRA', tmp_path / 'nv_tegra_release')
    give()
    return give


WHEELS = {'ros-rclpy': '7.1.6'}
CASES = [
    # check, what the machine has, status, told, remedy
    (ros.ros_2, {}, 'problem', 'no rclpy here: no node can start', 'make setup'),
    (
        ros.ros_2,
        {'modules': ['rclpy'], 'versions': WHEELS, 'says': 'rmw_fastrtps_cpp'},
        'ok',
        'jazzy (wheels) over rmw_fastrtps_cpp',
        '',
    ),
    (
        ros.ros_2,
        {'modules': ['rclpy'], 'env': {'ROS_DISTRO': 'kilted'}, 'says': 'rmw_zenoh_cpp'},
        'ok',
        'kilted (installed on the host) over rmw_zenoh_cpp',
        '',
    ),
    (
        ros.ros_2,
        {'modules': ['rclpy'], 'env': {'RMW_IMPLEMENTATION': 'rmw_x'}, 'fails': 'Expected rmw_x'},
        'problem',
        'does not load: Expected rmw_x',
        'unset RMW_IMPLEMENTATION, or install rmw_x',
    ),
    (ros.messages, {}, 'ok', 'is built and loads', ''),
    (ros.messages, {'fails': "No module named 'surgical_guidance_msgs'"}, 'problem', 'is not built here', 'make setup'),
    (ros.dds_security, {'versions': WHEELS}, 'missing', 'SROS2 is not in the ROS 2 wheels: anybody', 'LOCALHOST'),
    (
        ros.dds_security,
        {'versions': WHEELS, 'env': {'ROS_SECURITY_ENABLE': 'true'}},
        'problem',
        'ROS_SECURITY_ENABLE is set, and SROS2 is not in the ROS 2 wheels',
        'use a ROS 2 host',
    ),
    (ros.dds_security, {}, 'missing', 'off: anybody', 'LOCALHOST'),
    (
        ros.dds_security,
        {'env': {'ROS_SECURITY_ENABLE': 'true', 'ROS_SECURITY_KEYSTORE': '/keys'}},
        'ok',
        'on, keystore /keys',
        '',
    ),
    (ros.ros_network, {}, 'ok', 'domain 0, discovery SUBNET: nodes speak with every machine', ''),
    (ros.ros_network, {'env': {'ROS_LOCALHOST_ONLY': '1'}}, 'ok', 'this host alone', ''),
    (
        ros.ros_network,
        {'env': {'ROS_DOMAIN_ID': '7', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}},
        'ok',
        'domain 7, discovery LOCALHOST: nodes speak with this host alone',
        '',
    ),
    (ros.ros_network, {'env': {'ROS_DOMAIN_ID': '233'}}, 'problem', '=233 does not exist', 'use 0 to 232'),
    (ros.ros_network, {'env': {'ROS_DOMAIN_ID': 'x'}}, 'problem', '=x does not exist', 'use 0 to 232'),
    (
        ros.ros_network,
        {'env': {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'HOME'}},
        'problem',
        'HOME is not a discovery range',
        'LOCALHOST',
    ),
    (
        ros.ros_network,
        {'env': {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF'}},
        'problem',
        'do not find each other',
        'LOCALHOST',
    ),
    (ros.launch, {}, 'missing', 'surgical-guidance run starts the same nodes', 'ros2launch'),
    (ros.launch, {'modules': ['launch_ros', 'ros2launch']}, 'ok', 'ros2 launch surgical_guidance', ''),
    (ros.diagnostic_updater, {}, 'missing', 'the watchdog fills /diagnostics itself', 'apt install'),
    (ros.diagnostic_updater, {'modules': ['diagnostic_updater']}, 'ok', 'publishes /diagnostics through it', ''),
    (ros.rosbridge_server, {}, 'missing', 'serves the console without it', 'apt install'),
    (ros.rosbridge_server, {'modules': ['rosbridge_server']}, 'ok', 'here', ''),
    (compute.gpu, {}, 'missing', 'inference runs on the CPU', 'install its driver'),
    (
        compute.gpu,
        {'prints': 'NVIDIA H100 80GB HBM3, 550.90.07, 81559 MiB\nNVIDIA T4, 550.90.07, 15360 MiB'},
        'ok',
        'NVIDIA H100 80GB HBM3, 550.90.07, 81559 MiB; NVIDIA T4',
        '',
    ),
    (compute.tensorrt, {}, 'missing', 'not here: inference runs on the CPU', 'pip install tensorrt'),
    (compute.tensorrt, {'modules': ['tensorrt'], 'says': '10.7.0'}, 'ok', '10.7.0', ''),
    (
        compute.tensorrt,
        {'modules': ['tensorrt'], 'fails': 'ImportError: libnvinfer.so.10'},
        'missing',
        'does not load: ImportError: libnvinfer.so.10; inference runs on the CPU',
        'for this driver',
    ),
    (compute.pycuda, {}, 'missing', 'not here: inference runs on the CPU', 'pip install pycuda'),
    (compute.pycuda, {'modules': ['pycuda'], 'says': '2025.1 with NVIDIA T4'}, 'ok', 'with NVIDIA T4', ''),
    (
        compute.pycuda,
        {'modules': ['pycuda'], 'fails': 'no CUDA-capable device'},
        'missing',
        'no CUDA-capable',
        'driver',
    ),
    (
        compute.onnx_runtime,
        {'says': '1.32.0 on CPUExecutionProvider CUDAExecutionProvider'},
        'ok',
        '1.32.0 on CPU CUDA',
        '',
    ),
    (compute.engines, {'says': 'tensorrt: no GPU; onnxruntime runs'}, 'ok', 'tensorrt: no GPU; onnxruntime runs', ''),
    (compute.engines, {'fails': 'ImportError: x'}, 'problem', 'cannot be looked at', 'pip install onnxruntime'),
    (compute.onnx_runtime, {'fails': 'ImportError: x'}, 'problem', 'no model can run', 'pip install onnxruntime'),
    (
        compute.models,
        {'says': '0.53 13.3 of 25 ms a frame: a 12.0 ms every frame'},
        'ok',
        '13.3 of 25 ms a frame: a',
        '',
    ),
    (compute.models, {'says': '1.20 30.0 of 25 ms a frame: a'}, 'missing', 'frames will be dropped', 'a faster host'),
    (compute.models, {'fails': 'ModelError: x'}, 'problem', 'do not run: ModelError: x', 'docs/models.md'),
    (pictures.decoding, {'says': '18.1.0 8.1.2 -'}, 'ok', 'PyAV 18.1.0 (FFmpeg 8.1.2), on the CPU', ''),
    (pictures.decoding, {'fails': 'No module named av'}, 'problem', 'no file, stream or device can be read', 'pip'),
    (pictures.gstreamer, {'says': '4.11.0 YES'}, 'ok', '4.11.0 with GStreamer', ''),
    (pictures.gstreamer, {'says': '4.11.0 NO'}, 'ok', 'without GStreamer: device: takes V4L2', 'python3-opencv'),
    (pictures.gstreamer, {'fails': 'No module named cv2'}, 'problem', 'no picture can be converted', 'opencv'),
    (pictures.cv_bridge, {}, 'missing', 'our own converter', 'not needed'),
    (pictures.cv_bridge, {'modules': ['cv_bridge'], 'says': 'True'}, 'ok', 'converts', ''),
    (pictures.cv_bridge, {'modules': ['cv_bridge'], 'says': 'False'}, 'missing', 'does not work', 'not needed'),
    (
        pictures.cv_bridge,
        {'modules': ['cv_bridge'], 'fails': 'exit status -11'},
        'missing',
        'does not work',
        'not needed',
    ),
]


@pytest.mark.parametrize(('check', 'has', 'status', 'told', 'remedy'), CASES)
def test_each_state_of_a_machine_is_told_with_what_it_means(machine, check, has, status, told, remedy):
    machine(**has)
    finding = check()
    assert finding.status == status
    assert told in finding.detail
    assert remedy in finding.remedy
    assert bool(finding.remedy) or finding.status == 'ok'


@pytest.mark.usefixtures('machine')
def test_a_jetson_is_a_gpu():
    compute.TEGRA.write_text('# R36 (release), REVISION: 4.3\nmore\n')
    assert compute.gpu().detail == 'NVIDIA Jetson, R36 (release), REVISION: 4.3'


@pytest.mark.parametrize(('cores', 'status'), [(1, 'missing'), (2, 'ok'), (16, 'ok')])
def test_one_core_is_too_few(monkeypatch, cores, status):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: set(range(cores)))
    assert compute.processor().status == status


@pytest.mark.parametrize(('free', 'status'), [(2**30, 'problem'), (2**32, 'ok')])
def test_too_little_memory_is_a_problem(monkeypatch, free, status):
    monkeypatch.setattr(compute.psutil, 'virtual_memory', lambda: SimpleNamespace(available=free))
    assert compute.memory().status == status


@pytest.mark.parametrize(('free', 'status'), [(2**20, 'missing'), (2**40, 'ok')])
def test_a_full_disk_is_told(monkeypatch, free, status):
    monkeypatch.setattr(host.shutil, 'disk_usage', lambda _: SimpleNamespace(free=free))
    assert host.disk().status == status


@pytest.mark.parametrize(('version', 'status'), [((3, 10, 2), 'problem'), ((3, 11, 0), 'ok'), ((3, 14, 1), 'ok')])
def test_an_old_python_is_a_problem(monkeypatch, version, status):
    monkeypatch.setattr(host.sys, 'version_info', version)
    assert host.python().status == status


@pytest.fixture
def shm(monkeypatch, tmp_path):
    monkeypatch.setattr(host, 'SHM', tmp_path)
    return tmp_path


@pytest.mark.usefixtures('shm')
@pytest.mark.parametrize(
    ('mebibytes', 'status', 'told'),
    [
        (40, 'problem', '40 MiB of 64 MiB free; 1080p frames need 47 MiB'),
        (64, 'missing', '64 MiB of 64 MiB free: enough for 1080p, but 4K needs 190 MiB'),
        (512, 'ok', '512 MiB of 64 MiB free; 1080p frames need 47 MiB, 4K 190 MiB'),
    ],
)
def test_shared_memory_is_held_against_what_the_frames_need(monkeypatch, mebibytes, status, told):
    facts = SimpleNamespace(f_bavail=mebibytes, f_blocks=64, f_frsize=2**20)
    monkeypatch.setattr(host.os, 'statvfs', lambda _: facts)
    finding = host.shared_memory()
    assert (finding.status, finding.detail) == (status, told)
    assert bool(finding.remedy) == (status != 'ok')


def test_it_looks_for_what_the_nodes_use_by_default():
    from surgical_guidance.camera.node import CameraParams
    from surgical_guidance.relay.node import RelayParams

    assert CameraParams().ring_slots == host.SLOTS
    assert RelayParams().port == host.CONSOLE_PORT


def test_no_shared_memory_at_all_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(host, 'SHM', tmp_path / 'none')
    assert host.shared_memory().status == 'problem'


@pytest.mark.parametrize(
    ('check', 'names', 'told'),
    [
        (host.dead_rings, ['surgical_guidance.0.a.1.1'], '1 left in {shm} by killed processes, 1 MiB: surgical'),
        (
            host.fast_dds_litter,
            ['fastrtps_ab', 'fastrtps_ab_el'],
            '1 left in {shm} by killed processes, 1 MiB: fastrtps_ab',
        ),
    ],
)
def test_what_killed_processes_left_is_told_and_left_alone(shm, check, names, told):
    assert check().status == 'ok'
    for name in names:
        (shm / name).write_bytes(bytes(0 if name.endswith('_el') else 2**20))
    with (shm / names[-1]).open() as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        assert check().status == 'ok'  # its owner lives
    finding = check()
    assert finding.status == 'missing'
    assert told.format(shm=shm) in finding.detail
    assert sorted(path.name for path in shm.iterdir()) == sorted(names)


def test_the_ports_holder_is_named(monkeypatch):
    with socket.create_server(('127.0.0.1', 0)) as server:
        monkeypatch.setattr(host, 'CONSOLE_PORT', server.getsockname()[1])
        finding = host.console_port()
        assert finding.status == 'problem'
        assert f'(process {os.getpid()})' in finding.detail
    assert host.console_port().status == 'ok'


def test_cameras_are_listed_as_sources_and_closed_ones_are_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(pictures, 'DEV', tmp_path / 'dev')
    monkeypatch.setattr(pictures, 'VIDEO_CLASS', tmp_path / 'class')
    assert pictures.cameras().status == 'missing'
    for number in (10, 2):
        (tmp_path / f'class/video{number}').mkdir(parents=True)
    (tmp_path / 'class/video2/name').write_text('USB3 Video\n')
    (tmp_path / 'dev').mkdir()
    for number in (10, 2):
        (tmp_path / f'dev/video{number}').touch()
    finding = pictures.cameras()
    assert finding.status == 'ok'
    assert finding.detail == f'device:{tmp_path}/dev/video2 (USB3 Video), device:{tmp_path}/dev/video10 (unnamed)'
    monkeypatch.setattr(pictures.os, 'access', lambda path, _: path.name != 'video10')
    finding = pictures.cameras()
    assert finding.status == 'problem'
    assert 'may not open video10' in finding.detail
    assert 'usermod' in finding.remedy


@pytest.mark.parametrize(
    ('devices', 'told'), [((), 'on the CPU'), (('nvidiactl',), 'cuda'), (('dri/renderD128',), 'qsv')]
)
def test_hardware_decoding_is_told_where_its_device_exists(machine, monkeypatch, tmp_path, devices, told):
    machine(says='18.1.0 8.1.2 cuda,qsv')
    monkeypatch.setattr(pictures, 'DEV', tmp_path)
    for device in devices:
        (tmp_path / device).parent.mkdir(exist_ok=True)
        (tmp_path / device).touch()
    assert pictures.decoding().detail.split(', ', 1)[1].removeprefix('in hardware with ').startswith(told)


def test_a_check_that_fails_costs_none_of_the_others():
    def broken_check():
        raise PermissionError('no')

    first, second = doctor.examine([broken_check, host.disk])
    assert (first.name, first.status) == ('broken check', 'problem')
    assert 'PermissionError: no' in first.detail
    assert second.name == 'disk'


def test_this_machine_is_examined_without_a_failing_check():
    findings = doctor.examine()
    assert len(findings) == len(doctor.CHECKS) == len({finding.name for finding in findings})
    told = {finding.name: finding for finding in findings}
    assert not [finding for finding in findings if 'could not be looked at' in finding.detail]
    for name in ('Python', 'ROS 2', 'messages', 'ONNX Runtime', 'video decoding', 'OpenCV'):
        assert told[name].status == 'ok', told[name]


def test_a_child_that_ends_badly_is_an_answer(monkeypatch):
    assert probe.python('print(1); print(2)') == (True, '2')
    assert probe.python('raise SystemExit("no good")') == (False, 'no good')
    assert probe.python('import os; os._exit(9)') == (False, 'exit status 9')
    monkeypatch.setattr(probe, 'TIMEOUT_S', 0.05)
    assert probe.python('import time; time.sleep(9)') == (False, 'no answer within 0 s')


def test_a_program_that_is_not_there_gives_nothing():
    assert probe.command('no-such-program-here') is None
    assert probe.command('false') is None
    assert probe.command('echo', 'yes') == 'yes'
