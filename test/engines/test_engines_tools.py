"""Looking into engines, cleaning networks up, timing them, and running them raw on a GPU."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from engines_helpers import picture, tiny, tiny_source
from onnx import helper

sys.path.append(str(Path(__file__).parent.parent / 'inference'))
from fake_cuda import FakeDriver, memory, open_fake

from surgical_guidance.engines import inspection
from surgical_guidance.engines.camera_bytes import cast_first
from surgical_guidance.engines.candidates import candidates
from surgical_guidance.engines.convert import to_half
from surgical_guidance.engines.inspection import inspect_network, inspect_plan
from surgical_guidance.engines.make import make
from surgical_guidance.engines.measure import Candidate, Row, draw, measure
from surgical_guidance.engines.optimise import clean_up
from surgical_guidance.engines.options import Options
from surgical_guidance.engines.reference import run, session, some_feed
from surgical_guidance.engines.runner import DeviceRunner
from surgical_guidance.engines.source import open_source
from surgical_guidance.engines.telemetry import Telemetry
from surgical_guidance.errors import EngineError, HostError
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.gpu_host import GpuHost


def test_the_cast_goes_first_and_changes_nothing(tmp_path):
    source = tiny_source(tmp_path)
    moved = onnx.ModelProto()
    moved.CopyFrom(source.graph)
    assert cast_first(moved) == 1
    assert [node.op_type for node in moved.graph.node[:2]] == ['Cast', 'Transpose']
    onnx.checker.check_model(moved, full_check=True)
    feed = some_feed(source.graph)
    before, after = run(session(source.graph, source.path), feed), run(session(moved, source.path), feed)
    for name, value in before.items():
        assert np.array_equal(value, after[name])
    assert cast_first(moved) == 0


def test_half_precision_keeps_the_ends_and_the_order(tmp_path):
    source = tiny_source(tmp_path)
    copy = onnx.ModelProto()
    copy.CopyFrom(source.graph)
    half = to_half(copy, source.path)
    known = {value.name for value in half.graph.input} | {weight.name for weight in half.graph.initializer}
    for node in half.graph.node:
        assert set(node.input) <= known
        known |= set(node.output)
    assert any(weight.data_type == onnx.TensorProto.FLOAT16 for weight in half.graph.initializer)
    feed = some_feed(source.graph)
    before, after = run(session(source.graph, source.path), feed), run(session(half, source.path), feed)
    for name, value in before.items():
        assert value.dtype == after[name].dtype
    assert np.abs(before['confidence'] - after['confidence']).max() < 0.01


def test_clean_up_saves_and_computes_the_same(tmp_path):
    path = tiny(tmp_path / 'wasteful.onnx')
    model = onnx.load(path)
    nodes = model.graph.node
    nodes[4].input[0] = 'again'
    nodes.insert(4, helper.make_node('Identity', ['a'], ['again'], 'nothing'))
    model.graph.node.append(helper.make_node('Relu', ['a'], ['nobody_wants_this'], 'unused'))
    path.write_bytes(model.SerializeToString())
    result = clean_up(model, path)
    assert result.removed['Identity'] == 1
    assert result.nodes[1] <= result.nodes[0] - 2
    assert result.difference < 0.1
    assert len(model.graph.node) == result.nodes[0]  # what was given is as it was


def test_a_clean_up_that_changes_results_is_refused(tmp_path, monkeypatch):
    from surgical_guidance.engines import optimise

    source = tiny_source(tmp_path)
    other = onnx.load(tiny(tmp_path / 'other.onnx', seed=5))
    monkeypatch.setattr(optimise, '_slim', lambda network: other)
    with pytest.raises(EngineError, match='cleaned up, it gives other results'):
        clean_up(source.graph, source.path)


def test_a_network_is_shown_by_layers_types_and_memory(tmp_path):
    source = tiny_source(tmp_path)
    found = inspect_network(source.path, source.graph)
    assert found.kinds() == {
        'Cast': 2, 'Conv': 2, 'Transpose': 1, 'Div': 1, 'Relu': 1, 'ArgMax': 1, 'Softmax': 1, 'ReduceMax': 1,
    }  # fmt: skip
    assert found.precisions() == {'float': 7, 'uint8': 2, 'int64': 1}
    assert found.weights == 4 * (8 * 3 * 9 + 4 * 8 * 9 + 1)
    assert found.largest == 4 * 8 * 32 * 32
    conv = next(layer for layer in found.layers if layer.name == 'conv_1')
    assert (conv.shape, conv.weights) == ((1, 8, 32, 32), 4 * 8 * 3 * 9)


def test_a_plan_that_cannot_be_loaded_shows_its_network_and_says_so(library, store, tmp_path):
    if inspection.device() is not None:
        pytest.skip('here it may be loaded')
    source = open_source(str(tiny(tmp_path / 'open.onnx', batch='n')))
    profile = {'image': {'min': (1, 32, 32, 3), 'opt': (2, 32, 32, 3), 'max': (4, 32, 32, 3)}}
    options = Options.model_validate({'precision': 'fp16', 'profiles': (profile,)})
    found = inspect_plan(make(source, options, library, store=store).path)
    assert 'fp16 network it was built from; not the engine' in found.seen
    assert next(layer for layer in found.layers if layer.kind == 'Conv').shape == (2, 8, 32, 32)
    facts = json.loads(json.dumps(found.facts()))
    assert facts['plan']['precision'] == 'fp16'
    assert facts['memory']['weights'] > 0


def test_the_librarys_own_layers_are_read():
    told = [
        'only a name',
        {
            'Name': 'conv + relu', 'LayerType': 'CaskConvolution', 'Weights': {'Type': 'Half', 'Count': 432},
            'Outputs': [{'Name': 'b', 'Dimensions': [1, 8, 32, 32], 'Format/Datatype': 'Half NHWC8'}],
        },
    ]  # fmt: skip
    first, second = inspection._layers_told(told)
    assert first.name == 'only a name'
    assert (second.kind, second.precision, second.shape) == ('CaskConvolution', 'Half NHWC8', (1, 8, 32, 32))


class Slow:
    """An engine that counts what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def write(self) -> None:
        self.asked.append('write')

    def infer(self) -> None:
        self.asked.append('infer')

    def read(self) -> None:
        self.asked.append('read')

    def close(self) -> None:
        self.asked.append('close')


def broken():
    raise HostError('there is no such device')


def test_engines_are_timed_with_and_without_copies():
    slow = Slow()
    rows = list(measure([Candidate('slow', 'fp32', lambda: slow), Candidate('none', 'fp16', broken)], runs=20))
    assert slow.asked.count('read') == slow.asked.count('write') == 1 + 20
    assert slow.asked[-1] == 'close'
    assert rows[0].p50_ms <= rows[0].p99_ms <= rows[0].max_ms
    assert rows[0].per_second > 0
    assert rows[1].problem == 'there is no such device'
    assert rows[1].facts()['p50_ms'] is None
    assert json.dumps([row.facts() for row in rows])


def test_what_this_host_has_is_measured_and_the_rest_says_why(tmp_path):
    wanted = list(candidates(open_source('phantom_view'), tmp_path, threads=(1,)))
    assert {one.precision for one in wanted} == {'fp32', 'fp16'}
    rows = {(row.backend, row.precision): row for row in measure(wanted, runs=10)}
    assert rows['ONNX Runtime CPU, 1 thread', 'fp32'].problem == ''
    assert rows['tensorrt_rtx', 'fp16'].problem or rows['tensorrt_rtx', 'fp16'].p50_ms > 0


def test_the_plot_is_a_picture(tmp_path):
    rows = [
        Row('one', 'fp32', '', 1.0, 2.0, 3.0, 1.5, 2.5, 3.5),
        Row('two', 'int8', '', 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
        Row('none', 'fp16', 'it is not here'),
    ]
    draw(rows, 'a model', tmp_path / 'plot.png')
    image = cv2.imread(str(tmp_path / 'plot.png'))
    assert image.shape[1] > 900
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50
    with pytest.raises(ValueError, match='nothing to draw'):
        draw(rows[2:], 'a model', tmp_path / 'plot.png')


def test_without_a_device_nobody_tells_power():
    telemetry = Telemetry()
    assert np.isnan(telemetry.watts()) or telemetry.watts() > 0
    telemetry.close()
    assert np.isnan(telemetry.celsius())


class Doubles:
    """A device engine that doubles its input; see ``DeviceEngine``."""

    capturable = True

    def __init__(self, failing: bool = False) -> None:
        self.inputs = {'a': Tensor('a', np.dtype(np.float32), (2, 3))}
        self.outputs = {'b': Tensor('b', np.dtype(np.float32), (2, 3))}
        self.failing, self.closed = failing, False
        self._at: dict[str, int] = {}

    def bind(self, name: str, address: int) -> None:
        if self.failing:
            raise EngineError('told to fail')
        self._at[name] = address

    def enqueue(self, stream: int) -> None:
        memory(self._at['b'], (2, 3), np.float32)[...] = 2 * memory(self._at['a'], (2, 3), np.float32)

    def describe(self) -> str:
        return 'doubles'

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def gpu():
    driver = FakeDriver()
    host = GpuHost(lambda: open_fake(driver))
    before = driver.open_things.copy()
    yield driver, host, before
    host.close()


def test_a_device_engine_is_run_raw_and_everything_is_given_back(gpu):
    driver, host, before = gpu
    runner = DeviceRunner(lambda _cuda, _host, _stream: Doubles(), lambda: host, lambda: None)
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert np.array_equal(runner({'a': value})['b'], 2 * value)
    runner.fill()
    runner.write()
    runner.infer()
    assert runner.read()['b'].max() > 1.0
    assert 'doubles on Fake GPU' in runner.describe()
    runner.close()
    assert +driver.open_things == +before


def test_a_device_engine_that_fails_leaves_nothing(gpu):
    driver, host, before = gpu
    made = Doubles(failing=True)
    left = []
    with pytest.raises(EngineError, match='told to fail'):
        DeviceRunner(lambda _cuda, _host, _stream: made, lambda: host, lambda: left.append(1))
    assert made.closed
    assert left == [1]
    assert +driver.open_things == +before


def test_pictures_of_a_set_are_fed_as_in_live_work(tmp_path):
    from surgical_guidance.engines.feeds import Feeder
    from surgical_guidance.inference.preprocess import Preprocessor

    source = open_source('phantom_phase')
    feed = Feeder(source.manifest, source.graph)(picture(1, 640, 360))
    target = np.zeros(source.manifest.input.shape, source.manifest.input.dtype)
    Preprocessor(source.manifest.input, target)(picture(1, 640, 360))
    assert np.array_equal(feed['image'], target)
    assert set(feed) == {value.name for value in source.graph.graph.input}
    assert not feed['memory'].any()
