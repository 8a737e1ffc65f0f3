"""rosbridge: a 1080p JPEG and a small message at 30 Hz to five clients, and one that does not read; beside stock.

Latency is from the call of ``publish`` in one process to the last byte in another; processor time and memory are those
of the whole relay process, console and all. ``--stock PATH`` measures rosbridge_suite from its checkout in the same run
(docs/benchmarks.md says what it needs). The clients, whose decoding costs more than our sending, have a process of
their own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from surgical_guidance.bench import Measured, Tell
from surgical_guidance.errors import HostError
from surgical_guidance.session.run import FASTDDS_PROFILE

CLIENTS = 5
SECONDS = 6.0
MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    """What is sent how."""

    name: str
    topic: str
    type: str
    compression: str
    clients: int = CLIENTS
    stalled: bool = False


JPEG = ('/bench/picture', 'sensor_msgs/CompressedImage')
SMALL = ('/bench/small', 'diagnostic_msgs/DiagnosticArray')
CASES = (
    Case('jpeg_json', *JPEG, 'none'),
    Case('jpeg_cbor', *JPEG, 'cbor'),
    Case('small_json', *SMALL, 'none'),
    Case('stalled', *JPEG, 'none', stalled=True),
)


def run(tell: Tell, stock: Path | None = None) -> Iterator[Measured]:
    """Measure ours, and stock where it is given."""
    environment = {
        **os.environ,
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_DOMAIN_ID': str(1 + os.getpid() % 200),
        'FASTRTPS_DEFAULT_PROFILES_FILE': str(FASTDDS_PROFILE),
        'FASTDDS_DEFAULT_PROFILES_FILE': str(FASTDDS_PROFILE),
    }
    here = Path(__file__).parent
    ours = (sys.executable, '-m', 'surgical_guidance.container', 'relay', '--ros-args', '-p', 'port:=0',
            '-p', 'bridge_port:=0')  # fmt: skip
    servers = [('', ours, r'rosbridge is at (ws://\S+)')]
    if stock is not None:
        if not (stock / 'rosbridge_server/scripts/rosbridge_websocket.py').is_file():
            raise HostError('this is no checkout of rosbridge_suite', where=str(stock))
        program = (sys.executable, str(here / '_relay_stock.py'), str(stock))
        servers.append(('stock_', program, r'started on port (\d+)'))
    total = len(servers) * len(CASES)
    with _child(environment, sys.executable, str(here / '_relay_source.py')) as source:
        yield Measured('jpeg_size', float(_line(source, r'(\d+)')[1]) / 1000.0, 'kB')
        for place, (prefix, command, pattern) in enumerate(servers):
            for number, case in enumerate(CASES):
                tell((place * len(CASES) + number) / total, f'{prefix}{case.name}')
                yield from _measure(environment, command, pattern, case, prefix)


def _measure(
    environment: dict[str, str], command: tuple[str, ...], pattern: str, case: Case, prefix: str
) -> Iterator[Measured]:
    """Measure one case with a fresh server."""
    with _child(environment, *command) as server:
        found = _line(server, pattern)[1]
        url = found if found.startswith('ws:') else f'ws://127.0.0.1:{found}'
        process = psutil.Process(server.pid)
        arguments = (url, case.topic, case.type, case.compression, str(case.clients), str(SECONDS))
        program = str(Path(__file__).with_name('_relay_clients.py'))
        before = 0
        if case.stalled:  # what the others cost must be there before: first without the one that does not read
            with _child(environment, sys.executable, program, *arguments, '') as clients:
                _line(clients, 'ready')
                usual = json.loads(_line(clients, r'\[.*')[0])
                before = process.memory_info().rss
        with _child(environment, sys.executable, program, *arguments, 'stalled' if case.stalled else '') as clients:
            _line(clients, 'ready')
            busy, start = _processor_s(process), time.monotonic()
            latencies = json.loads(_line(clients, r'\[.*')[0])
            busy, span = _processor_s(process) - busy, time.monotonic() - start
            memory = process.memory_info().rss
        together = [one for client in latencies for one in client]
        if case.stalled:
            alone = float(np.percentile([one for client in usual for one in client], 99))
            yield Measured(f'{prefix}stalled_memory_growth', (memory - before) / MIB, 'MiB')
            yield Measured(f'{prefix}stalled_others_p99_change', float(np.percentile(together, 99)) - alone, 'ms')
            return
        for quantile in (50, 99):
            yield Measured(f'{prefix}{case.name}_p{quantile}', float(np.percentile(together, quantile)), 'ms')
        yield Measured(f'{prefix}{case.name}_processor', 100.0 * busy / span, '% of a core')
        yield Measured(f'{prefix}{case.name}_rate', min(len(client) for client in latencies) / span, 'Hz')


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _child(environment: dict[str, str], *command: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def _line(child: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Wait for a line of a child's."""
    assert child.stdout is not None
    said: list[str] = []
    for line in child.stdout:
        said.append(line)
        if found := re.search(pattern, line):
            return found
    raise HostError(f'a process ended without saying {pattern}: {"".join(said[-20:])}', where='bench relay')
