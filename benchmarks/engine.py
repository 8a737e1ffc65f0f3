"""Engines: every model built in every precision by the real library; the inference stage on two cores; the GPU path.

The builds are of TensorRT-RTX and need no GPU. The stage is the three default models at their strides on 1080p, as the
node runs them. Where there is a GPU, the rows of `bench gpu_path` follow.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil

from surgical_guidance.bench import Measured, Tell
from surgical_guidance.engines import shapes
from surgical_guidance.engines.artefact import write_artefact
from surgical_guidance.engines.calibrate import calibrate
from surgical_guidance.engines.calibration_set import open_set
from surgical_guidance.engines.device import device
from surgical_guidance.engines.inspection import inputs_of
from surgical_guidance.engines.make import make
from surgical_guidance.engines.options import Options, Precision
from surgical_guidance.engines.pictures import from_phantom
from surgical_guidance.engines.rendered_set import render_set
from surgical_guidance.engines.source import Source, open_source
from surgical_guidance.engines.store import Store
from surgical_guidance.engines.verify import open_subject, verify
from surgical_guidance.errors import GuidanceError
from surgical_guidance.evaluation.shipped import frame_of
from surgical_guidance.inference.lineup import Lineup
from surgical_guidance.inference.manifest import MODELS, Manifest
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.inference.plan import Range
from surgical_guidance.inference.trt_library import load
from surgical_guidance.phantom.take import Take

RATE = 30.0
STAGE_WARM_UP, STAGE_FRAMES, PICTURES = 30, 240, 4
CYCLES, CYCLES_WARM_UP = 200, 20
CALIBRATED_ON, VERIFIED_ON = 3, 8  # pictures of each kind; pictures
BUILT_ON = 1  # pictures, where only the build counts
REBUILT = ('phantom_phase', 'phantom_segmentation', 'yolov8_seg')  # built twice: two shipped, and one from elsewhere
EFFORT = 0  # of the library's optimiser: all of it in a minute
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
    """Build everything; what fails is counted, and told at the end."""
    library, store = load('tensorrt_rtx'), Store(folder / 'cache')
    tell(0.0, 'pictures')
    render_set(folder / 'pictures', CALIBRATED_ON, (256, 144))
    pictures = open_set(folder / 'pictures').pictures
    sources = [*(open_source(path.stem) for path in sorted(MODELS.glob('*.yaml'))), *_foreign(folder)]
    seconds: dict[Precision, list[float]] = {'fp32': [], 'fp16': [], 'int8': []}
    failed, differ, cached = 0, 0, []
    for number, source in enumerate(sources):
        for precision, times in seconds.items():
            tell(number / len(sources), f'{source.name} {precision}')
            ranges = None
            if precision == 'int8':
                ranges = folder / f'{source.name}.int8.onnx'
                write_artefact(
                    ranges, calibrate(source, pictures[:BUILT_ON], 'minmax'), source, 'int8', {'method': 'minmax'}
                )
            for profile_number, profiles in enumerate(_profiles(source)):
                options = Options(precision=precision, profiles=profiles, effort=EFFORT)
                try:
                    start = time.perf_counter()
                    first = make(source, options, library, ranges, store)
                    times.append(time.perf_counter() - start)
                    start = time.perf_counter()
                    make(source, options, library, ranges, store)
                    cached.append(time.perf_counter() - start)
                    if precision == 'fp16' and not profile_number and source.name in REBUILT:
                        again = make(source, options, library, ranges, Store(folder / 'again'))
                        differ += first.path.read_bytes() != again.path.read_bytes()
                except GuidanceError as error:
                    failed += 1
                    print(f'{source.name} {precision}: {error}', file=sys.stderr)
    yield Measured('plans_built', float(sum(map(len, seconds.values()))), '')
    yield Measured('plans_failed', float(failed), '')
    yield Measured('plans_other_when_rebuilt', float(differ), '')  # docs/engines.md tells why there are any
    for precision, times in seconds.items():
        yield Measured(f'build_{precision}_p50', statistics.median(times), 's')
        yield Measured(f'build_{precision}_max', max(times), 's')
    yield Measured('from_the_cache_p50', 1e3 * statistics.median(cached), 'ms')
    yield from _drops(folder, store, pictures, tell)


def _drops(folder: Path, store: Store, pictures: Sequence[Path], tell: Tell) -> Iterator[Measured]:
    """Verify the segmentation in FP16 and INT8 against the phantom's truth, on cameras no model was trained on."""
    library, source = load('tensorrt_rtx'), open_source('phantom_segmentation')
    examples = list(from_phantom(VERIFIED_ON))
    profiles = shapes.live(inputs_of(source.graph), source.sizes, '')
    ranges = folder / 'segmentation.int8.onnx'
    tell(0.9, 'calibrating')
    network = calibrate(source, pictures, 'percentile')
    write_artefact(ranges, network, source, 'int8', {'method': 'percentile'})
    for precision, calibrated in (('fp16', None), ('int8', ranges)):
        tell(0.95, f'verifying {precision}')
        options = Options.model_validate({'precision': precision, 'profiles': profiles})
        place = make(source, options, library, calibrated, store).path
        result = verify(source, open_subject(place, source), examples)
        yield Measured(f'miou_drop_{precision}', result.drop, 'points')


def _profiles(source: Source) -> Iterator[tuple[dict[str, Range], ...]]:
    """Give the live profile, and the graded one where the network leaves anything open."""
    inputs, where = inputs_of(source.graph), str(source.path)
    yield shapes.live(inputs, source.sizes, where)
    if any(-1 in one.shape for one in inputs):
        yield (shapes.graded(inputs, where),)


def _foreign(folder: Path) -> Iterator[Source]:
    """Write the public layouts that the tests know, with as much of a manifest as a calibration needs."""
    sys.path.append(str(Path(__file__).resolve().parent.parent / 'test'))
    from foreign_models import FOREIGN

    for name, layout in FOREIGN.items():
        path = folder / f'{name}.onnx'
        layout.write(path)
        bare = open_source(str(path))
        picture = {
            'name': layout.input,
            'width': layout.size[1],
            'height': layout.size[0],
            'layout': 'nchw',
            'colour': 'rgb',
            'normalisation': {'mean': (0.0, 0.0, 0.0), 'scale': (255.0, 255.0, 255.0)},
        }
        manifest = Manifest.model_validate(
            {'name': name, 'task': 'elsewhere', 'file': path.name, 'sha256': bare.sha256, 'input': picture,
             'outputs': {}, 'budget_ms': 20.0, 'path': folder / f'{name}.yaml'}
        )  # fmt: skip
        yield Source(name, path, bare.sha256, bare.graph, manifest)


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
