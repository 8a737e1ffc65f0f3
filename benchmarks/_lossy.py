"""A console at one end of a lossy link and the relay at the other, and what came over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, WebSocket

from _barcode import reader
from _lossy_link import ADDRESSES
from _processes import CHROMIUM, page
from surgical_guidance.errors import HostError

HERE = Path(__file__).parent


@dataclass
class Console:
    """A page and what its sockets got."""

    page: Page
    events: list[int] = field(default_factory=list)
    """Numbers of the events, in the order they came."""
    sockets: int = 0

    def listen(self, socket: WebSocket) -> None:
        """Note what comes."""
        self.sockets += 1
        socket.on('framereceived', self._take)

    def _take(self, data: Any) -> None:
        if isinstance(data, str):
            message = json.loads(data)
            if message.get('op') == 'event':
                self.events.append(message['number'])

    @property
    def lost_events(self) -> int:
        """How many numbers are missing."""
        return self.events[-1] - self.events[0] + 1 - len(self.events) if self.events else -1


def can() -> str:
    """Say what is missing for a link; empty if nothing."""
    if os.geteuid():
        return 'only root may make network namespaces'
    if not Path('/dev/net/tun').exists():
        return 'there is no /dev/net/tun'
    name = f'probe{os.getpid()}'
    try:
        if subprocess.run(['ip', 'netns', 'add', name], capture_output=True, check=False).returncode:
            return 'network namespaces cannot be made here'
        subprocess.run(['ip', 'netns', 'delete', name], check=False)
    except OSError:
        return 'there is no `ip` (iproute2)'
    return '' if CHROMIUM.exists() else 'there is no Chromium'


@contextmanager
def _program(*command: str) -> Iterator[str]:
    """Run a program until the block ends; give the first line it says."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        line = child.stdout.readline().strip()
        if not line:
            raise HostError('it ended at once', where=' '.join(command))
        yield line
    finally:
        child.stdin.close()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


@contextmanager
def lossy_console(loss: float, delay_ms: float, jitter_ms: float, size: str) -> Iterator[Console]:
    """Open the console over a lossy link.

    :param loss: share of packets that are lost, each way.
    """
    near, far = f'lossy{os.getpid()}a', f'lossy{os.getpid()}b'
    with ExitStack() as stack:
        program = [sys.executable, str(HERE / '_lossy_link.py'), near, far, str(loss), str(delay_ms), str(jitter_ms)]
        stack.enter_context(_program(*program))
        relay = [sys.executable, str(HERE / '_lossy_relay.py'), ADDRESSES[0], size]
        port = stack.enter_context(_program('ip', 'netns', 'exec', near, *relay))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix='lossy-'))
        browser = Path(folder) / 'chromium'
        browser.write_text(f'#!/bin/sh\nexec ip netns exec {far} {CHROMIUM} "$@"\n', encoding='utf-8')
        browser.chmod(0o755)
        offset_ms = (time.time_ns() - time.monotonic_ns()) / 1e6
        opened = stack.enter_context(
            page('about:blank', script=reader(int(size.partition('x')[0]), offset_ms), browser=browser)
        )
        console = Console(opened)
        opened.on('websocket', console.listen)
        opened.goto(f'http://{ADDRESSES[0]}:{port}')
        opened.wait_for_selector('body[data-video=playing]')
        yield console
