"""A stage's process is killed: how long until the watchdog says so."""

import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from surgical_guidance_msgs.msg import GuidanceStatus

from surgical_guidance.clock import from_time, wall_ns
from surgical_guidance.container import WATCHDOG_NICE, take_priority

MS = 1_000_000
FEED = Path(__file__).parent / 'watchdog_feed.py'


@pytest.fixture
def process(graph):
    """The stages in a process of their own, on this graph's domain; ``last_ns`` is when its last frame was sent."""
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(graph.context.get_domain_id())}
    child = subprocess.Popen([sys.executable, FEED], stdout=subprocess.PIPE, env=environment, text=True)
    child.last_ns = 0

    def read():
        for line in child.stdout:
            if line.strip().isdigit():  # the middleware writes there too
                child.last_ns = int(line)

    reader = threading.Thread(target=read)
    reader.start()
    yield child
    child.send_signal(signal.SIGCONT)
    child.kill()
    child.wait()
    reader.join()
    child.stdout.close()


@pytest.fixture
def domain(domain, monkeypatch):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    return domain


@pytest.fixture
def as_in_its_process():
    """Its priority where the host grants it, and a collector that does not look at all that other tests have left."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    take_priority(WATCHDOG_NICE)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.fixture
def running(domain, as_in_its_process, graph, process, ears, watchdog):
    node = watchdog()
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.OK, timeout_s=20.0)
    assert graph.spin_until(lambda: {stage.pid for stage in node._watch.stages.values()} == {process.pid})
    return node


@pytest.mark.processes
def test_a_process_that_stands_still_is_missed_by_its_frames_and_one_that_is_killed_at_once(
    graph, process, ears, running
):
    process.send_signal(signal.SIGSTOP)
    stopped_ns = wall_ns()  # as what is told is stamped: how late this test looks does not matter
    assert graph.spin_until(lambda: ears.state != GuidanceStatus.OK)
    assert (from_time(ears.statuses[-1][1].stamp) - stopped_ns) / MS < 200
    assert graph.spin_until(lambda: ears.heard('camera_lost'))
    assert graph.spin_until(lambda: ears.heard('stage_lost.relay'))  # five heartbeats
    lost = next(alarm for _, alarm in ears.alarms if alarm.id == 'stage_lost.relay')
    assert (from_time(lost.raised_at) - stopped_ns) / MS < 800
    process.send_signal(signal.SIGCONT)
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.OK)

    assert graph.spin_until(lambda: not any(alarm.active for alarm in ears.statuses[-1][1].alarms))
    ears.alarms.clear()
    process.kill()
    killed_ns = wall_ns()
    assert graph.spin_until(lambda: ears.heard('stage_lost.inference'))
    assert graph.spin_until(lambda: ears.state == GuidanceStatus.FAILED)
    alarm = next(alarm for _, alarm in ears.alarms if alarm.id == 'stage_lost.inference' and alarm.active)
    failed = ears.statuses[-1][1]
    assert (from_time(alarm.raised_at) - killed_ns) / MS < 250  # half of what its heart would have told it in
    assert (from_time(failed.stamp) - killed_ns) / MS < 400  # a later one may have replaced the first
