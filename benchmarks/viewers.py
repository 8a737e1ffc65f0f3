"""What many viewers cost the relay: video of 1280x720 at 30 Hz over WebRTC to nobody, to one and to twenty.

The viewers are peers in a process of their own that take every packet and decode none. Encoded is once for all of them;
what a further viewer costs is its own encryption and its own packets.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from _processes import Guidance, guidance, health
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.errors import HostError

RATE = 30.0
SETTLE_S, MEASURED_S = 3.0, 10.0
COUNTS = (0, 1, 20)

PARAMETERS: dict[str, dict[str, Any]] = {
    'camera': {'source': 'barcode:1280x720'},
    'relay': {'port': 0, 'bridge_port': -1, 'max_clients': 32, 'video_height': 720},
}


def run(tell: Tell) -> Iterator[Measured]:
    """Measure the relay's processor time with more and more viewers."""
    with guidance(('relay', 'camera'), PARAMETERS) as running:
        url = running.url()
        for index, count in enumerate(COUNTS):
            tell(index / len(COUNTS), f'{count} viewers')
            cpu, memory, seen = _measure(running, url, count)
            yield Measured(f'{count}_viewers_cpu', cpu, '% of a core')
            yield Measured(f'{count}_viewers_rss', memory, 'MiB')
            if count:
                yield Measured(
                    f'{count}_viewers_height', float(health(url)['video']['max_height']), 'px, of the pictures'
                )
                yield Measured(
                    f'{count}_viewers_pictures', 100.0 * len(seen['ages']) / (count * RATE * MEASURED_S), '%'
                )
                yield Measured(
                    f'{count}_viewers_p50', float(np.percentile(seen['ages'], 50)), 'ms, capture to received'
                )
                yield Measured(
                    f'{count}_viewers_p99', float(np.percentile(seen['ages'], 99)), 'ms, capture to received'
                )


def _measure(running: Guidance, url: str, count: int) -> tuple[float, float, dict[str, Any]]:
    program = Path(__file__).with_name('_viewers_clients.py')
    with subprocess.Popen(
        [sys.executable, str(program), url, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as clients:
        assert clients.stdin is not None
        assert clients.stdout is not None
        if clients.stdout.readline().strip() != 'up':
            raise HostError('the viewers got no pictures', where='bench viewers', remedy=running.log('relay')[-400:])
        time.sleep(SETTLE_S)

        def ask() -> dict[str, Any]:
            clients.stdin.write('\n')  # type: ignore[union-attr]
            clients.stdin.flush()  # type: ignore[union-attr]
            answer: dict[str, Any] = json.loads(clients.stdout.readline())  # type: ignore[union-attr]
            return answer

        ask()
        before = running.cpu_s('relay')
        time.sleep(MEASURED_S)
        cpu = 100.0 * (running.cpu_s('relay') - before) / MEASURED_S
        seen = ask()
        memory = running.rss_mb('relay')
        clients.stdin.close()
        clients.wait(20)
    return cpu, memory, seen
