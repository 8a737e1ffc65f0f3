"""The GPU's frame path: 1080p bytes in the ring to masks and scene-ready outputs on the host; against PyTorch.

``ours`` goes the way of the node: a frame of the ring, handed to the thread that owns CUDA, and its results. The engine
in TensorRT's seat is ONNX Runtime's CUDA provider. ``pytorch`` is what one writes without this project: OpenCV scales,
NumPy normalises, the network runs in eager float32, softmax and argmax follow, labels and confidence come back.

Needs a GPU, and torch and torchvision for the networks. What is not there is left out, and said.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import torch
from numpy.typing import NDArray

import _gpu_models
from surgical_guidance import clock
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import GuidanceError, HostError
from surgical_guidance.frames import Frame, RingWriter, ring_scope
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.graphs import Graph
from surgical_guidance.inference.gpu_engine import GpuEngine
from surgical_guidance.inference.gpu_host import GpuHost, join_host, leave_host
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.onnxruntime_gpu import OnnxRuntimeGpuEngine
from surgical_guidance.inference.pipeline import Pipeline

WIDTH, HEIGHT, SLOTS = 1920, 1080, 8
WARM_UP, FRAMES = 60, 600
SURE = 127  # confidence; without training a network is that sure of a fifth of the pixels
PROFILES, PROFILED_FIRST, PROFILED = 3, 10, 60  # frames; those in which the profiler takes what it needs do not count
SWITCHES = 100  # there and back
SLEEPS_S = (0.0, 0.01)  # of the host between frames
CYCLES, CYCLES_SETTLED, CYCLES_S = 200, 40, 120.0  # so many, or for so long [s]; from which on it may not grow
MEAN, SCALE = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # ImageNet's, of values 0 to 255
FOLDER = Path(os.environ.get('SURGICAL_GUIDANCE_BENCH_MODELS', Path(tempfile.gettempdir()) / 'surgical_guidance_bench'))


def run(tell: Tell) -> Iterator[Measured]:
    """Measure the path, its share beside the engine, PyTorch, three models at once, gaps, and leaks."""
    models = [(network, manifest_of(network)) for network in _gpu_models.NETWORKS]
    ring = RingWriter(ring_scope('/bench_gpu'), SLOTS, WIDTH * HEIGHT * 3)
    host = join_host()
    try:
        frames = _frames(ring)
        tell(0.05, 'one model')
        yield from _one(host, models[0][1], frames)
        yield from _without_profiler(host, models[0][1], frames)
        tell(0.3, 'PyTorch')
        yield from _pytorch(models, frames[0].image)
        tell(0.5, 'three models')
        yield from _three([manifest for _, manifest in models], frames)
        tell(0.7, 'another resolution')
        yield from _switches(ring)
        tell(0.75, 'gaps')
        yield from _gaps(host, models[0][1], frames)
    finally:
        leave_host()
    try:
        tell(0.8, 'create and close')
        yield from _cycles(manifest_of(_gpu_models.SMALL), frames)
    finally:
        ring.close()


def manifest_of(network: _gpu_models.Network) -> Manifest:
    """Describe a network of the benchmark."""
    path = _gpu_models.export(network, FOLDER)
    segments = network.output == 'logits'
    content: dict[str, Any] = {
        'name': network.name,
        'task': 'semantic_segmentation' if segments else 'classification',
        'file': path.name,
        'sha256': _gpu_models.sha256(path),
        'input': {
            'name': 'image', 'width': network.side, 'height': network.side, 'layout': 'nchw', 'colour': 'rgb',
            'normalisation': {'mean': MEAN, 'scale': SCALE},
        },
        'outputs': {'scores': network.output},
        'scores': 'logits',
        'priority': 100 if segments else 10,
        'budget_ms': 10.0,
    }  # fmt: skip
    if segments:
        content['classes'] = list(CLASSES)[: _gpu_models.CLASSES]
    else:
        content['heads'] = {'scores': [f'n{index}' for index in range(1000)]}
    return Manifest.model_validate({**content, 'path': path.with_suffix('.yaml')})


def engine(manifest: Manifest, **options: Any) -> GpuEngine:
    """Load a network into the engine that the benchmark measures."""
    return GpuEngine(
        manifest, lambda _cuda, _host, stream: OnnxRuntimeGpuEngine('onnxruntime-cuda', manifest, stream, **options)
    )


def _frames(ring: RingWriter) -> list[Frame]:
    """Fill the ring with different pictures that have both areas and edges."""
    random = np.random.default_rng(0)
    frames = []
    for _ in range(SLOTS):
        coarse = random.integers(0, 256, (HEIGHT // 60, WIDTH // 60, 3), np.uint8)
        draft = ring.begin(WIDTH, HEIGHT)
        cv2.resize(coarse, (WIDTH, HEIGHT), draft.image, interpolation=cv2.INTER_CUBIC)
        frames.append(ring.commit(draft, time.time_ns(), clock.monotonic_ns()))
    return frames


def _timed(do: Callable[[int], object], count: int = FRAMES, warm_up: int = WARM_UP) -> list[float]:
    """Give the time of each call [ms]; the collector of garbage is left on, as it is when live."""
    times = []
    for number in range(warm_up + count):
        start = time.perf_counter_ns()
        do(number)
        if number >= warm_up:
            times.append((time.perf_counter_ns() - start) / 1e6)
    return times


def _quantiles(name: str, times: list[float]) -> Iterator[Measured]:
    for quantile in (50, 99):
        yield Measured(f'{name}_p{quantile}', float(np.percentile(times, quantile)), 'ms')
    yield Measured(f'{name}_max', max(times), 'ms')


def _engine_alone(cuda: Cuda, made: GpuEngine) -> list[float]:
    """Time the engine's own work, from launch to done."""
    path = made.path
    graph: Graph = ()
    if path.engine.capturable:
        cuda.begin_capture(path.stream)
        path.engine.enqueue(path.stream)
        graph = cuda.end_capture(path.stream)

    def once(_: int) -> None:
        if graph:
            cuda.launch_graph(graph, path.stream)
        else:
            path.engine.enqueue(path.stream)
        cuda.synchronise(path.stream)

    times = _timed(once, 300, 30)
    if graph:
        cuda.destroy_graph(graph)
    return times


def _one(host: GpuHost, manifest: Manifest, frames: list[Frame]) -> Iterator[Measured]:
    variants: dict[str, dict[str, Any]] = {
        'frame_graph': {},
        'frame_graph_nhwc': {'options': {'prefer_nhwc': '1'}},
        'engine_graph': {'own_graph': True},
    }
    best, best_times, best_alone = '', [float('inf')], [float('inf')]
    best_agreement, best_whole = 0.0, [float('inf')]
    processor = Pipeline.of(manifest, 'onnxruntime', 8)
    segmentation = processor.run(frames[0]).segmentation
    assert segmentation is not None
    reference, sure = segmentation.labels.copy(), segmentation.confidence > SURE
    processor.close()
    for name, options in variants.items():
        try:
            made = engine(manifest, **options)
        except GuidanceError as error:
            print(f'  {name}: {error}')
            continue
        try:
            times = _timed(lambda n, made=made: made.look(frames[n % SLOTS]))  # type: ignore[misc]
            alone = host.owner.call(lambda cuda, made=made: _engine_alone(cuda, made))  # type: ignore[misc]
            print(f'  {name}: p50 {np.median(times):.3f} p99 {np.percentile(times, 99):.3f} max {max(times):.3f} ms')
            print(f'    engine alone {np.median(alone):.3f} ms; {made.describe()}; ring locked: {host.frames.locked}')
            outputs, problem = made.look(frames[0])
            same = outputs['labels'][0] == reference
            agreement = float(same[sure].mean())
            print(f'    labels as on the processor: {same.mean():.2%}, where that is sure: {agreement:.2%}; {problem}')
            if problem:
                continue
            pipeline = Pipeline(manifest, made)
            whole = _timed(lambda n, pipeline=pipeline: pipeline.run(frames[n % SLOTS]), 300, 30)  # type: ignore[misc]
            if np.median(times) < np.median(best_times):
                best, best_times, best_alone = name, times, alone
                best_agreement, best_whole = agreement, whole
        except GuidanceError as error:
            print(f'  {name}: {error}')
        finally:
            made.close()
    if not best:
        raise HostError('no engine ran', where='GPU')
    _BEST.update(variants[best])
    _RESULT['one'] = float(np.median(best_times))
    print(f'  {best} is taken')
    yield from _quantiles('path', best_times)
    yield from _quantiles('pipeline', best_whole)
    yield Measured('sure_labels_as_on_the_processor', 100 * best_agreement, '%')
    yield Measured('engine_p50', float(np.median(best_alone)), 'ms')
    yield Measured('own_share_p50', float(np.median(best_times) - np.median(best_alone)), 'ms')


_BEST: dict[str, Any] = {}
_RESULT: dict[str, float] = {}


def _pytorch(models: list[Any], image: NDArray[np.uint8]) -> Iterator[Measured]:
    def prepared(side: int) -> Any:
        small = cv2.cvtColor(cv2.resize(image, (side, side)), cv2.COLOR_BGR2RGB).astype(np.float32)
        normal = (small - np.float32(MEAN)) / np.float32(SCALE)
        return torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))[None].cuda()

    networks = [_gpu_models.network(network).cuda() for network, _ in models]
    sides = [network.side for network, _ in models]

    def segment() -> NDArray[np.uint8]:
        with torch.inference_mode():
            confidence, labels = networks[0](prepared(sides[0])).softmax(1).max(1)
            labels_there, _ = labels.to(torch.uint8).cpu().numpy(), (confidence * 255).to(torch.uint8).cpu().numpy()
            return labels_there

    def classify(index: int) -> NDArray[np.float32]:
        with torch.inference_mode():
            return networks[index](prepared(sides[index])).softmax(1).cpu().numpy()

    times = _timed(lambda _: segment(), 300, 30)
    yield from _quantiles('pytorch', times)
    yield Measured('times_faster_than_pytorch', float(np.median(times)) / _RESULT['one'], 'x')
    alone = _timed(lambda _: _torch_forward(networks[0], sides[0]), 200, 20)
    yield Measured('pytorch_forward_p50', float(np.median(alone)), 'ms')
    three = _timed(lambda _: (segment(), classify(1), classify(2)), 150, 15)
    _RESULT['pytorch_three'] = 1e3 / statistics.fmean(three)
    yield Measured('pytorch_three_a_second', _RESULT['pytorch_three'], '1/s')


_FORWARD: dict[int, Any] = {}


def _torch_forward(network: Any, side: int) -> None:
    picture = _FORWARD.setdefault(side, torch.randn(1, 3, side, side).cuda())
    with torch.inference_mode():
        network(picture)
    torch.cuda.synchronize()


def _three(manifests: list[Manifest], frames: list[Frame]) -> Iterator[Measured]:
    with contextlib.ExitStack() as stack:
        engines = []
        for manifest in manifests:
            engines.append(engine(manifest, **_BEST))
            stack.callback(engines[-1].close)

        def together(number: int) -> None:
            frame = frames[number % SLOTS]
            for made in engines:
                made.start(frame)
            for made in engines:
                made.finish()

        def in_turn(number: int) -> None:
            for made in engines:
                made.look(frames[number % SLOTS])

        for made in engines:
            print(' ', made.describe())
        times = _timed(together)
        turns = _timed(in_turn)
        yield from _quantiles('three', times)
        yield Measured('three_in_turn_p50', float(np.median(turns)), 'ms')
        rate = 1e3 / statistics.fmean(times)
        yield Measured('three_a_second', rate, '1/s')
        yield Measured('three_times_pytorch', rate / _RESULT['pytorch_three'], 'x')


def _without_profiler(host: GpuHost, manifest: Manifest, frames: list[Frame]) -> Iterator[Measured]:
    """Take by events of CUDA what passes from the end of the copy to the end of a frame; :func:`_gaps` reckons with it.

    Before anything of CUPTI or PyTorch's work is in this process: both stay when they are done.
    """
    made = engine(manifest, **_BEST)
    launches = host.owner.call(_time_launches)
    try:
        for number in range(WARM_UP):
            made.look(frames[number % SLOTS])
        launches.clear()
        _PASSED.extend(_by_events(host, made, frames))
    finally:
        made.close()
        host.owner.call(_time_launches_no_more)
    yield Measured('launch_p50', statistics.median(launches), 'us')
    yield Measured('launch_max', max(launches), 'us')


_PASSED: list[float] = []


def _gaps(host: GpuHost, manifest: Manifest, frames: list[Frame]) -> Iterator[Measured]:
    """Find the longest time within a frame in which the GPU does nothing, as CUPTI sees it.

    CUPTI delays what it looks at: with it, giving a graph to the GPU takes the host 10 to 40 times as long. Therefore
    also what passed without it, less the least time that the work itself takes: that is all gaps of a frame together.
    """
    made = engine(manifest, **_BEST)
    launches = host.owner.call(_time_launches)
    try:
        for number in range(WARM_UP):
            made.look(frames[number % SLOTS])
        launches.clear()
        profiled, after_sleep = (
            [frame for _ in range(PROFILES) for frame in _profiled(made, frames, s)] for s in SLEEPS_S
        )
    finally:
        made.close()
        host.owner.call(_time_launches_no_more)
    yield Measured('profiled_launch_p50', statistics.median(launches), 'us')
    names: dict[str, list[float]] = {}
    for start, stop, name in (piece for frame in profiled for piece in frame):
        names.setdefault(name, []).append(stop - start)
    for name, spans in sorted(names.items(), key=lambda item: -sum(item[1]))[:14]:
        count = len(profiled)
        print(f'  {sum(spans) / count:8.1f} us a frame, {len(spans) / count:5.1f} times  {name[:90]}')
    print(f'  {sum(map(len, profiled)) / len(profiled):.1f} pieces of work a frame')
    yield from _longest_gaps('longest_gap', profiled)
    yield from _longest_gaps('longest_gap_after_sleep', after_sleep)
    spans_of = [[stop - start for start, stop, _ in frame] for frame in (*profiled, *after_sleep)]
    least = sum(map(min, zip(*(spans[1:] for spans in spans_of), strict=True)))  # the first piece is the copy
    yield Measured('all_gaps_p50', statistics.median(_PASSED) - least, 'us')
    yield Measured('all_gaps_max', max(_PASSED) - least, 'us')
    busy = statistics.median(map(sum, spans_of))
    seen = statistics.median(max(stop for _, stop, _ in frame) - frame[0][0] for frame in profiled)
    yield Measured('profiled_frame_p50', seen / 1e3, 'ms')
    yield Measured('frame_busy_p50', busy / 1e3, 'ms')
    yield Measured('frame_not_busy_p50', 1e3 * _RESULT['one'] - busy, 'us')


def _longest_gaps(name: str, profiled: list[list[_Piece]]) -> Iterator[Measured]:
    longest = [_longest_gap(frame) for frame in profiled]
    worst, between = max(longest)
    print(f'  {name} {worst:.1f} us: {between}; of each frame:', ' '.join(f'{gap:.0f}' for gap, _ in longest))
    yield Measured(name, worst, 'us')
    yield Measured(f'{name}_p50', statistics.median(gap for gap, _ in longest), 'us')
    yield Measured(f'{name}_above_100_us', 100 * sum(gap > 100 for gap, _ in longest) / len(longest), '%')


def _time_launches(cuda: Cuda) -> list[float]:
    """Take the time of each graph that the host gives to the GPU from now on [us]."""
    launch, times = cuda.launch_graph, []

    def timed(graph: Graph, stream: int) -> None:
        start = time.perf_counter_ns()
        launch(graph, stream)
        times.append((time.perf_counter_ns() - start) / 1e3)

    cuda.launch_graph = timed  # type: ignore[method-assign]
    return times


def _time_launches_no_more(cuda: Cuda) -> None:
    del cuda.launch_graph  # the class's own is there again


def _by_events(host: GpuHost, made: GpuEngine, frames: list[Frame]) -> list[float]:
    """Give what passes from the end of the copy to the end of each frame [us], by events of CUDA."""
    copied, end = host.owner.call(lambda cuda: (cuda.event(timing=True), cuda.event(timing=True)))
    path, untimed = made.path, host.frames.uploaded

    def once(cuda: Cuda, frame: Frame) -> float:
        path.start(frame.image, frame.encoding, (frame.ring, frame.sequence))
        cuda.record(end, path.stream)
        path.finish()
        cuda.wait_here(end)
        return 1e3 * cuda.elapsed_ms(copied, end)

    host.frames.uploaded = copied
    times = []
    for number in range(FRAMES):
        times.append(host.owner.call(lambda cuda, number=number: once(cuda, frames[number % SLOTS])))  # type: ignore[misc]
        time.sleep(SLEEPS_S[1])
    host.frames.uploaded = untimed
    for event in (copied, end):
        host.owner.call(lambda cuda, event=event: cuda.destroy_event(event))  # type: ignore[misc]
    return times


_Piece = tuple[float, float, str]
"""Work of the GPU: start and end [us], and what it is."""


def _profiled(made: GpuEngine, frames: list[Frame], sleep_s: float) -> list[list[_Piece]]:
    """Give all work of the GPU, frame by frame.

    :param sleep_s: what the host sleeps between frames.
    """
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as profiler:
        for number in range(PROFILED_FIRST + PROFILED):
            made.look(frames[number % SLOTS])
            time.sleep(sleep_s)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'trace.json'
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text())['traceEvents']
    found: list[list[_Piece]] = []
    for start, span, name in sorted(
        (float(e['ts']), float(e['dur']), str(e['name']))
        for e in events
        if e.get('cat') in ('kernel', 'gpu_memcpy', 'gpu_memset')
    ):
        if 'HtoD' in name:  # the frame's copy; a segmentation has no other
            found.append([])
        found[-1].append((start, start + span, name))
    if len(found) != PROFILED_FIRST + PROFILED:
        raise HostError(f'the profiler saw {len(found)} frames of {PROFILED_FIRST + PROFILED}', where='GPU')
    return found[PROFILED_FIRST:]


def _longest_gap(frame: list[_Piece]) -> tuple[float, str]:
    """Give the longest time in which nothing is done [us], and between what it lies."""
    worst, between = 0.0, ''
    end, last = frame[0][1], frame[0][2]
    for start, stop, name in frame:
        if start - end > worst:
            worst, between = start - end, f'{last[:60]} -> {name[:60]}'
        if stop > end:
            end, last = stop, name
    return worst, between


def _switches(ring: RingWriter) -> Iterator[Measured]:
    """Change the camera's resolution while the segmentation that ships is running; time the first frame after it."""
    pipeline = Pipeline.load('phantom_segmentation', 'onnxruntime-cuda')
    try:
        pipeline.warm_up()
        draft = ring.begin(WIDTH, HEIGHT)  # the ring's one format; rows and columns of it are another camera's
        cv2.randu(draft.image, 0, 256)
        whole = ring.commit(draft, time.time_ns(), clock.monotonic_ns())
        part = dataclasses.replace(whole, image=whole.image[:576, :720])
        for frame in (whole, part):
            pipeline.run(frame)
        free = torch.cuda.mem_get_info()[0]
        times = []
        for number in range(2 * SWITCHES):
            taken = whole.sequence + number
            frame = dataclasses.replace((whole, part)[number % 2], sequence=taken, current_sequence=lambda n=taken: n)
            start = time.perf_counter_ns()
            pipeline.run(frame)
            times.append((time.perf_counter_ns() - start) / 1e6)
        yield from _quantiles('switched', times)
        yield Measured('switched_gpu_growth', (free - torch.cuda.mem_get_info()[0]) / 2**20, 'MiB')
    finally:
        pipeline.close()


def _cycles(manifest: Manifest, frames: list[Frame]) -> Iterator[Measured]:
    """Open the GPU, create, use and close an engine, and close the GPU, again and again."""
    process, trim = psutil.Process(), ctypes.CDLL(None).malloc_trim
    free = used = threads = cycles = 0
    start = time.monotonic()
    while cycles < CYCLES and time.monotonic() - start < CYCLES_S:
        made = engine(manifest, options={'cudnn_conv_algo_search': 'HEURISTIC'})
        for number in range(6):
            made.look(frames[number % SLOTS])
        made.close()
        cycles += 1
        if cycles == CYCLES_SETTLED:
            trim(0)  # what the allocator keeps of what was given back is no leak
            free, used = torch.cuda.mem_get_info()[0], process.memory_info().rss
            threads = threading.active_count()
    trim(0)
    yield Measured('cycles', cycles, '')
    yield Measured('cycles_gpu_growth', (free - torch.cuda.mem_get_info()[0]) / 2**20, 'MiB')
    yield Measured('cycles_host_growth', (process.memory_info().rss - used) / 2**20, 'MiB')
    yield Measured('cycles_threads_growth', threading.active_count() - threads, '')
