"""The real relay process and a feed, as children of a test."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

FEED = Path(__file__).with_name('relay_feed.py')


class Process:
    """A child of this test, with a line to it."""

    def __init__(self, environment: dict[str, str], *command: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, *command], env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def say(self, **settings: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(settings) + '\n')
        self._child.stdin.flush()

    def line(self, pattern: str) -> re.Match[str]:
        assert self._child.stderr is not None
        for line in self._child.stderr:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f'it ended without saying {pattern}')

    def kill(self) -> float:
        """End it with SIGKILL; give when [ms since the epoch]."""
        at_ms = time.time() * 1000
        self._child.kill()
        self._child.wait(5)
        for pipe in (self._child.stdin, self._child.stderr):
            assert pipe is not None
            pipe.close()
        return at_ms

    def signal(self, number: signal.Signals) -> float:
        at_ms = time.time() * 1000
        self._child.send_signal(number)
        return at_ms

    @property
    def alive(self) -> bool:
        return self._child.poll() is None


class World:
    """Relay and feed, to be killed and started again."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.start_feed()
        self.start_relay()

    def start_feed(self, **settings: object) -> None:
        self.feed = Process(self.environment, str(FEED), json.dumps(settings))

    def start_relay(self, port: int = 0) -> None:
        command = ('-m', 'surgical_guidance.container', 'relay', '--ros-args', '-p', f'port:={port}')
        self.relay = Process(self.environment, *command)
        self.url = self.relay.line(r'http://127\.0\.0\.1:\d+')[0]
