"""What the watchdog costs: its share of a core at 30 fps, and capture to advice with it and without, in turns."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import numpy as np

from _run import MeasuredRun
from surgical_guidance.bench import Measured, Tell

PAIRS = 12
PART_S = 4.0
SKIP_S = 0.5  # after each change
SOURCE = 'phantom:?size=1920x1080&rate=30'


def run(tell: Tell) -> Iterator[Measured]:
    """Let one run go, and stop and continue its watchdog in turns: the pairs see the same machine."""
    job = MeasuredRun(['--source', SOURCE, '--loop'], domain=1 + os.getpid() % 200)
    with_it: list[float] = []
    without: list[float] = []
    medians: list[float] = []
    try:
        watchdog = job.processes()['watchdog']
        tell(0.0, 'settling')
        job.watch(5.0)
        before, since = sum(watchdog.cpu_times()[:2]), time.monotonic()
        job.watch(20.0, lambda share: tell(0.2 * share, 'share of a core'))
        percent = 100.0 * (sum(watchdog.cpu_times()[:2]) - before) / (time.monotonic() - since)
        for pair in range(PAIRS):
            share = 0.2 + 0.8 * pair / PAIRS
            tell(share, 'with it')
            on = _part(job, PART_S)
            tell(share + 0.4 / PAIRS, 'without')
            off = _without(job, watchdog.pid)
            with_it += on
            without += off
            medians.append(float(np.median(on) - np.median(off)))
    finally:
        job.close()
    yield Measured('watchdog_cpu', percent, '% of a core')
    for name, values in (('with', with_it), ('without', without)):
        for quantile in (50, 99):
            yield Measured(f'{name}_p{quantile}', float(np.percentile(values, quantile)), 'ms')
    error = float(np.std(medians, ddof=1) / np.sqrt(PAIRS))
    yield Measured('difference_p50', float(np.mean(medians)), 'ms')
    yield Measured('difference_p50_standard_error', error, 'ms')
    yield Measured('difference_in_errors', float(np.mean(medians)) / error if error else 0.0, 'standard errors')


def _without(job: MeasuredRun, pid: int) -> list[float]:
    """Stop the watchdog twice: ``run`` ends one that says nothing for three seconds."""
    frames: list[float] = []
    for _ in range(2):
        os.kill(pid, signal.SIGSTOP)
        try:
            frames += _part(job, PART_S / 2)
        finally:
            os.kill(pid, signal.SIGCONT)
        job.watch(SKIP_S)
    return frames


def _part(job: MeasuredRun, seconds: float) -> list[float]:
    """Give the times of the frames of a part [ms], without its beginning."""
    since = time.monotonic() + SKIP_S
    job.watch(seconds)
    return [ms for at, ms in job.frames if at >= since]
