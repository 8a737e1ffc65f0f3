"""The host as the watchdog sees it: picture, clock, sensors, memory; and what dead processes leave in shared memory."""

import fcntl
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from surgical_guidance.frames import RingWriter
from surgical_guidance.frames.ring import SHM
from surgical_guidance.watchdog.budgets import Budgets
from surgical_guidance.watchdog.clock_steps import ClockSteps
from surgical_guidance.watchdog.gpu import Jetson, Nvml, find_gpu
from surgical_guidance.watchdog.growth import SETTLE_LOOKS, SETTLE_LOOKS_MOST, Growth
from surgical_guidance.watchdog.host import Host, hottest, own_mb
from surgical_guidance.watchdog.ladder import Ladder, Load
from surgical_guidance.watchdog.litter import remove_dead_segments, sweep
from surgical_guidance.watchdog.picture import PictureFacts, Pictures, PictureWatch
from surgical_guidance.watchdog.processes import Processes

S = 1_000_000_000
MS = 1_000_000
FRAME_NS = S // 30


# The picture


class Camera:
    def __init__(self):
        self.pictures = Pictures()
        self.now_ns = S
        self.noise = np.random.default_rng(1)
        self.picture = self.noise.integers(0, 255, (12, 64, 3), np.uint8)

    def play(self, frames, *, still=False, black=False):
        """Give the facts after each frame."""
        told = []
        for _ in range(frames):
            self.now_ns += FRAME_NS
            if not still:
                self.picture = self.picture.copy()
                self.picture[3, 5] += 1  # one sampled pixel is enough
            shown = self.picture // 40 if black else self.picture
            self.pictures.saw(self.now_ns, 1, shown.tobytes())
            told.append(self.pictures.facts())
        return told


def test_a_live_picture_is_neither_frozen_nor_black():
    assert set(Camera().play(300)) == {PictureFacts()}


def test_the_third_equal_picture_is_a_frozen_one():
    camera = Camera()
    camera.play(30)
    told = camera.play(3, still=True)
    assert [bool(facts.frozen) for facts in told] == [False, True, True]  # the first of the equal ones was a live one
    assert told[1].frozen == 'the same picture for 0.07 s'
    assert camera.play(1)[0] == PictureFacts()


def test_a_source_that_pauses_by_nature_is_not_frozen_when_it_pauses_again():
    camera = Camera()
    camera.play(30)
    for _ in range(5):  # a still of 0.5 s, as a compressed stream of a view in which nothing moves
        told = camera.play(15, still=True) + camera.play(5)
    assert not any(facts.frozen for facts in told)
    assert any(facts.frozen for facts in camera.play(60, still=True))  # and yet not for ever


def test_a_black_picture_is_told_at_the_third():
    camera = Camera()
    camera.play(30)
    assert [bool(facts.black) for facts in camera.play(4, black=True)] == [False, False, True, True]
    assert not camera.play(1)[0].black


@pytest.fixture
def ring():
    ring = RingWriter(f'surgical_guidance.test{os.getpid()}', 4, 320 * 240 * 3)
    yield ring
    ring.close()


def show(ring, level, times=1):
    for _ in range(times):
        draft = ring.begin(320, 240)
        draft.image[:] = level
        ring.commit(draft, ring.sequence, S + ring.sequence * FRAME_NS)


def test_it_looks_at_every_picture_of_the_ring(ring):
    watch = PictureWatch()
    watch.follow(ring.name)
    assert watch.look() == PictureFacts()
    for level in (50, 60, 70):
        show(ring, level)
        assert watch.look() == PictureFacts()
    show(ring, 70, times=2)
    assert watch.look().frozen
    assert not watch.look().black
    show(ring, 0, times=2)
    assert not watch.look().black
    assert watch.suspicious
    show(ring, 0)
    assert watch.look().black
    show(ring, 80)
    assert watch.look() == PictureFacts()
    assert not watch.suspicious


def test_a_ring_that_is_not_on_this_host_is_passed_over():
    watch = PictureWatch()
    watch.follow('surgical_guidance.0.elsewhere.1.1')
    assert not watch.following
    assert watch.look() == PictureFacts()


# The clock


@pytest.mark.parametrize('by_s', [10.0, -10.0, 0.7])
def test_a_step_of_the_system_clock_is_noticed_and_told_for_a_while(by_s):
    clock = ClockSteps()
    turns = [clock.look(turn * 100 * MS, 10**18 + turn * 100 * MS) for turn in range(20)]
    assert set(turns) == {''}
    stepped = [clock.look(turn * 100 * MS, 10**18 + turn * 100 * MS + int(by_s * S)) for turn in range(20, 90)]
    assert stepped[0] == f'the system clock was set by {by_s:+.1f} s'
    assert stepped[49] == stepped[0]
    assert stepped[50] == ''
    assert clock.count == 1


def test_a_clock_that_is_slewed_is_not_stepped():
    clock = ClockSteps()
    assert {clock.look(turn * 100 * MS, int(turn * 100 * MS * 1.0005)) for turn in range(100_000)} == {''}


# Stages


def test_a_stage_is_over_its_budget_at_the_third_frame_in_a_row():
    budgets = Budgets()
    for at_ms, took_ms in ((0, 40.0), (33, 40.0), (66, 20.0), (100, 40.0), (133, 40.0), (166, 41.0)):
        assert budgets.over(at_ms * MS) == {}
        budgets.frame(at_ms * MS, {'inference': took_ms, 'scene': float('nan'), 'unknown': 900.0})
    assert budgets.over(200 * MS) == {'inference': 41.0}
    assert budgets.over(1200 * MS) == {}


# The ladder


def test_a_step_up_that_was_too_early_doubles_the_wait():
    ladder = Ladder(3, down_after_s=1.0, up_after_s=10.0)
    asked, now = [], 0
    for second in range(400):  # a host that is too slow for step 0, whatever it waits
        now = second * S
        load = Load('too slow', room=False) if ladder.step == 0 else Load()
        if (step := ladder.observe(load, now)) is not None:
            asked.append((second, step.step))
    ups = [second for second, step in asked if step == 0]
    downs = [second for second, step in asked if step == 1]
    waits = [up - down for down, up in zip(downs, ups, strict=False)]
    assert waits[:4] == [11, 21, 41, 81]  # and one second until there is room


def test_between_strain_and_room_the_step_stays():
    ladder = Ladder(3, down_after_s=1.0, up_after_s=10.0)
    ladder.observe(Load('too slow'), 0)
    assert ladder.observe(Load('too slow'), S).step == 1
    assert all(ladder.observe(Load(room=False), second * S) is None for second in range(2, 500))
    assert ladder.step == 1


# Sensors


def test_a_sensor_at_its_limit_is_told(monkeypatch):
    entry = SimpleNamespace(label='Package', current=99.0, high=80.0, critical=100.0)
    nonsense = SimpleNamespace(label='x', current=65.0, high=0.0, critical=0.0)
    monkeypatch.setattr(psutil, 'sensors_temperatures', lambda: {'coretemp': [entry], 'acpitz': [nonsense]})
    assert hottest() == (99.0, 'coretemp Package has 99 °C, the limit is 97 °C')
    entry.current = 96.0
    assert hottest() == (96.0, '')


def test_a_processor_that_slows_itself_down_is_told_once(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, 'sensors_temperatures', dict)
    count = tmp_path / 'sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count'
    count.parent.mkdir(parents=True)
    count.write_text('7\n')
    host = Host(tmp_path, tmp_path)
    assert host.look().hot == ''
    count.write_text('9\n')
    assert host.look().hot == 'the processor slowed itself down 2 times since the last look'
    assert host.look().hot == ''


def test_what_is_left_is_read(tmp_path):
    facts = Host(tmp_path / 'not' / 'there' / 'yet', tmp_path).look()
    assert facts.memory_mb > 1.0
    assert facts.shm_mb > 0.0
    assert facts.disk_mb > 1.0


class FakeNvml:
    """NVML's functions with the answers of a card; what it does not have raises, as on cards that do not tell."""

    NVMLError = type('NVMLError', (Exception,), {})
    NVML_TEMPERATURE_GPU = NVML_CLOCK_SM = 0
    nvmlClocksThrottleReasonSwThermalSlowdown = 0x20  # noqa: N815  (NVML's name)
    nvmlClocksThrottleReasonHwThermalSlowdown = 0x40  # noqa: N815
    reasons = 0

    def __getattr__(self, name):
        answers = {
            'nvmlInit': lambda: None,
            'nvmlShutdown': lambda: None,
            'nvmlDeviceGetHandleByIndex': lambda index: 'card',
            'nvmlDeviceGetName': lambda card: 'NVIDIA H100',
            'nvmlDeviceGetTemperature': lambda card, sensor: 87,
            'nvmlDeviceGetPowerUsage': lambda card: 350_000,
            'nvmlDeviceGetMemoryInfo': lambda card: SimpleNamespace(used=2**30, free=2**31),
            'nvmlDeviceGetCurrentClocksThrottleReasons': lambda card: self.reasons,
        }

        def not_supported(*_):
            raise self.NVMLError

        return answers.get(name, not_supported)


def test_a_card_is_read_through_nvml_and_what_it_does_not_tell_is_nan():
    nvml = FakeNvml()
    card = Nvml(nvml)
    facts = card.look()
    assert (facts.name, facts.temperature_c, facts.power_w) == ('NVIDIA H100', 87.0, 350.0)
    assert (facts.memory_used_mb, facts.memory_free_mb, facts.hot) == (1024.0, 2048.0, '')
    assert np.isnan(facts.clock_mhz)
    nvml.reasons = 0x40
    assert card.look().hot == 'the GPU slows itself down at 87 °C'
    card.close()


def test_a_jetson_is_read_through_sysfs(tmp_path):
    for name, text in {
        'proc/device-tree/compatible': 'nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0',
        'sys/class/thermal/thermal_zone1/type': 'gpu-thermal\n',
        'sys/class/thermal/thermal_zone1/temp': '51500\n',
        'sys/class/devfreq/17000000.gpu/cur_freq': '624750000\n',
        'sys/devices/platform/gpu.0/load': '420\n',
        'sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/in1_label': 'VDD_CPU_GPU_CV\n',
        'sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/in1_input': '5000\n',
        'sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/curr1_input': '800\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    gpu = find_gpu(tmp_path)
    assert isinstance(gpu, Jetson)
    facts = gpu.look()
    assert (facts.temperature_c, facts.clock_mhz, facts.power_w, facts.utilisation) == (51.5, 624.75, 4.0, 0.42)
    assert facts.hot == ''
    (tmp_path / 'sys/class/thermal/thermal_zone1/temp').write_text('96000\n')
    assert gpu.look().hot == 'the GPU has 96 °C, the limit is 95 °C'


def test_memory_that_grows_is_told_by_name_and_loading_is_no_growth():
    growth = Growth(150.0)
    for now_mb in [*range(100, 500, 8), *[500] * (SETTLE_LOOKS + 1)]:  # the frame path is compiled, then it works
        assert growth.look({7: now_mb}, {7: ['camera', 'inference']}) == ''
    assert growth.look({7: 640.0}, {7: ['camera']}) == ''
    assert growth.look({7: 700.0}, {7: ['camera', 'inference']}) == (
        'camera, inference (7) has 700 MiB, 200 more than at first'
    )
    assert growth.look({8: 900.0}, {}) == ''  # another process is another matter


def test_a_process_that_never_stops_growing_is_told_too():
    growth = Growth(150.0)
    told = [growth.look({7: 100.0 + 10.0 * look}, {7: ['relay']}) for look in range(2 * SETTLE_LOOKS_MOST)]
    first = next(look for look, text in enumerate(told) if text)
    assert first == SETTLE_LOOKS_MOST + 15
    assert told[first] == 'relay (7) has 850 MiB, 160 more than at first'


def test_the_memory_of_a_process_is_read():
    memory = psutil.Process().memory_info()
    assert own_mb(os.getpid()) == pytest.approx((memory.rss - memory.shared) / 2**20, rel=0.2)
    assert own_mb(2**30) is None


# Whom it may end


def test_only_a_process_of_ours_is_ended_whatever_a_heartbeat_says():
    ours, other = (
        subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()', word])
        for word in ('surgical_guidance', 'theirs')
    )
    processes = Processes()
    try:
        for process in (ours, other):
            processes.follow(process.pid)
        processes.follow(os.getpid())
        assert not processes.kill(other.pid)
        assert not processes.kill(os.getpid())
        assert not processes.kill(1)
        assert processes.kill(ours.pid)
        assert ours.wait(10) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        processes.close()
        for process in (ours, other):
            process.kill()
            process.wait(10)


def test_heartbeats_that_make_numbers_up_do_not_use_up_the_descriptors():
    processes = Processes()
    try:
        for pid in psutil.pids() * 3:
            processes.follow(pid)
        assert len(processes.followed) <= 64
    finally:
        processes.close()


# Litter


def group(folder, name, *, locked=False):
    """Make the files of a Fast DDS segment or port; give what holds its lock."""
    suffixes = ('', '_el') + (('_mutex',) if 'port' in name else ())
    for suffix in suffixes:
        (folder / f'{"sem." if suffix == "_mutex" else ""}{name}{suffix}').write_bytes(b'x')
    if not locked:
        return None
    held = (folder / f'{name}_el').open('rb')
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


def test_segments_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    living = [
        group(tmp_path, 'fastrtps_0123456789abcdef', locked=True),
        group(tmp_path, 'fastdds_port7412', locked=True),
    ]
    before = {path.name for path in tmp_path.iterdir()}
    group(tmp_path, 'fastrtps_fedcba9876543210')
    group(tmp_path, 'fastrtps_port7411')
    (tmp_path / 'fastrtps_port7400').touch()  # without a lock file
    (tmp_path / 'fastrtps_of_somebody').touch()
    (tmp_path / 'sem.other').touch()
    assert remove_dead_segments(tmp_path, settled_s=60.0) == []  # just made: its maker may not have locked it yet
    removed = remove_dead_segments(tmp_path, settled_s=0.0)
    assert len(removed) == 6
    assert {path.name for path in tmp_path.iterdir()} == before | {'fastrtps_of_somebody', 'sem.other'}
    for held in living:
        held.close()


SETTLED_S = 0.05  # what another process has made a moment ago and not locked yet is left alone here too


def shared():
    return {path.name for path in SHM.iterdir()}


NODE = """
import sys, rclpy, signal
rclpy.init(domain_id=int(sys.argv[1]))
node = rclpy.create_node('litter')
print('up', flush=True)
signal.pause()
"""


@pytest.mark.processes
def test_after_kill_9_the_segments_of_that_process_are_removed_and_no_others(domain):
    environment = {**os.environ, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    started, made = [], []
    for _ in range(2):
        before = shared()
        child = subprocess.Popen([sys.executable, '-c', NODE, str(domain())], stdout=subprocess.PIPE, env=environment)
        assert any(line == b'up\n' for line in child.stdout)  # the middleware writes there too
        mapped = {line.path for line in psutil.Process(child.pid).memory_maps() if '/fastrtps_' in line.path}
        started.append(child)
        made.append({path.split('/')[-1] for path in mapped} - before)
    try:
        assert all(made)
        started[0].kill()
        started[0].wait(10)
        removed = remove_dead_segments(settled_s=SETTLED_S)
        assert made[0] <= set(removed)
        assert not made[0] & shared()
        assert made[1] <= shared()
        assert not made[1] & set(removed)
    finally:
        for child in started:
            child.kill()
            child.wait(10)
            child.stdout.close()
        remove_dead_segments(settled_s=SETTLED_S)


RING = """
import sys, signal
from surgical_guidance.frames import RingWriter
ring = RingWriter('surgical_guidance.0.litter', 3, 100000)
print(ring.name, flush=True)
signal.pause()
"""


def test_a_ring_whose_writer_was_killed_is_removed_and_a_living_one_stays(ring):
    child = subprocess.Popen([sys.executable, '-c', RING], stdout=subprocess.PIPE, text=True)
    name = child.stdout.readline().strip()
    child.kill()
    child.wait(10)
    child.stdout.close()
    assert (SHM / name).exists()
    removed, freed = sweep()
    assert name in removed
    assert freed >= 0
    assert not (SHM / name).exists()
    assert (SHM / ring.name).exists()
    assert ring.name not in removed
