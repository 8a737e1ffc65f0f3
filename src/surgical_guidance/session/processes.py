"""The processes of a run: started, started again when they die, and ended together.

Each child also ends by itself when this process is gone (``container.PARENT``), so nothing is left behind even after
``kill -9``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from surgical_guidance.container import PARENT

RESTART_DELAY_S = 0.5
RESTARTS = 5  # within this many seconds ...
RESTARTS_WITHIN_S = 30.0  # ... is a process that will not come up
END_S = 1.5  # what a process gets to end by itself before it is killed [s]


class Child:
    """One process of the run.

    :param name: of a process in :mod:`surgical_guidance.container`.
    :param ros_args: what follows ``--ros-args``.
    :param log: file that takes its output.
    """

    def __init__(self, name: str, ros_args: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self.rss_mb = 0.0
        self._command = [sys.executable, '-m', 'surgical_guidance.container', name, '--ros-args', *ros_args]
        self._process: psutil.Popen | None = None
        self._started = False
        self._cpu_s = 0.0  # of those that died
        self._cpu_now_s = 0.0
        self._measured_from = 0.0
        self._cpu_before_s = 0.0
        self._died: list[float] = []

    def start(self) -> None:
        """Start it. Ctrl-C in the terminal reaches this process alone, which ends its children in order."""
        self._started = True
        environment = {**os.environ, PARENT: str(os.getpid()), 'PYTHONUNBUFFERED': '1'}
        with self.log.open('ab') as log:
            self._process = psutil.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def measure(self) -> None:
        """Look at its memory and processor time."""
        if self._process is not None:
            with contextlib.suppress(psutil.Error), self._process.oneshot():
                times = self._process.cpu_times()
                self._cpu_now_s = times.user + times.system
                self.rss_mb = self._process.memory_info().rss / 2**20

    def measure_from_now(self) -> None:
        """Leave what came before (imports, warm-up) out of :attr:`cpu_percent`."""
        self.measure()
        self._measured_from = time.monotonic()
        self._cpu_before_s = self._cpu_s + self._cpu_now_s

    @property
    def cpu_percent(self) -> float:
        """Mean share of one core since :meth:`measure_from_now` [%]."""
        seconds = time.monotonic() - self._measured_from
        return 100.0 * (self._cpu_s + self._cpu_now_s - self._cpu_before_s) / seconds if self._measured_from else 0.0

    def poll(self, tell: Callable[[str], None]) -> bool:
        """Start it again if it died; False when it will not stay up.

        :param tell: gets one line for people.
        """
        if self._process is None:
            if time.monotonic() - self._died[-1] >= RESTART_DELAY_S:
                self.start()
            return True
        code = self._process.poll()
        if code is None:
            return True
        self._process = None
        self._cpu_s += self._cpu_now_s
        self._cpu_now_s = 0.0
        now = time.monotonic()
        self._died = [died for died in self._died if now - died < RESTARTS_WITHIN_S] + [now]
        cause = f'by signal {signal.Signals(-code).name}' if code < 0 else f'with exit status {code}'
        if len(self._died) > RESTARTS:
            tell(f'{self.name} ended {cause}, the {len(self._died)}th time in a short while: giving up ({self.log})')
            return False
        tell(f'{self.name} ended {cause}; it is started again ({self.log})')
        return True

    @property
    def ended(self) -> bool:
        """Whether it was started and does not run now."""
        return self._started and (self._process is None or self._process.poll() is not None)

    def last_words(self) -> str:
        """Give the last line it wrote."""
        lines = self.log.read_text(encoding='utf-8', errors='replace').split('\n') if self.log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), '')

    def signal_end(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                self._process.send_signal(signal.SIGINT)


def end(children: Sequence[Child], deadline_s: float = END_S) -> list[str]:
    """End all at once; name those that had to be killed."""
    for child in children:
        child.measure()
        child.signal_end()
    running = [child._process for child in children if child._process is not None]  # noqa: SLF001
    _, stubborn = psutil.wait_procs(running, timeout=deadline_s)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=deadline_s)
    return [child.name for child in children if child._process in stubborn]  # noqa: SLF001
