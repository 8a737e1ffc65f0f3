"""The guidance as processes of a benchmark, and a headless browser that costs as little as one can."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

from surgical_guidance.container import PARENT
from surgical_guidance.errors import HostError

CHROMIUM = Path('/usr/bin/chromium')
FLAGS = [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-extensions',
    '--disable-quic',
    '--mute-audio',
]
VIEWPORT = {'width': 640, 'height': 400}
UP_S = 90.0

_PROGRAM = Path(__file__).with_name('_barcode_processes.py')


class Guidance:
    """Processes that talk to one another alone.

    :param names: of processes in ``_barcode_processes.py``.
    :param parameters: by node.
    """

    def __init__(self, names: Sequence[str], parameters: dict[str, dict[str, Any]], folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'ROS_DOMAIN_ID': str(100 + os.getpid() % 100),
            'PYTHONUNBUFFERED': '1',
            PARENT: str(os.getpid()),  # they end with this process, however it ends
        }
        parameters_file = folder / 'parameters.yaml'
        text = {f'/**/{node}': {'ros__parameters': values} for node, values in parameters.items()}
        parameters_file.write_text(json.dumps(text), encoding='utf-8')  # JSON is YAML
        self._children: dict[str, psutil.Popen] = {}
        for name in names:
            with (folder / f'{name}.log').open('ab') as log:
                self._children[name] = psutil.Popen(
                    [sys.executable, str(_PROGRAM), name, '--ros-args', '--params-file', str(parameters_file)],
                    env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip

    def url(self) -> str:
        """Wait for the console's address."""
        deadline = time.monotonic() + UP_S
        while time.monotonic() < deadline and not self.ended():
            found = re.search(r'console is at (http\S+)', self.log('relay'))
            if found:
                return found[1]
            time.sleep(0.1)
        raise HostError('the relay did not come up', where='benchmark', remedy=self.log('relay')[-400:])

    def log(self, name: str) -> str:
        """Read what a process has said."""
        return (self.folder / f'{name}.log').read_text(encoding='utf-8', errors='replace')

    def ended(self) -> list[str]:
        """Name the processes that ended."""
        return [name for name, child in self._children.items() if child.poll() is not None]

    def cpu_s(self, name: str) -> float:
        """Processor time that a process has had [s]."""
        times = self._children[name].cpu_times()
        return float(times.user + times.system)

    def rss_mb(self, name: str) -> float:
        """Memory of a process [MiB]."""
        return float(self._children[name].memory_info().rss / 2**20)

    def pid(self, name: str) -> int:
        """Give the process id."""
        return int(self._children[name].pid)

    def close(self) -> None:
        """End them all."""
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        psutil.wait_procs(self._children.values(), timeout=5.0)
        for child in self._children.values():
            if child.poll() is None:
                child.kill()
                child.wait()


@contextmanager
def guidance(names: Sequence[str], parameters: dict[str, dict[str, Any]]) -> Iterator[Guidance]:
    """Run processes for the length of a block."""
    with tempfile.TemporaryDirectory(prefix='bench-') as folder:
        running = Guidance(names, parameters, Path(folder))
        try:
            yield running
        finally:
            running.close()


def health(url: str) -> dict[str, Any]:
    """Ask the relay how it goes."""
    with urllib.request.urlopen(f'{url}/healthz', timeout=5) as answer:  # noqa: S310  (loopback)
        found: dict[str, Any] = json.load(answer)
    return found


@contextmanager
def page(url: str, *, script: str = '', flags: Sequence[str] = (), browser: Path = CHROMIUM) -> Iterator[Page]:
    """Open the console in a browser of its own.

    :param script: runs before the page's own.
    :param browser: program to run.
    """
    if not CHROMIUM.exists():
        raise HostError('no Chromium', where=str(CHROMIUM), remedy='apt-get install -y chromium')
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        launched = playwright.chromium.launch(executable_path=str(browser), args=[*FLAGS, *flags])
        stack.callback(launched.close)
        opened = launched.new_page(viewport=VIEWPORT)
        opened.set_default_timeout(60_000)
        if script:
            opened.add_init_script(script)
        opened.goto(url)
        yield opened
