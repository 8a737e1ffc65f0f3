"""Engines: every model built in every precision by the real library; the inference stage on two cores; the GPU path.

The builds are of TensorRT-RTX and need no GPU. The stage is the three default models at their strides on 1080p, as the
node runs them. Where there is a GPU, the rows of `bench gpu_path` follow.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import psutil

import _engine_builds
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.engines.device import device
from surgical_guidance.engines.options import Precision
from surgical_guidance.engines.pictures import from_phantom
from surgical_guidance.engines.rendered_set import render_set
from surgical_guidance.evaluation.shipped import frame_of
from surgical_guidance.inference.lineup import Lineup
from surgical_guidance.inference.manifest import MODELS
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.phantom.take import Take

RATE = 30.0
STAGE_WARM_UP, STAGE_FRAMES, PICTURES = 30, 240, 4
CYCLES, CYCLES_WARM_UP = 200, 20
CALIBRATED_ON, VERIFIED_ON = 3, 8  # pictures of each kind; pictures
BUILDERS = 2  # builds at a time
DROPS: tuple[Precision, ...] = ('fp16', 'int8')  # whose loss is measured
_MIB = 1 << 20


def run(tell: Tell) -> Iterator[Measured]:
    """Measure builds, then the stage on the processor, then the GPU where there is one."""
    with tempfile.TemporaryDirectory(prefix='surgical-guidance-') as name:
        folder = Path(name)
        yield from _builds(folder, _part(tell, 0.0, 0.6))
    yield from _stage(_part(tell, 0.6, 0.85))
    yield from _cycles(_part(tell, 0.85, 1.0))
    if device() is not None:
        import gpu_path

        yield from gpu_path.run(tell)


def _builds(folder: Path, tell: Tell) -> Iterator[Measured]:
    """Build everything, two at a time; what fails is counted, and told at the end."""
    _engine_builds.write_foreign(folder)
    names = [*(path.stem for path in sorted(MODELS.glob('*.yaml'))), *_engine_builds.foreign()]
    # Processes, since the library builds one at a time in each; forked, since none of them has been in the library yet.
    with ProcessPoolExecutor(BUILDERS, multiprocessing.get_context('fork')) as pool:
        builds = [pool.submit(_engine_builds.build, folder, name, kind) for name in names for kind in ('fp32', 'fp16')]
        tell(0.0, 'pictures')
        render_set(folder / 'pictures', CALIBRATED_ON, (256, 144))
        builds += [pool.submit(_engine_builds.build, folder, name, 'int8') for name in names]
        examples = list(from_phantom(VERIFIED_ON))  # cameras that no model was trained on
        built: list[_engine_builds.Build] = []
        for number, each in enumerate(builds):
            built += each.result()
            tell(number / len(builds), f'{built[-1].name} {built[-1].precision}')
    done = [one for one in built if not one.failure]
    for one in built:
        if one.failure:
            print(f'{one.name} {one.precision}: {one.failure}', file=sys.stderr)
    yield Measured('plans_built', float(len(done)), '')
    yield Measured('plans_failed', float(len(built) - len(done)), '')
    for precision in _engine_builds.PRECISIONS:
        times = [one.seconds for one in done if one.precision == precision]
        yield Measured(f'build_{precision}_p50', statistics.median(times), 's')
        yield Measured(f'build_{precision}_max', max(times), 's')
    yield Measured('from_the_cache_p50', 1e3 * statistics.median(one.cached_s for one in done), 'ms')
    for precision in DROPS:
        tell(0.98, f'verifying {precision}')
        yield Measured(f'miou_drop_{precision}', _engine_builds.drop(folder, precision, examples), 'points')


def _stage(tell: Tell) -> Iterator[Measured]:
    """Time the default models at their strides on pictures of an operation at 1080p, one frame after another."""
    tell(0.0, 'pictures of 1080p')
    take = Take('operation', 9001)
    images = [np.empty((1080, 1920, 3), np.uint8) for _ in range(PICTURES)]
    for number, image in enumerate(images):
        take.render(number * take.frames // PICTURES, image)
    lineup = Lineup.load()
    try:
        lineup.warm_up()
        times, process, settled = [], psutil.Process(), 0
        for number in range(STAGE_WARM_UP + STAGE_FRAMES):
            if number == STAGE_WARM_UP:
                settled = process.memory_info().rss
            frame = frame_of(images[number % PICTURES], number + 1, round(number * 1e9 / RATE))
            start = time.perf_counter()
            lineup.look(frame)
            times.append(1e3 * (time.perf_counter() - start))
            if not number % 30:
                tell(number / (STAGE_WARM_UP + STAGE_FRAMES), 'the stage')
        p50, p99 = np.percentile(times[STAGE_WARM_UP:], (50, 99))
        yield Measured('stage_p50', float(p50), 'ms')
        yield Measured('stage_p99', float(p99), 'ms')
        yield Measured('stage_max', max(times[STAGE_WARM_UP:]), 'ms')
        yield Measured('stage_rss_growth', (process.memory_info().rss - settled) / _MIB, 'MiB')
        yield Measured('stage_largest_allocation', _largest_allocation(lineup, images, number), 'KiB')
    finally:
        lineup.close()


def _largest_allocation(lineup: Lineup, images: Sequence[np.ndarray], number: int) -> float:
    """Give the most that a frame takes from the heap at once while the models look at it [KiB]."""
    tracemalloc.start()
    try:
        worst = 0
        for _ in range(round(RATE)):
            number += 1
            frame = frame_of(images[number % PICTURES], number + 1, round(number * 1e9 / RATE))
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            lineup.look(frame)
            worst = max(worst, tracemalloc.get_traced_memory()[1] - before)
        return worst / 1024
    finally:
        tracemalloc.stop()


def _cycles(tell: Tell) -> Iterator[Measured]:
    """Load, run and close a model 200 times."""
    process, threads, settled = psutil.Process(), 0, 0
    frame = frame_of(np.zeros((288, 512, 3), np.uint8), 1, 0)
    for number in range(CYCLES_WARM_UP + CYCLES):
        if number == CYCLES_WARM_UP:
            settled, threads = process.memory_info().rss, threading.active_count()
        pipeline = Pipeline.load('phantom_view')
        pipeline.run(frame)
        pipeline.close()
        tell(number / (CYCLES_WARM_UP + CYCLES), 'cycles')
    yield Measured('cycles_rss_growth', (process.memory_info().rss - settled) / _MIB, 'MiB')
    yield Measured('cycles_threads_growth', float(threading.active_count() - threads), '')


def _part(tell: Tell, start: float, end: float) -> Callable[[float, str], None]:
    return lambda share, what: tell(start + (end - start) * share, what)
