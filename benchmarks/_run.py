"""A real run of the command line for a benchmark: its processes, and what each frame took."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from surgical_guidance_msgs.msg import FrameTiming

from surgical_guidance.contract import NAMESPACE, TIMING
from surgical_guidance.errors import HostError
from surgical_guidance.ports import subscription

START_S = 90.0
OPTIONS = ('run', '--headless', '--port=0', '--metrics-port=0')


class MeasuredRun:
    """A run from when it gives advice to :meth:`close`.

    :param arguments: of ``surgical-guidance run``, besides those that keep it to itself.
    :param domain: ROS domain that nobody else uses.
    """

    def __init__(self, arguments: Sequence[str], domain: int) -> None:
        self.frames: list[tuple[float, float]] = []
        """Of every frame advised on: when that was heard (monotonic) [s], and capture to advice [ms]."""
        self.dropped = 0
        self._folder = tempfile.TemporaryDirectory(prefix='surgical_guidance_bench_')
        self._log = Path(self._folder.name) / 'log'
        os.environ['ROS_DOMAIN_ID'] = str(domain)
        os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        with self._log.open('wb') as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    '-m',
                    'surgical_guidance.cli',
                    *OPTIONS,
                    f'--run-dir={self._folder.name}/run',
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._stop = threading.Event()
        rclpy.init(args=[])
        self._node = Node('bench', namespace=NAMESPACE)
        subscription(self._node, TIMING, self._on_timing)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        try:
            self.wait(lambda: bool(self.frames), START_S)
        except BaseException:
            self.close()
            raise

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until something holds.

        :raises HostError: if it does not in time, or the run has ended.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = self._log.read_text(encoding='utf-8', errors='replace').strip().split('\n')[-1]
                raise HostError(f'the run does not work: {words}', where='surgical-guidance run')
            time.sleep(0.02)

    def watch(self, seconds: float, tell: Callable[[float], None] | None = None) -> None:
        """Let it run for a while [s].

        :raises HostError: if it ends by itself.
        """
        start = time.monotonic()

        def over() -> bool:
            share = (time.monotonic() - start) / seconds
            if tell is not None:
                tell(min(share, 1.0))
            return share >= 1.0

        self.wait(over, seconds + 10.0)

    def processes(self) -> dict[str, psutil.Process]:
        """Give the processes by name."""
        found = {}
        for process in psutil.Process(self._process.pid).children():
            with suppress(psutil.Error):  # it has just ended
                words = process.cmdline()
                if 'surgical_guidance.container' in words:
                    found[words[words.index('surgical_guidance.container') + 1]] = process
        return found

    def close(self) -> None:
        """End the run and forget its files."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._stop.set()
        self._thread.join(2.0)
        self._node.destroy_node()
        rclpy.try_shutdown()
        self._folder.cleanup()

    def _spin(self) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        while not self._stop.is_set():
            executor.spin_once(timeout_sec=0.1)

    def _on_timing(self, message: FrameTiming) -> None:
        self.dropped = int(message.dropped)
        for stage in message.stages:
            if stage.stage == 'capture_to_advice':
                self.frames.append((time.monotonic(), float(stage.duration_ms)))
