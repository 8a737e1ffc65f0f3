"""Models that give a few numbers for a picture: what is read from them, what is not believed, what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from inference_helpers import as_frame

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import ModelError
from surgical_guidance.frames import Frame
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.inference.readings import Choices, Levels

PICTURE = np.full((32, 64, 3), 9, np.uint8)


class CountingEngine:
    """Gives what a test tells it, and as memory one more than the memory it was given."""

    passed_over = ()

    def __init__(self, **results: list[float]) -> None:
        self.inputs = {
            'image': Tensor('image', np.dtype(np.uint8), (1, 16, 16, 3)),
            'memory': Tensor('memory', np.dtype(np.float32), (1, 1)),
        }
        self.memory = {name: np.zeros(tensor.shape, tensor.dtype) for name, tensor in self.inputs.items()}
        self.results = {name: np.array([values], np.float32) for name, values in results.items()}
        self.results['next'] = np.zeros((1, 1), np.float32)
        self.outputs = {name: Tensor(name, value.dtype, value.shape) for name, value in self.results.items()}

    def input(self, name: str) -> np.ndarray:
        return self.memory[name]

    def infer(self) -> Mapping[str, np.ndarray]:
        self.results['next'][:] = self.memory['memory'] + 1.0
        return self.results

    def describe(self) -> str:
        return 'counting'

    def close(self) -> None:
        pass


def manifest(task: str, heads: dict[str, list[str]], /, **fields: object) -> Manifest:
    usual = {
        'name': 'told', 'task': task, 'file': 'told.onnx', 'sha256': '0' * 64, 'budget_ms': 5.0, 'heads': heads,
        'input': {'name': 'image', 'width': 16, 'height': 16, 'layout': 'nhwc', 'colour': 'bgr',
                  'normalisation': 'in_graph'},
        'outputs': {head: head for head in heads}, 'memory': {'memory': 'next'},
    }  # fmt: skip
    return Manifest.model_validate(usual | fields)


def at(seconds: float) -> Frame:
    frame = as_frame(PICTURE)
    stamp_ns = 1000 * NS_PER_S + round(seconds * NS_PER_S)
    return Frame(1, stamp_ns, frame.monotonic_ns, frame.image, frame.encoding, 'test', 0, lambda: 1)


@pytest.fixture
def classifier() -> tuple[Pipeline, CountingEngine]:
    engine = CountingEngine(phase=[0.1, 0.7, 0.2], verb=[0.4, 0.6])
    heads = {'phase': ['early', 'middle', 'late'], 'verb': ['cut', 'clip']}
    return Pipeline(manifest('classification', heads), engine), engine


def test_each_head_of_a_classifier_gives_its_likeliest_name(classifier: tuple[Pipeline, CountingEngine]) -> None:
    reading = classifier[0].run(at(0)).reading
    assert isinstance(reading, Choices)
    assert (reading.heads['phase'].name, reading.heads['verb'].name) == ('middle', 'clip')
    assert reading.heads['phase'].probability == pytest.approx(0.7)
    assert reading.heads['phase'].probabilities == pytest.approx({'early': 0.1, 'middle': 0.7, 'late': 0.2})
    assert classifier[0].run(at(0)).segmentation is None


@pytest.mark.parametrize(
    ('values', 'said'),
    [
        ([0.1, np.nan, 0.2], 'the network gave NaN'),
        ([0.1, 7.0, 0.2], 'the network gave 0.1 to 7, not 0 to 1'),
        ([0.1, 0.3, 0.2], 'the probabilities of phase do not sum to 1'),
    ],
)
def test_numbers_that_are_no_probabilities_are_not_believed_and_not_remembered(
    classifier: tuple[Pipeline, CountingEngine], values: list[float], said: str
) -> None:
    pipeline, engine = classifier
    pipeline.run(at(0))
    engine.results['phase'][:] = values
    result = pipeline.run(at(0.5))
    assert (result.reading, result.problem) == (None, said)
    assert engine.memory['memory'] == 0.0


def test_a_model_remembers_from_frame_to_frame(classifier: tuple[Pipeline, CountingEngine]) -> None:
    pipeline, engine = classifier
    for count in range(3):
        assert engine.memory['memory'] == count
        pipeline.run(at(0.5 * count))


@pytest.mark.parametrize('jump_s', [-0.1, 5.1])
def test_it_forgets_when_the_recording_jumps(classifier: tuple[Pipeline, CountingEngine], jump_s: float) -> None:
    pipeline, engine = classifier
    for seconds in (0.0, 5.0, 5.0 + jump_s):
        pipeline.run(at(seconds))
    assert engine.memory['memory'] == 1.0


def test_it_forgets_when_it_is_told_to(classifier: tuple[Pipeline, CountingEngine]) -> None:
    pipeline, engine = classifier
    pipeline.run(at(0))
    pipeline.forget()
    assert engine.memory['memory'] == 0.0


@pytest.fixture
def level() -> Callable[[float], Levels]:
    engine = CountingEngine(view=[0.0, 0.0])
    thresholds = {'event_level': 0.5, 'event_end_level': 0.2}
    pipeline = Pipeline(manifest('multilabel', {'view': ['smoke', 'blur']}, thresholds=thresholds), engine)

    def read(smoke: float) -> Levels:
        engine.results['view'][0, 0] = smoke
        reading = pipeline.run(at(0)).reading
        assert isinstance(reading, Levels)
        return reading

    return read


def test_levels_are_given_by_name(level: Callable[[float], Levels]) -> None:
    assert level(0.3).levels == pytest.approx({'smoke': 0.3, 'blur': 0.0})


def test_an_event_begins_at_one_level_and_ends_below_a_lower_one(level: Callable[[float], Levels]) -> None:
    active = [bool(level(smoke).active) for smoke in (0.4, 0.5, 0.3, 0.2, 0.19, 0.4)]
    assert active == [False, True, True, True, False, False]


@pytest.mark.parametrize(
    ('fields', 'said'),
    [
        ({'heads': {}}, 'heads: this field is missing'),
        ({'heads': {'phase': ['early', 'late']}}, r'phase is float32 \(1, 3\) and has 2 names'),
        ({'memory': {'memory': 'phase'}}, 'phase cannot be remembered as memory'),
        ({'memory': {}}, 'the network takes image, memory'),
    ],
)
def test_a_manifest_that_does_not_fit_the_network_is_refused(fields: dict[str, object], said: str) -> None:
    told = manifest('classification', {'phase': ['early', 'middle', 'late']}, **fields)
    with pytest.raises(ModelError, match=said):
        Pipeline(told, CountingEngine(phase=[0.1, 0.7, 0.2]))


def test_an_event_that_would_end_above_its_beginning_is_refused() -> None:
    with pytest.raises(ValueError, match='event_end_level must not be above event_level'):
        manifest('multilabel', {'view': ['smoke']}, thresholds={'event_level': 0.2, 'event_end_level': 0.3})
