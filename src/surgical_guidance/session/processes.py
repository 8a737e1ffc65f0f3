"""The processes of a run: started, started again when they die, and ended together.

This is the supervisor where there is no ``ros2 launch``: it notices the end of a process at once (a process file
descriptor), starts it again after a back-off that doubles with every death in a short while, and gives up on one that
will not stay up. What hangs is ended by the watchdog; the watchdog itself, when it hangs, by :class:`.run.Run`. Each
child also ends by itself when this process is gone (``container.PARENT``), so nothing is left behind even after
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

BACK_OFF_FIRST_S = 0.1
BACK_OFF_LAST_S = 5.0
RESTARTS = 5  # within this many seconds ...
RESTARTS_WITHIN_S = 30.0  # ... is a process that will not come up
CONTAINER = 'surgical_guidance.container'
END_S = 1.5  # what a process gets to end by itself before it is killed [s]


class Child:
    """One process of the run.

    :param name: of a process in :mod:`surgical_guidance.container`.
    :param ros_args: what follows ``--ros-args``.
    :param log: file that takes its output.
    :param vital: without it there is no guidance: the run ends when it will not stay up.
    :param module: what is run.
    """

    def __init__(
        self, name: str, ros_args: Sequence[str], log: Path, *, vital: bool = True, module: str = CONTAINER
    ) -> None:
        self.name = name
        self.log = log
        self.given_up = False
        self._vital = vital
        self._due = 0.0  # when it is started again
        self.rss_mb = 0.0
        self._command = [sys.executable, '-m', module, name, '--ros-args', *ros_args]
        self._process: psutil.Popen | None = None
        self._started = False
        self._cpu_s = 0.0  # of those that died
        self._cpu_now_s = 0.0
        self._measured_from = 0.0
        self._cpu_before_s = 0.0
        self._died: list[float] = []
        self.started_at = 0.0

    def start(self) -> None:
        """Start it. Ctrl-C in the terminal reaches this process alone, which ends its children in order."""
        self._started = True
        environment = {**os.environ, PARENT: str(os.getpid()), 'PYTHONUNBUFFERED': '1'}
        with self.log.open('ab') as log:
            self._process = psutil.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self.started_at = time.monotonic()

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
        """Start it again if it died; False when it will not stay up and there is no guidance without it.

        :param tell: gets one line for people.
        """
        if self.given_up:
            return True
        if self._process is None:
            if time.monotonic() >= self._due:
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
            self.given_up = True
            return not self._vital
        self._due = now + back_off_s(len(self._died))
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

    @property
    def pid(self) -> int:
        """Of the process that runs; 0 where none does."""
        return 0 if self._process is None else int(self._process.pid)

    def kill(self) -> None:
        """End it at once: it hangs."""
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                self._process.kill()

    def signal_end(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                self._process.send_signal(signal.SIGINT)


def back_off_s(deaths: int) -> float:
    """Give the wait before a process is started again that died so many times in a short while [s]."""
    return float(min(BACK_OFF_FIRST_S * 2.0 ** (deaths - 1), BACK_OFF_LAST_S))


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
