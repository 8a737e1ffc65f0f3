"""A bad network: 1 % of the packets lost and 30 ms +- 5 ms each way, between two network namespaces. 1280x720 at 30 Hz.

The picture must hold, be at most 150 ms old (the 30 ms included), and no advice may be lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from _lossy import can, lossy_console
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.errors import HostError

LOSS, DELAY_MS, JITTER_MS = 0.01, 30.0, 5.0
SIZE, RATE = '1280x720', 30.0
SETTLE_S, MEASURED_S = 5.0, 30.0


def run(tell: Tell) -> Iterator[Measured]:
    """Watch over the bad network."""
    missing = can()
    if missing:
        raise HostError(missing, where='bench loss')
    tell(0.0, 'joining two networks')
    with lossy_console(LOSS, DELAY_MS, JITTER_MS, SIZE) as console:
        time.sleep(SETTLE_S)
        console.page.evaluate('glass.ages.length = glass.codes.length = glass.unread = 0')
        tell(0.3, 'watching')
        console.page.wait_for_timeout(1000 * MEASURED_S)  # events are taken in meanwhile
        ages, codes, unread = console.page.evaluate('[glass.ages, glass.codes, glass.unread]')
        state = console.page.evaluate('document.body.dataset.video')
    for quantile in (50, 99):
        yield Measured(f'p{quantile}', float(np.percentile(ages, quantile)), 'ms')
    yield Measured('max', max(ages), 'ms')
    yield Measured('shown', 100.0 * len(ages) / (MEASURED_S * RATE), '% of the frames')
    yield Measured('longest_gap', float(np.diff(codes).max()) / 10, 'ms between two pictures shown')
    yield Measured('unread', float(unread), 'frames')
    yield Measured('video_held', float(state == 'playing'), '1: it did')
    yield Measured('events', float(len(console.events)), 'advice that came')
    yield Measured('events_lost', float(console.lost_events), 'advice that did not')
    yield Measured('connections', float(console.sockets), 'sockets it took')
