"""On a GPU: the kernels compute what their reference does, by either way to drive it, from the binary or by NVRTC."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from surgical_guidance.errors import GuidanceError
from surgical_guidance.inference.cuda import kernels as kernels_module
from surgical_guidance.inference.cuda import reference
from surgical_guidance.inference.cuda.arguments import (
    BOXES,
    MAX_BOXES,
    STATISTICS,
    Decode,
    Encoding,
    Flag,
    Map,
    Prepare,
    Reduce,
    Type,
)
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.kernels import Kernels
from surgical_guidance.inference.cuda.seam import SEAMS, open_cuda

TYPES = {Type.uint8: np.uint8, Type.float32: np.float32, Type.float16: np.float16}


@pytest.fixture(params=sorted(SEAMS))
def cuda(request: pytest.FixtureRequest) -> Iterator[Cuda]:
    try:
        opened = open_cuda(choice=request.param)
    except GuidanceError as error:
        pytest.skip(f'no GPU by {request.param}: {error}')
    yield opened
    opened.close()


class Bench:
    """Moves arrays to the device and back, and runs kernels between."""

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self.stream = cuda.stream()
        self.kernels = Kernels(cuda)
        self._taken: list[int] = []

    def put(self, array: np.ndarray) -> int:
        array = np.ascontiguousarray(array)
        address = self.room(array.nbytes)
        self.cuda.copy_in(address, array.ctypes.data, array.nbytes, self.stream)
        self.cuda.synchronise(self.stream)
        return address

    def room(self, size: int) -> int:
        self._taken.append(self.cuda.allocate(size))
        return self._taken[-1]

    def get(self, address: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        array = np.empty(shape, dtype)
        self.cuda.copy_out(array.ctypes.data, address, array.nbytes, self.stream)
        self.cuda.synchronise(self.stream)
        return array

    def close(self) -> None:
        for address in self._taken:
            self.cuda.free(address)
        self.kernels.close()
        self.cuda.destroy_stream(self.stream)


@pytest.fixture
def bench(cuda: Cuda) -> Iterator[Bench]:
    made = Bench(cuda)
    yield made
    made.close()
    del made
    gc.collect()


def frame_of(encoding: Encoding, width: int, height: int, random: np.random.Generator) -> np.ndarray:
    shapes = {
        Encoding.bgr8: (height, width, 3), Encoding.rgb8: (height, width, 3), Encoding.mono8: (height, width),
        Encoding.nv12: (height * 3 // 2, width), Encoding.yuyv: (height, width, 2),
    }  # fmt: skip
    return random.integers(0, 256, shapes[encoding], np.uint8)


@pytest.mark.parametrize('encoding', list(Encoding))
@pytest.mark.parametrize('kind', list(Type))
@pytest.mark.parametrize('letterbox', [False, True])
def test_a_picture_becomes_the_input_that_opencv_makes_of_it(
    bench: Bench, encoding: Encoding, kind: Type, letterbox: bool
) -> None:
    random = np.random.default_rng(int(encoding) * 3 + int(kind))
    width, height = 1920, 1080
    source = frame_of(encoding, width, height, random)
    inner = (512, 288) if letterbox else (512, 512)
    argument = Prepare(
        source=bench.put(source), source_width=width, source_height=height, source_step=source.strides[0],
        encoding=encoding, width=512, height=512, left=0, top=(512 - inner[1]) // 2, inner_width=inner[0],
        inner_height=inner[1], scale_x=width / inner[0], scale_y=height / inner[1],
        rgb=int(kind) % 2, nchw=int(kind != Type.uint8), type=kind, border=114.0,
    )  # fmt: skip
    for channel in range(3):
        argument.gain[channel], argument.offset[channel] = (1 / 58.0, -2.0 - channel) if kind else (1.0, 0.0)
    expected = reference.prepare(argument, source)
    argument.target = bench.room(expected.nbytes)
    bench.kernels.over_pixels('prepare', 512, 512, bench.stream, argument)
    found = bench.get(argument.target, expected.shape, expected.dtype)
    levels = 1.0 if kind == Type.uint8 else 1 / 58.0
    difference = np.abs(found.astype(np.float64) - expected.astype(np.float64)) / levels
    assert difference.max() <= 2.05  # OpenCV rounds twice: its weights have 11 bits
    assert (difference > 1.05).mean() < 1e-3
    assert difference.mean() < 0.3


@pytest.mark.parametrize('kind', [Type.float32, Type.float16])
@pytest.mark.parametrize('classes', [2, 16, 150])
def test_logits_become_classes_and_their_probability(bench: Bench, kind: Type, classes: int) -> None:
    random = np.random.default_rng(classes)
    logits = (random.standard_normal((classes, 95, 131)) * 3).astype(TYPES[kind])
    at, statistics = bench.put(logits), bench.put(np.zeros((), STATISTICS))
    labels, confidence = bench.room(95 * 131), bench.room(95 * 131)
    argument = Reduce(at, labels, confidence, statistics, 131, 95, classes, kind)
    bench.kernels.over_line('reduce_logits', 95 * 131, bench.stream, argument)
    expected_labels, expected_confidence, _ = reference.reduce_logits(logits)
    assert np.array_equal(bench.get(labels, (95, 131), np.uint8), expected_labels)
    found = bench.get(confidence, (95, 131), np.uint8).astype(int)
    assert np.abs(found - expected_confidence.astype(int)).max() <= 1
    assert not bench.get(statistics, (), STATISTICS)['flags']


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_is_told(bench: Bench, bad: float) -> None:
    logits = np.zeros((5, 40, 40), np.float16)
    logits[3, 20, 7] = bad
    at, statistics = bench.put(logits), bench.put(np.zeros((), STATISTICS))
    argument = Reduce(at, bench.room(1600), bench.room(1600), statistics, 40, 40, 5, Type.float16)
    bench.kernels.over_line('reduce_logits', 1600, bench.stream, argument)
    assert bench.get(statistics, (), STATISTICS)['flags'] == Flag.NOT_FINITE


def blobs(width: int, height: int, seed: int) -> np.ndarray:
    """Make a class map of areas, snakes and specks, some of them touching at corners only."""
    import cv2

    random = np.random.default_rng(seed)
    coarse = cv2.resize(
        random.standard_normal((9, 16)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    labels = np.digitize(coarse, [0.2, 0.7, 1.2]).astype(np.uint8)
    specks = random.random((height, width)) < 0.02
    labels[specks] = random.integers(0, 5, int(specks.sum()))
    for step in range(0, min(width, height) - 20, 3):  # a staircase: connected by corners
        labels[10 + step : 13 + step, 10 + step : 13 + step] = 6
    return labels


@pytest.mark.parametrize('size', [(512, 512), (512, 288), (333, 127)])
@pytest.mark.parametrize('kind', [Type.uint8, Type.float32])
def test_a_class_map_becomes_statistics_and_components(bench: Bench, size: tuple[int, int], kind: Type) -> None:
    width, height = size
    labels = blobs(width, height, width)
    levels = np.random.default_rng(1).integers(0, 256, labels.shape, np.uint8)
    confidence = levels if kind == Type.uint8 else (levels.astype(np.float32) + 0.5) / 256.0
    pixels, smallest = width * height, max(1, round(0.0005 * width * height))
    at, where = bench.put(labels), bench.put(confidence)
    statistics = bench.put(np.zeros((), STATISTICS))
    own_levels = where if kind == Type.uint8 else bench.room(pixels)
    argument = Map(
        at, where, own_levels, statistics, bench.room(4 * pixels), bench.room(4 * pixels), bench.room(4 * pixels),
        width, height, 7, kind, smallest,
    )  # fmt: skip
    for name, whole in (
        ('class_statistics', True), ('join_neighbours', True), ('count_components', False), ('keep_components', False),
        ('measure_components', True),
    ):  # fmt: skip
        if whole:
            bench.kernels.over_pixels(name, width, height, bench.stream, argument)
        else:
            bench.kernels.over_line(name, pixels, bench.stream, argument)
    found = bench.get(statistics, (), STATISTICS)
    seen = bench.get(own_levels, labels.shape, np.uint8)
    assert np.abs(seen.astype(int) - levels).max() <= 1
    assert not found['flags']
    assert np.array_equal(found['classes']['area'][:7], np.bincount(labels.reshape(-1), minlength=7))
    for index in range(7):
        rows, columns = np.nonzero(labels == index)
        one = found['classes'][index]
        if len(rows):
            box = (width - one['from_left'], height - one['from_top'], one['right'], one['bottom'])
            assert box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert one['confidence'] == seen[labels == index].sum(dtype=np.int64)
    expected = reference.components(labels, seen, smallest)
    assert len(expected) > 5
    assert found['components'] == len(expected)
    assert np.array_equal(np.sort(found['component'][: len(expected)], order='first'), expected)


@pytest.mark.parametrize('kind', [Type.float32, Type.float16])
@pytest.mark.parametrize('extras', [0, 32])
def test_a_detectors_output_becomes_boxes(bench: Bench, kind: Type, extras: int) -> None:
    random = np.random.default_rng(7)
    raw = random.random((4 + 9 + extras, 8400)).astype(TYPES[kind])
    raw[4:13] = raw[4:13] ** 12
    expected = reference.boxes(raw, 9, 0.8)
    assert 100 < len(expected) < 8400
    raw[4:13, expected['anchor'][MAX_BOXES:]] = 0
    expected = expected[:MAX_BOXES]
    boxes = bench.put(np.zeros((), BOXES))
    argument = Decode(bench.put(raw), boxes, 8400, 9, extras, kind, 0.8)
    bench.kernels.over_line('decode_boxes', 8400, bench.stream, argument)
    found = bench.get(boxes, (), BOXES)
    assert found['flags'] == 0
    assert found['count'] == len(expected)
    assert np.array_equal(np.sort(found['box'][: len(expected)], order='anchor'), expected)


def test_kernels_compiled_here_are_the_same(cuda: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('cuda.bindings.nvrtc', exc_type=ImportError)
    monkeypatch.setattr(kernels_module, '_binary', lambda: b'no binary for this GPU')
    made = Bench(cuda)
    assert made.kernels.origin == 'compiled here'
    logits = np.random.default_rng(0).standard_normal((6, 30, 30)).astype(np.float32)
    labels = made.room(900)
    argument = Reduce(
        made.put(logits), labels, made.room(900), made.put(np.zeros((), STATISTICS)), 30, 30, 6, Type.float32
    )
    made.kernels.over_line('reduce_logits', 900, made.stream, argument)
    assert np.array_equal(made.get(labels, (30, 30), np.uint8), logits.argmax(0))
    made.close()


@pytest.mark.parametrize('hops', [1, 60])
def test_a_graph_does_again_what_was_recorded(bench: Bench, hops: int) -> None:
    cuda = bench.cuda
    places = [cuda.host_memory(4096) for _ in range(hops + 1)]
    memory = bench.room(4096)
    cuda.begin_capture(bench.stream)
    for source, target in itertools.pairwise(places):
        cuda.copy_in(memory, source.ctypes.data, 4096, bench.stream)
        cuda.copy_out(target.ctypes.data, memory, 4096, bench.stream)
    graph = cuda.end_capture(bench.stream)
    assert (len(graph) > 1) == (hops > 1), 'a long one is launched in parts'
    for value in (3, 9):
        places[0][:] = value
        cuda.launch_graph(graph, bench.stream)
        cuda.synchronise(bench.stream)
        assert (places[-1] == value).all()
    cuda.destroy_graph(graph)
    for place in places:
        cuda.free_host(place)


def test_streams_with_priority_wait_for_each_others_events(bench: Bench) -> None:
    cuda = bench.cuda
    first, event, start = cuda.stream(first=True), cuda.event(timing=True), cuda.event(timing=True)
    memory = bench.room(1 << 20)
    cuda.record(start, first)
    cuda.clear(memory, 1 << 20, first)
    cuda.record(event, first)
    cuda.wait(bench.stream, event)
    assert not bench.get(memory, (1 << 20,), np.uint8).any()
    cuda.wait_here(event)
    assert cuda.elapsed_ms(start, event) > 0
    for made in (event, start):
        cuda.destroy_event(made)
    cuda.destroy_stream(first)


def test_memory_of_a_ring_is_page_locked_once_it_is_there(bench: Bench) -> None:
    from surgical_guidance.frames import RingReader, RingWriter, ring_scope
    from surgical_guidance.inference.cuda.frames import DeviceFrames

    ring = RingWriter(ring_scope('/test_gpu'), 3, 64 * 48 * 3)
    frames = DeviceFrames(bench.cuda)
    try:
        for _ in range(4):
            draft = ring.begin(64, 48)
            draft.image[:] = np.random.default_rng(ring.sequence).integers(0, 256, draft.image.shape, np.uint8)
            frame = ring.commit(draft, 1, 1)
            layout = frames.upload(frame.image, 'bgr8', (frame.ring, frame.sequence))
            assert frames.locked
            bench.cuda.wait(bench.stream, frames.uploaded)
            assert np.array_equal(bench.get(layout.address, (48, 64, 3), np.uint8), frame.image)
        seen = RingReader(ring.name).frame(frame.slot, frame.sequence)  # another process's view: it may only read
        layout = frames.upload(seen.image, 'bgr8')
        bench.cuda.wait(bench.stream, frames.uploaded)
        assert np.array_equal(bench.get(layout.address, (48, 64, 3), np.uint8), frame.image)
    finally:
        frames.close()
        ring.close()


@pytest.mark.parametrize('model', ['phantom_segmentation', 'phantom_view', 'phantom_phase'])
def test_shipped_models_say_on_the_gpu_what_they_say_on_the_processor(model: str) -> None:
    import cv2
    from inference_helpers import as_frame

    from surgical_guidance.inference.makers import provider_missing
    from surgical_guidance.inference.manifest import load_manifest
    from surgical_guidance.inference.pipeline import Pipeline

    reason = provider_missing('onnxruntime-cuda')
    if reason:
        pytest.skip(reason)
    manifest = load_manifest(model)
    there, here = Pipeline.of(manifest, 'auto'), Pipeline.of(manifest, 'onnxruntime')
    assert 'CUDA' in there.describe()
    try:
        for seed in range(6):
            coarse = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
            size = (1280, 720) if seed % 3 else (720, 576)  # a camera that changes its resolution while running
            frame = as_frame(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), seed + 1)
            found, expected = there.run(frame), here.run(frame)
            assert found.problem == expected.problem == ''
            if expected.segmentation is not None:
                assert found.segmentation is not None
                assert (found.segmentation.labels == expected.segmentation.labels).mean() > 0.98
            else:
                assert _numbers(found.reading) == pytest.approx(_numbers(expected.reading), abs=0.03)
    finally:
        there.close()
        here.close()


def _numbers(reading: Any) -> dict[str, float]:
    if hasattr(reading, 'levels'):
        return dict(reading.levels)
    return {
        f'{head} {name}': value
        for head, choice in reading.heads.items()
        for name, value in choice.probabilities.items()
    }
