"""Whatever the task: outputs that cannot be are reported, and nothing is read from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from inference_helpers import GivenEngine, as_frame, noise, told

from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.pipeline import Pipeline

HEADS = {'view': ['smoke', 'blur']}
PROTOTYPES = np.zeros((1, 2, 8, 8), np.float32)


def labels() -> dict[str, np.ndarray]:
    values = np.zeros((1, 8, 8), np.uint8)
    values[0, :4] = 1
    return {'labels': values, 'confidence': np.ones((1, 8, 8), np.float32)}


MODELS: dict[str, tuple[Manifest, Callable[[], dict[str, np.ndarray]]]] = {
    'labels': (
        told(
            'semantic_segmentation', {'labels': 'labels', 'confidence': 'confidence'}, classes=['background', 'liver']
        ),
        labels,
    ),
    'scores': (
        told('semantic_segmentation', {'scores': 'scores'}, classes=['background', 'liver', 'fat'], scores='logits'),
        lambda: {'scores': np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)},
    ),
    'detection': (
        told('detection', {'boxes': 'boxes', 'prototypes': 'prototypes'}, classes=['clipper'], assumed_confidence=0.5),
        lambda: {'boxes': np.zeros((1, 7, 30), np.float32), 'prototypes': PROTOTYPES.copy()},
    ),
    'classification': (
        told('classification', {'view': 'view'}, heads=HEADS),
        lambda: {'view': np.array([[0.4, 0.6]], np.float32)},
    ),
    'multilabel': (
        told('multilabel', {'view': 'view'}, heads=HEADS),
        lambda: {'view': np.array([[0.4, 0.9]], np.float32)},
    ),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> tuple[Pipeline, GivenEngine]:
    manifest, outputs = MODELS[request.param]
    engine = GivenEngine(outputs())
    return Pipeline(manifest, engine), engine


def last_float(engine: GivenEngine) -> np.ndarray:
    return [value for value in engine.results.values() if value.dtype == np.float32][-1]


def test_a_result_as_it_should_be_is_believed(model: tuple[Pipeline, GivenEngine]) -> None:
    result = model[0].run(as_frame(noise()))
    assert result.problem == ''
    assert result.reading is not None


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_not_believed(model: tuple[Pipeline, GivenEngine], value: float) -> None:
    pipeline, engine = model
    last_float(engine).flat[-1] = value
    result = pipeline.run(as_frame(noise()))
    assert (result.reading, result.problem) == (None, 'the network gave NaN')


def test_an_output_of_another_shape_than_promised_is_not_believed(model: tuple[Pipeline, GivenEngine]) -> None:
    pipeline, engine = model
    name = next(iter(engine.results))
    engine.results[name] = engine.results[name][..., :-1]
    result = pipeline.run(as_frame(noise()))
    assert result.reading is None
    assert result.problem.startswith(f'the network gave {name} as ')


def test_an_engine_that_hangs_is_not_believed_until_it_gives_something_else(
    model: tuple[Pipeline, GivenEngine],
) -> None:
    pipeline, engine = model
    problems = [pipeline.run(as_frame(noise(seed))).problem for seed in range(12)]
    assert problems[:10] == [''] * 10
    assert problems[11] == 'the network gives the same result for different pictures'
    last_float(engine).flat[0] += 1e-3
    assert pipeline.run(as_frame(noise(99))).problem == ''


def test_a_still_picture_may_give_a_still_result(model: tuple[Pipeline, GivenEngine]) -> None:
    assert {model[0].run(as_frame(noise())).problem for _ in range(20)} == {''}


def test_a_change_anywhere_in_a_large_output_counts() -> None:
    scores = np.random.default_rng(0).normal(size=(1, 3, 512, 512)).astype(np.float32)
    engine = GivenEngine({'scores': scores})
    pipeline = Pipeline(MODELS['scores'][0], engine)
    for seed in range(15):
        engine.results['scores'] = scores + np.float32(1e-4 * seed)
        assert pipeline.run(as_frame(noise(seed))).problem == ''
