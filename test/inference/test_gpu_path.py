"""A frame's way through the GPU, on a GPU that is made of the host's memory and runs the kernels' reference."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fake_cuda import FakeDriver, memory, open_fake

from surgical_guidance.errors import EncodingError, EngineError, FrameOverwritten, ModelError
from surgical_guidance.frames import Frame, RingWriter, ring_scope
from surgical_guidance.inference.cuda import graphs, reference
from surgical_guidance.inference.cuda.faults import DeviceLost
from surgical_guidance.inference.cuda.frames import DeviceFrames
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.gpu_engine import GpuEngine
from surgical_guidance.inference.gpu_host import GpuHost
from surgical_guidance.inference.manifest import Manifest, load_manifest
from surgical_guidance.inference.pipeline import Pipeline, Result
from surgical_guidance.inference.runners import side_by_side

SIDE = 32
WEIGHTS = np.random.default_rng(3).standard_normal((4, 3)).astype(np.float32)


class ArrayEngine:
    """A network of one line of NumPy. See :class:`surgical_guidance.inference.device_engine.DeviceEngine`."""

    def __init__(self, driver: FakeDriver, compute: Callable[..., dict[str, np.ndarray]], **tensors: Any) -> None:
        self.inputs: Mapping[str, Tensor] = {t.name: t for t in tensors['inputs']}
        self.outputs: Mapping[str, Tensor] = {t.name: t for t in tensors['outputs']}
        self.capturable = tensors.get('capturable', True)
        self.runs = 0
        self.closed = False
        self.failing = False
        self._driver, self._compute = driver, compute
        self._at: dict[str, int] = {}

    def bind(self, name: str, address: int) -> None:
        self._at[name] = address

    def enqueue(self, stream: int) -> None:
        if self.failing:
            raise EngineError('the engine is told to fail')
        if self._driver._capture is not None:
            self._driver._capture.append(self._run)
        else:
            self._run()

    def _run(self) -> None:
        self.runs += 1
        values = self._compute(**{n: memory(self._at[n], t.shape, t.dtype) for n, t in self.inputs.items()})
        for name, tensor in self.outputs.items():
            memory(self._at[name], tensor.shape, tensor.dtype)[...] = values[name]

    def describe(self) -> str:
        return 'an engine of arrays'

    def close(self) -> None:
        self.closed = True


def logits_of(image: np.ndarray) -> dict[str, np.ndarray]:
    return {'logits': np.einsum('kc,nchw->nkhw', WEIGHTS, image.astype(np.float32))}


def logits_engine(driver: FakeDriver, **more: Any) -> ArrayEngine:
    return ArrayEngine(
        driver,
        logits_of,
        inputs=[Tensor('image', np.dtype(np.float16), (1, 3, SIDE, SIDE))],
        outputs=[Tensor('logits', np.dtype(np.float32), (1, 4, SIDE, SIDE))],
        **more,
    )


def logits_manifest(**changes: Any) -> Manifest:
    content = {
        'name': 'logits', 'task': 'semantic_segmentation', 'file': 'logits.onnx', 'sha256': '0' * 64,
        'input': {
            'name': 'image', 'width': SIDE, 'height': SIDE, 'layout': 'nchw', 'colour': 'rgb',
            'normalisation': {'mean': [120, 110, 100], 'scale': [60, 50, 40]},
        },
        'outputs': {'scores': 'logits'}, 'scores': 'logits',
        'classes': ['background', 'liver', 'gallbladder', 'fat'], 'priority': 100, 'budget_ms': 5,
        'path': Path('logits.yaml'),
    }  # fmt: skip
    return Manifest.model_validate(content | changes)


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver()


@pytest.fixture
def host(driver: FakeDriver) -> Iterator[GpuHost]:
    made = GpuHost(lambda: open_fake(driver))
    yield made
    made.close()
    assert not +driver.open_things, 'everything taken from the GPU is given back'
    assert not driver.locked, 'no memory stays page-locked'


@pytest.fixture
def ring() -> Iterator[RingWriter]:
    made = RingWriter(ring_scope('/test_gpu_path'), 3, 400 * 300 * 3)
    yield made
    made.close()


def draw(ring: RingWriter, seed: int = 0, size: tuple[int, int] = (160, 120), encoding: str = 'bgr8') -> Frame:
    draft = ring.begin(*size, encoding)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, *draft.image.shape[2:]), np.uint8)
    draft.image[:] = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return ring.commit(draft, seed, seed)


def make(host: GpuHost, manifest: Manifest, engine: ArrayEngine) -> GpuEngine:
    return GpuEngine(manifest, lambda *_: engine, join=lambda: host, leave=lambda: None)


def expected_of(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    small = cv2.cvtColor(cv2.resize(image, (SIDE, SIDE)), cv2.COLOR_BGR2RGB).astype(np.float32)
    normal = ((small - np.float32([120, 110, 100])) / np.float32([60, 50, 40])).astype(np.float16)
    logits = logits_of(normal.transpose(2, 0, 1)[None])['logits'][0]
    labels, confidence, _ = reference.reduce_logits(logits)
    return labels, confidence


def test_a_frame_becomes_labels_and_their_confidence(host: GpuHost, driver: FakeDriver, ring: RingWriter) -> None:
    engine = make(host, logits_manifest(), logits_engine(driver))
    for seed in range(8):  # first without a graph, then with one
        frame = draw(ring, seed)
        outputs, problem = engine.look(frame)
        labels, confidence = expected_of(frame.image)
        assert problem == ''
        assert (outputs['labels'][0] == labels).mean() > 0.995  # float16 rounds a few to the other side
        assert np.abs(outputs['confidence'][0].astype(int) - confidence.astype(int)).max() <= 1
        areas = outputs['statistics']['classes']['area']
        assert np.array_equal(areas[:4], np.bincount(outputs['labels'].reshape(-1), minlength=4))
    assert 'one graph a frame' in engine.describe()
    assert engine.reads_as.outputs == {'labels': 'labels', 'confidence': 'confidence'}
    engine.close()


def test_a_frame_is_copied_once_from_the_ring_itself(host: GpuHost, driver: FakeDriver, ring: RingWriter) -> None:
    first, second = (make(host, logits_manifest(), logits_engine(driver)) for _ in range(2))
    for seed in range(6):
        frame = draw(ring, seed)
        driver.copied_in.clear()
        for engine in (first, second):
            engine.look(frame)
        assert driver.copied_in == [(frame.image.ctypes.data, frame.image.nbytes)]
    assert driver.count('cuMemHostRegister') == 1, 'the ring is page-locked once'
    first.close()
    second.close()


def test_nothing_is_allocated_after_the_first_frame(host: GpuHost, driver: FakeDriver, ring: RingWriter) -> None:
    engine = make(host, logits_manifest(), logits_engine(driver))
    engine.look(draw(ring))
    driver.calls.clear()
    for seed in range(10):
        engine.look(draw(ring, seed))
    assert not [call for call in driver.calls if 'Alloc' in call[0]]
    assert driver.count('cuGraphLaunch') == 8
    assert driver.count('cuGraphInstantiate') == 1
    engine.close()


def test_a_camera_that_changes_its_size_is_followed(host: GpuHost, driver: FakeDriver, ring: RingWriter) -> None:
    array_engine = logits_engine(driver)
    engine = make(host, logits_manifest(), array_engine)
    for size in ((160, 120), (400, 300), (160, 120), (64, 48)):
        for seed in range(5):
            frame = draw(ring, seed, size)
            outputs, _ = engine.look(frame)
            assert (outputs['labels'][0] == expected_of(frame.image)[0]).mean() > 0.995
    assert array_engine.runs == 20
    engine.close()


def test_an_engine_that_cannot_be_recorded_runs_without_a_graph(
    host: GpuHost, driver: FakeDriver, ring: RingWriter
) -> None:
    engine = make(host, logits_manifest(), logits_engine(driver, capturable=False))
    for seed in range(6):
        engine.look(draw(ring, seed))
    assert driver.count('cuStreamBeginCapture') == 0
    assert 'no graph' in engine.describe()
    engine.close()


def test_a_recording_that_fails_costs_speed_only(host: GpuHost, driver: FakeDriver, ring: RingWriter) -> None:
    engine = make(host, logits_manifest(), logits_engine(driver))
    driver.fail['cuStreamBeginCapture'] = 901
    for seed in range(6):
        frame = draw(ring, seed)
        outputs, _ = engine.look(frame)
        assert (outputs['labels'][0] == expected_of(frame.image)[0]).mean() > 0.995
    driver.fail.clear()
    engine.close()


def test_a_graph_in_parts_does_all_of_it_in_order(
    host: GpuHost, driver: FakeDriver, ring: RingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, '_FIRST', 2)
    engine = make(host, logits_manifest(), logits_engine(driver))
    for seed in range(6):
        frame = draw(ring, seed)
        outputs, _ = engine.look(frame)
        assert (outputs['labels'][0] == expected_of(frame.image)[0]).mean() > 0.995
    assert driver.count('cuGraphInstantiate') > 1
    assert driver.count('cuGraphLaunch') == 3 * driver.count('cuGraphInstantiate')
    before = driver.open_things['graph']
    engine.close()
    assert (before, driver.open_things['graph']) == (driver.count('cuGraphInstantiate'), 0)


def test_a_graph_that_cannot_be_divided_stays_whole(host: GpuHost, driver: FakeDriver, ring: RingWriter) -> None:
    driver.fail['cuGraphClone'] = 801
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, '_FIRST', 2)
        engine = make(host, logits_manifest(), logits_engine(driver))
        for seed in range(6):
            engine.look(draw(ring, seed))
    assert (driver.count('cuGraphInstantiate'), driver.count('cuGraphLaunch')) == (1, 3)
    engine.close()


def test_values_that_are_no_numbers_are_told(host: GpuHost, driver: FakeDriver, ring: RingWriter) -> None:
    array_engine = logits_engine(driver)
    array_engine._compute = lambda image: {'logits': np.full((1, 4, SIDE, SIDE), np.nan, np.float32)}
    engine = make(host, logits_manifest(), array_engine)
    assert engine.look(draw(ring))[1] == 'the network gave NaN'
    engine.close()


def test_a_network_that_finds_the_classes_itself_gets_its_components(
    host: GpuHost, driver: FakeDriver, ring: RingWriter
) -> None:
    labels = np.zeros((1, 18, 32), np.uint8)
    labels[0, 2:8, 3:13], labels[0, 10:16, 20:30] = 1, 2
    told = ArrayEngine(
        driver,
        lambda image: {'labels': labels, 'confidence': np.full((1, 18, 32), 0.5, np.float32)},
        inputs=[Tensor('image', np.dtype(np.uint8), (1, 18, 32, 3))],
        outputs=[
            Tensor('labels', np.dtype(np.uint8), (1, 18, 32)),
            Tensor('confidence', np.dtype(np.float32), (1, 18, 32)),
        ],
    )
    shipped = load_manifest('phantom_segmentation')
    small = shipped.input.model_copy(update={'width': 32, 'height': 18})
    engine = make(host, shipped.model_copy(update={'input': small}), told)
    outputs, problem = engine.look(draw(ring))
    statistics = outputs['statistics']
    found = statistics['component'][: int(statistics['components'])]
    assert problem == ''
    assert [(int(c['label']), int(c['area'])) for c in found] == [(1, 60), (2, 60)]
    assert int(found[0]['confidence']) == 60 * 127
    labels[0, 0, 0] = 40
    assert engine.look(draw(ring, 1))[1] == 'the network gave a class that it does not know'
    engine.close()


def test_what_a_network_remembers_goes_in_with_the_next_frame(
    host: GpuHost, driver: FakeDriver, ring: RingWriter
) -> None:
    told = ArrayEngine(
        driver,
        lambda image, memory: {'scores': memory[:, :2], 'next': memory + 1},
        inputs=[
            Tensor('image', np.dtype(np.float16), (1, 3, SIDE, SIDE)),
            Tensor('memory', np.dtype(np.float32), (1, 3)),
        ],
        outputs=[Tensor('scores', np.dtype(np.float32), (1, 2)), Tensor('next', np.dtype(np.float32), (1, 3))],
    )
    manifest = logits_manifest(
        task='classification', classes=[], heads={'scores': ['a', 'b']}, outputs={'scores': 'scores'}
    )
    engine = make(host, manifest, told)
    for number in range(8):
        outputs, _ = engine.look(draw(ring, number))
        assert np.array_equal(outputs['scores'], [[number, number]])
        np.copyto(engine.input('memory'), outputs['next'])
    engine.close()


def test_inputs_can_be_filled_by_hand(host: GpuHost, driver: FakeDriver) -> None:
    engine = make(host, logits_manifest(), logits_engine(driver))
    engine.input('image')[...] = np.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE))
    expected = logits_of(engine.input('image'))['logits'][0].argmax(0)
    for _ in range(6):
        assert np.array_equal(engine.infer()['labels'][0], expected)
    engine.close()


def test_a_picture_keeps_its_shape_where_the_manifest_says_so(
    host: GpuHost, driver: FakeDriver, ring: RingWriter
) -> None:
    seen = []
    told = logits_engine(driver)
    told._compute = lambda image: (seen.append(image.copy()), logits_of(image))[1]
    manifest = logits_manifest()
    letterbox = manifest.model_copy(update={'input': manifest.input.model_copy(update={'fit': 'letterbox'})})
    engine = make(host, letterbox, told)
    engine.look(draw(ring))
    grey = ((114 - np.float32([120, 110, 100])) / np.float32([60, 50, 40])).astype(np.float16)
    assert np.array_equal(seen[0][0, :, 0, 5], grey)
    assert np.array_equal(seen[0][0, :, -1, 5], grey)
    assert not np.array_equal(seen[0][0, :, SIDE // 2, 5], grey)
    engine.close()


def test_a_model_that_does_not_fit_leaves_nothing_behind(host: GpuHost, driver: FakeDriver) -> None:
    told = logits_engine(driver)
    before = +driver.open_things
    manifest = logits_manifest()
    other = manifest.model_copy(update={'input': manifest.input.model_copy(update={'width': 64})})
    with pytest.raises(ModelError, match=r'the network has float16 \(1, 3, 32, 32\)'):
        make(host, other, told)
    with pytest.raises(ModelError, match="no output 'depth'"):
        make(host, logits_manifest(outputs={'scores': 'depth'}), told)
    assert told.closed
    assert +driver.open_things == before


def test_an_engine_that_fails_is_told_and_may_run_again(host: GpuHost, driver: FakeDriver, ring: RingWriter) -> None:
    told = logits_engine(driver)
    engine = make(host, logits_manifest(), told)
    told.failing = True
    with pytest.raises(EngineError, match='told to fail'):
        engine.look(draw(ring))
    told.failing = False
    assert engine.look(draw(ring))[1] == ''
    engine.close()
    with pytest.raises(EngineError, match='the engine is closed'):
        engine.look(draw(ring))


def test_a_lost_gpu_is_an_error_for_everybody_and_no_abort(driver: FakeDriver, ring: RingWriter) -> None:
    host = GpuHost(lambda: open_fake(driver))
    first, second = (make(host, logits_manifest(), logits_engine(driver)) for _ in range(2))
    first.look(draw(ring))
    driver.fail['cuEventSynchronize'] = 700
    with pytest.raises(DeviceLost, match=r'the GPU is lost to this process .*CUDA error 700.*; start guidance again'):
        first.look(draw(ring))
    driver.fail.clear()
    with pytest.raises(DeviceLost):
        second.look(draw(ring))
    first.close()
    second.close()
    host.close()
    assert driver.open_things['pushed'] == 0, 'a thread that ends with a context ends the process'


def test_all_of_cuda_happens_in_one_thread(driver: FakeDriver, ring: RingWriter) -> None:
    threads = set()
    call = FakeDriver.__call__
    driver_class = type('Watched', (FakeDriver,), {
        '__call__': lambda self, *a: (threads.add(threading.current_thread().name), call(self, *a))[1]})  # fmt: skip
    watched = driver_class()
    host = GpuHost(lambda: open_fake(watched))
    engine = make(host, logits_manifest(), logits_engine(watched))
    frame = draw(ring)
    workers = [threading.Thread(target=engine.look, args=(frame,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    engine.close()
    host.close()
    assert threads == {'cuda'}


def test_two_hundred_lives_leave_nothing(driver: FakeDriver, ring: RingWriter) -> None:
    before = threading.active_count()
    frame = draw(ring)
    for _ in range(200):
        host = GpuHost(lambda: open_fake(driver))
        engine = make(host, logits_manifest(), logits_engine(driver))
        engine.look(frame)
        engine.close()
        host.close()
    assert not +driver.open_things
    assert threading.active_count() == before


def test_a_frame_of_an_unknown_form_is_refused(host: GpuHost) -> None:
    def upload(image: np.ndarray, encoding: str) -> Callable[..., Any]:
        def do(cuda: Any) -> None:
            frames = DeviceFrames(cuda)
            try:
                frames.upload(image, encoding)
            finally:
                frames.close()

        return do

    for image, encoding in (
        (np.zeros((8, 8, 3), np.uint8), 'bayer'),
        (np.zeros((8, 8, 4), np.uint8), 'bgr8'),
        (np.zeros((8, 8, 3), np.uint8)[:, ::2], 'bgr8'),
        (np.zeros((8, 8), np.uint8), 'nv12'),
    ):
        with pytest.raises(EncodingError):
            host.owner.call(upload(image, encoding))


def test_a_pipeline_reads_what_comes_back_as_it_reads_any_engine(
    host: GpuHost, driver: FakeDriver, ring: RingWriter
) -> None:
    pipeline = Pipeline(logits_manifest(), make(host, logits_manifest(), logits_engine(driver)))
    for seed in range(6):
        frame = draw(ring, seed)
        result = pipeline.run(frame)
        assert result.problem == ''
        assert result.segmentation is not None
        assert (result.segmentation.labels == expected_of(frame.image)[0]).mean() > 0.995
        assert result.segmentation.classes == ('background', 'liver', 'gallbladder', 'fat')
    pipeline.warm_up()
    pipeline.close()


def test_a_slot_that_is_overwritten_while_the_gpu_reads_it_is_found_out(
    host: GpuHost, driver: FakeDriver, ring: RingWriter
) -> None:
    pipeline = Pipeline(logits_manifest(), make(host, logits_manifest(), logits_engine(driver)))
    frame = draw(ring)
    pipeline.start(frame)
    for seed in range(3):
        draw(ring, seed)
    with pytest.raises(FrameOverwritten):
        pipeline.finish()
    pipeline.close()


def test_models_on_a_gpu_are_begun_together(host: GpuHost, driver: FakeDriver, ring: RingWriter) -> None:
    pipelines = [Pipeline(logits_manifest(), make(host, logits_manifest(), logits_engine(driver))) for _ in range(3)]
    broken = Pipeline(logits_manifest(), make(host, logits_manifest(), (failing := logits_engine(driver))))
    failing.failing = True
    driver.calls.clear()
    outcomes = list(side_by_side(draw(ring), [broken, *pipelines]))
    assert [pipeline for pipeline, _ in outcomes] == [broken, *pipelines]
    assert isinstance(outcomes[0][1], EngineError)
    assert all(isinstance(outcome, Result) and not outcome.problem for _, outcome in outcomes[1:])
    names = [call[0] for call in driver.calls if call[0] in ('cuMemcpyDtoHAsync', 'cuEventSynchronize')]
    assert names == ['cuMemcpyDtoHAsync'] * 3 + ['cuEventSynchronize'] * 3
    assert all(pipeline.overlaps for pipeline in pipelines)
    for pipeline in (broken, *pipelines):
        pipeline.close()


@pytest.mark.parametrize('kind', [np.float32, np.float16])
def test_likely_boxes_come_back_in_the_layout_that_the_task_reads(
    host: GpuHost, driver: FakeDriver, ring: RingWriter, kind: type
) -> None:
    random = np.random.default_rng(1)
    raw = np.zeros((1, 4 + 2 + 4, 700), kind)
    raw[0, :2], raw[0, 2:4] = random.uniform(4, 28, (2, 700)), random.uniform(2, 8, (2, 700))
    raw[0, 4:6] = random.random((2, 700)) ** 6
    raw[0, 6:] = random.standard_normal((4, 700))
    prototypes = random.standard_normal((1, 4, 8, 8)).astype(kind)

    def engine() -> ArrayEngine:
        return ArrayEngine(
            driver,
            lambda image: {'output0': raw, 'output1': prototypes},
            inputs=[Tensor('image', np.dtype(np.float16), (1, 3, SIDE, SIDE))],
            outputs=[Tensor('output0', np.dtype(kind), raw.shape), Tensor('output1', np.dtype(kind), prototypes.shape)],
        )

    manifest = logits_manifest(
        task='detection', classes=['grasper', 'liver'], outputs={'boxes': 'output0', 'prototypes': 'output1'},
        scores='probabilities', assumed_confidence=0.5,
    )  # fmt: skip
    pipeline = Pipeline(manifest, make(host, manifest, engine()))
    plain = Pipeline(manifest, PlainEngine({'output0': raw, 'output1': prototypes}))
    frame = draw(ring)
    found, expected = pipeline.run(frame), plain.run(frame)
    assert found.problem == expected.problem == ''
    assert found.reading is not None
    assert found.reading.detected == expected.reading.detected
    assert len(found.reading.detected) > 3
    assert np.array_equal(found.segmentation.labels, expected.segmentation.labels)
    raw[0, 4] = 0.9
    assert pipeline.run(draw(ring, 1)).problem == 'the network gave more than 512 likely boxes'
    pipeline.close()


class PlainEngine:
    """An engine on the processor that is told what to give."""

    passed_over = ()

    def __init__(self, outputs: dict[str, np.ndarray]) -> None:
        self.inputs = {'image': Tensor('image', np.dtype(np.float16), (1, 3, SIDE, SIDE))}
        self.outputs = {name: Tensor(name, value.dtype, value.shape) for name, value in outputs.items()}
        self._outputs = outputs
        self._image = np.zeros((1, 3, SIDE, SIDE), np.float16)

    def input(self, name: str) -> np.ndarray:
        return self._image

    def infer(self) -> dict[str, np.ndarray]:
        return self._outputs

    def describe(self) -> str:
        return 'told'

    def close(self) -> None:
        pass
