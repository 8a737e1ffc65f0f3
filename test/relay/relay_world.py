"""The real relay process and a feed, as children of a test, and what is asked of the page in a browser."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

FEED = Path(__file__).with_name('relay_feed.py')


# How far the outline is off the square, left and right [px]: both found by their pixels, in one task of the page.
MISMATCH = """() => {
  const picture = document.getElementById('picture'), overlay = document.getElementById('overlay');
  const row = Math.round(picture.height / 3 + 60);
  const scale = overlay.width / picture.width;
  const bright = picture.getContext('2d').getImageData(0, row, picture.width, 1).data;
  const drawn = overlay.getContext('2d').getImageData(0, Math.round(row * scale), overlay.width, 1).data;
  const columns = [];
  for (let x = 0; x < picture.width; x += 1) if (bright[4 * x] > 130) columns.push(x);
  const line = [];
  for (let x = 0; x < overlay.width; x += 1) {
    const [r, g, b, a] = drawn.slice(4 * x, 4 * x + 4);
    if (a > 200 && r > 200 && g < 180 && b > 200) line.push(x / scale);
  }
  if (!columns.length || !line.length) return null;
  return [columns[0], columns[0] - line[0], columns.at(-1) - line.at(-1)];
}"""


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
    """Relay and feed, to be killed and started again.

    :param feed: settings of the feed.
    :param relay: parameters of the relay.
    """

    def __init__(
        self, environment: dict[str, str], feed: dict[str, object] | None = None, relay: dict[str, object] | None = None
    ) -> None:
        self.environment = environment
        self._parameters = {'bridge_port': -1} | (relay or {})  # many may run at once
        self.start_feed(**(feed or {}))
        self.start_relay()

    def start_feed(self, **settings: object) -> None:
        self.feed = Process(self.environment, str(FEED), json.dumps(settings))

    def start_relay(self, port: int = 0) -> None:
        parameters = {'port': port} | self._parameters
        told = [word for name, value in parameters.items() for word in ('-p', f'{name}:={value}')]
        self.relay = Process(self.environment, '-m', 'surgical_guidance.container', 'relay', '--ros-args', *told)
        self.url = self.relay.line(r'http://127\.0\.0\.1:\d+')[0]
