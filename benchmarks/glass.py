"""Glass to glass: from a picture being captured to its pixels on the canvas of headless Chromium, 1080p at 30 Hz.

Each picture carries its time as bars; the page reads them back from the canvas in the task that drew it, so nothing is
believed that is not in the pixels. Once with all models looking on the same processor, once with the camera alone. The
browser decodes and composes without a GPU, on the same processor too: on a machine of its own it is quicker.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from _barcode import reader
from _processes import guidance, health, page
from surgical_guidance.bench import Measured, Tell

WIDTH, HEIGHT, RATE = 1920, 1080, 30.0
SETTLE_S, MEASURED_S = 10.0, 15.0  # the relay finds what size this host keeps up with

PARAMETERS: dict[str, dict[str, Any]] = {
    'camera': {'source': f'barcode:{WIDTH}x{HEIGHT}'},
    'relay': {'port': 0, 'bridge_port': -1},
}
CASES = {'with_models': ('watchdog', 'relay', 'guidance'), 'without_models': ('relay', 'camera')}


def run(tell: Tell) -> Iterator[Measured]:
    """Measure both cases."""
    for index, (case, names) in enumerate(CASES.items()):
        tell(index / len(CASES), case)
        ages, unread, cpu, sent, height = _measure(names)
        for quantile in (50, 99):
            yield Measured(f'{case}_p{quantile}', float(np.percentile(ages, quantile)), 'ms')
        yield Measured(f'{case}_max', max(ages), 'ms')
        yield Measured(f'{case}_shown', 100.0 * len(ages) / (MEASURED_S * RATE), '% of the frames')
        yield Measured(f'{case}_unread', float(unread), 'frames')
        yield Measured(f'{case}_sent', 100.0 * sent / (MEASURED_S * RATE), '% of the frames')
        yield Measured(f'{case}_relay_cpu', 100.0 * cpu / MEASURED_S, '% of a core')
        yield Measured(f'{case}_height', float(height), 'px, of the pictures sent')


def _measure(names: tuple[str, ...]) -> tuple[list[float], int, float, int, int]:
    offset_ms = (time.time_ns() - time.monotonic_ns()) / 1e6
    with guidance(names, PARAMETERS) as running:
        url = running.url()
        with page(url, script=reader(WIDTH, offset_ms)) as console:
            console.wait_for_selector('body[data-video=playing]')
            time.sleep(SETTLE_S)
            console.evaluate('glass.ages.length = glass.codes.length = glass.unread = 0')
            cpu, sent = running.cpu_s('relay'), health(url)['video']['sent']
            time.sleep(MEASURED_S)
            ages, unread = console.evaluate('[glass.ages, glass.unread]')
            video = health(url)['video']
            return ages, unread, running.cpu_s('relay') - cpu, video['sent'] - sent, video['max_height']
