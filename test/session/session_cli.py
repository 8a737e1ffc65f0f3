"""The command line in a process of its own, for tests that break what it started."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
from pathlib import Path

import psutil


class Cli:
    """The command line in a process of its own, its output line by line."""

    def __init__(self, domain: int, tmp_path: Path, *arguments: str) -> None:
        environment = {
            **os.environ,
            'ROS_DOMAIN_ID': str(domain),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'PYTHONUNBUFFERED': '1',
            'COLUMNS': '400',
        }
        self.run_dir = tmp_path / 'run'
        self.summary_file = tmp_path / 'summary.json'
        command = [
            sys.executable,
            '-m',
            'surgical_guidance.cli',
            'run',
            '--headless',
            '--port',
            '0',
            '--run-dir',
            str(self.run_dir),
            '--summary',
            str(self.summary_file),
            *arguments,
        ]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._queue.put(line.rstrip())
        self._queue.put(None)

    def wait_for_line(self, pattern: str, timeout_s: float = 80.0) -> str:
        while (line := self._queue.get(timeout=timeout_s)) is not None:
            self.lines.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f'no {pattern!r} in:\n' + '\n'.join(self.lines))

    def wait(self, timeout_s: float = 60.0) -> int:
        code = self.process.wait(timeout_s)
        while (line := self._queue.get(timeout=10.0)) is not None:
            self.lines.append(line)
        return code

    @property
    def summary(self) -> dict:
        return json.loads(self.summary_file.read_text())

    def children(self) -> dict[str, psutil.Process]:
        """Give the running processes of the run by name."""
        found = {}
        for process in psutil.Process(self.process.pid).children():
            words = process.cmdline()
            if 'surgical_guidance.container' in words:
                found[words[words.index('surgical_guidance.container') + 1]] = process
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        self.process.stdout.close()
