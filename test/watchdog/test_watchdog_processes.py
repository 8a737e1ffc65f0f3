"""The end of a process is known at once."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from surgical_guidance.watchdog.processes import Processes

OPEN = Path('/proc/self/fd')
WAITING = [sys.executable, '-S', '-c', 'import sys; print(flush=True); sys.stdin.read()']


@pytest.fixture
def processes():
    processes = Processes()
    yield processes
    processes.close()


@pytest.fixture
def child():
    child = subprocess.Popen(WAITING, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    yield child
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()


def test_a_killed_process_wakes_who_waits(processes, child):
    processes.follow(child.pid)
    assert processes.followed == {child.pid}
    assert processes.wait(0.0) == ()
    child.kill()
    begun = time.monotonic()
    assert processes.wait(5.0) == (child.pid,)
    assert time.monotonic() - begun < 0.1
    assert processes.followed == frozenset()
    assert processes.wait(0.0) == ()


def test_following_twice_is_following_once(processes, child):
    processes.follow(child.pid)
    processes.follow(child.pid)
    child.kill()
    assert processes.wait(5.0) == (child.pid,)
    assert processes.wait(0.01) == ()


@pytest.mark.parametrize('pid', [0, 2**22 + 1, 2**31, 2**32 - 1])
def test_what_is_not_a_process_of_this_host_is_passed_over(processes, pid):
    processes.follow(pid)
    assert processes.followed == frozenset()
    assert processes.wait(0.0) == ()


def test_it_can_be_woken(processes):
    threading.Thread(target=processes.wake).start()
    begun = time.monotonic()
    assert processes.wait(5.0) == ()
    assert time.monotonic() - begun < 1.0


def test_it_leaves_no_open_file(child):
    before = len(list(OPEN.iterdir()))
    processes = Processes()
    processes.follow(child.pid)
    processes.close()
    assert len(list(OPEN.iterdir())) == before
