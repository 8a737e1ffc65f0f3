"""Minutes of guidance at 1080p30 (--minutes, --picture): nothing grows, and the last minute is as fast as the first."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from _run import MeasuredRun
from _soak_chart import draw
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.errors import HostError
from surgical_guidance.phantom.script import CYCLE_S

SETTLE_S = 60.0  # caches, the recorder's memory and lazily made things fill up in this time
SOURCE = 'phantom:?size=1920x1080&rate=30'
QUICK_SOURCE = 'phantom:?size=320x180&rate=30'
QUICK_MINUTES = 0.33
EVERY_S = 5.0
EDGE_S = 60.0  # of the first and the last minute
SHARE = 0.2  # of the time that a short soak takes for an edge, and for settling


@dataclass
class Use:
    """What one process used at one moment, monotonic [s]."""

    at: float
    pid: int
    cpu_s: float
    rss: int
    threads: int
    files: int


def run(tell: Tell, *, minutes: float = 20.0, quick: bool = False, picture: Path | None = None) -> Iterator[Measured]:
    """Run, look every five seconds, compare the ends.

    :param picture: file to draw the run in.
    :param quick: 20 s of a small picture: that it works, not that it holds.
    """
    minutes = QUICK_MINUTES if quick else minutes
    seconds = 60.0 * minutes
    settle_s, edge_s = min(SETTLE_S, SHARE * seconds), min(EDGE_S, SHARE * seconds)
    source = QUICK_SOURCE if quick else SOURCE
    job = MeasuredRun(['--source', source, '--loop'], domain=1 + os.getpid() % 200)
    begin = 0.0
    try:
        job.watch(settle_s, lambda share: tell(0.0, f'settling {share:.0%}'))
        begin = job.frames[-1][0]
        uses: dict[str, list[Use]] = {}
        busy: list[tuple[float, float]] = []
        every_s = min(EVERY_S, edge_s / 4)
        for step in range(int(seconds / every_s)):
            job.watch(
                every_s, partial(_tell, tell, step * every_s / seconds, every_s / seconds, f'{minutes:g} minutes')
            )
            looked = _look(job)
            for name, use in looked.items():
                uses.setdefault(name, []).append(use)
            busy.append((time.monotonic(), _busy_s() - sum(use.cpu_s for use in looked.values())))
    except HostError as error:  # what was seen until then is told all the same
        if not begin or job.frames[-1][0] - begin < 2 * edge_s:
            raise
        tell(1.0, str(error))
    finally:
        job.close()
    frames, dropped = list(job.frames), job.dropped
    restarts = sum(len({use.pid for use in seen}) - 1 for seen in uses.values())
    end = frames[-1][0]
    whole = [(at, ms) for at, ms in frames if at >= begin]
    if picture is not None:
        draw(picture, whole, {name: [(use.at, use.rss / 2**20) for use in seen] for name, seen in uses.items()})
    yield from _growth(uses, round(edge_s / every_s))
    first = [ms for at, ms in frames if begin <= at < begin + edge_s]
    # The last minute that shows what the first did: some pictures cost more than others.
    since = begin + CYCLE_S * ((end - edge_s - begin) // CYCLE_S)
    last = [ms for at, ms in frames if since <= at < since + edge_s]
    yield Measured('frames', len(whole), '')
    yield Measured('frame_rate', (len(whole) - 1) / (end - begin), 'Hz')
    yield Measured('dropped', dropped, '')
    yield Measured('seconds_missing', max(0.0, seconds - (end - begin) - every_s), 's')
    yield Measured('processes_started_again', restarts, '')
    edge = round(edge_s / every_s)
    for name, (since_s, before_s), (until_s, after_s) in (
        ('first', busy[0], busy[edge]), ('last', busy[-edge - 1], busy[-1]),
    ):  # fmt: skip
        others = 100.0 * (after_s - before_s) / (until_s - since_s)
        yield Measured(f'{name}_minute_others', others, '% of a core')  # what else ran: it makes frames late too
    for name, values in (('first', first), ('last', last)):
        for quantile in (50, 99):
            yield Measured(f'{name}_minute_p{quantile}', float(np.percentile(values, quantile)), 'ms')
    yield Measured('p99_last_to_first', 100.0 * float(np.percentile(last, 99) / np.percentile(first, 99) - 1.0), '%')


def _tell(tell: Tell, begun: float, part: float, what: str, share: float) -> None:
    tell(begun + share * part, what)


def _look(job: MeasuredRun) -> dict[str, Use]:
    uses = {}
    for name, process in job.processes().items():
        try:
            with process.oneshot():
                uses[name] = Use(
                    at=time.monotonic(),
                    pid=process.pid,
                    cpu_s=sum(process.cpu_times()[:2]),
                    rss=process.memory_info().rss,
                    threads=process.num_threads(),
                    files=process.num_fds(),
                )
        except psutil.Error:  # it died; the supervisor starts it again
            continue
    return uses


def _busy_s() -> float:
    """Processor time that all of this machine, and who takes it away from a virtual one, have had [s]."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _growth(uses: dict[str, list[Use]], edge: int) -> Iterator[Measured]:
    """Compare the medians of the first and of the last looks: one look may fall into a burst."""
    total = 0.0, 0.0
    for name, seen in uses.items():
        ends = seen[:edge], seen[-edge:]
        rss, threads, files = (
            [float(np.median([getattr(use, what) for use in part])) for part in ends]
            for what in ('rss', 'threads', 'files')
        )
        total = total[0] + rss[0], total[1] + rss[1]
        yield Measured(f'{name}_rss', rss[1] / 2**20, 'MiB')
        yield Measured(f'{name}_rss_growth', 100.0 * (rss[1] / rss[0] - 1.0), '%')
        yield Measured(f'{name}_threads_growth', threads[1] - threads[0], '')
        yield Measured(f'{name}_files_growth', files[1] - files[0], '')
    yield Measured('rss_growth', 100.0 * (total[1] / total[0] - 1.0), '%')
