"""The winners of logits at half the size are those of the logits scaled up, pixel by pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from inference_helpers import GivenEngine

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import make_engine
from surgical_guidance.inference.manifest import load_manifest
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.inference.tasks import make_task
from surgical_guidance.inference.winners import Winners

ROWS, COLUMNS, CLASSES = 24, 40, 16


def smooth_logits(seed: int, sigma: float = 4.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(CLASSES, ROWS, COLUMNS)).astype(np.float32)
    return np.stack([60.0 * cv2.GaussianBlur(plane, (0, 0), sigma) for plane in noise])


def winners_of_all_pixels(logits: np.ndarray) -> np.ndarray:
    size = (2 * logits.shape[2], 2 * logits.shape[1])
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in logits]).argmax(axis=0)


@pytest.mark.parametrize('sigma', [0.3, 2.0, 6.0], ids=['borders everywhere', 'some borders', 'few borders'])
def test_the_labels_are_those_of_logits_scaled_up(sigma):
    logits = smooth_logits(1, sigma)
    winners = Winners(logits.shape)
    winners.find(logits)
    assert len(np.unique(winners.labels)) > 2
    np.testing.assert_array_equal(winners.labels, winners_of_all_pixels(logits))


def test_the_confidence_is_the_softmax_of_the_winner_to_a_step():
    logits = smooth_logits(2)
    winners = Winners(logits.shape)
    winners.find(logits)
    softmax = 1.0 / np.exp(logits - logits.max(axis=0)).sum(axis=0)
    assert softmax.min() < 0.3
    assert softmax.max() > 0.99
    wide = np.repeat(np.repeat(softmax, 2, axis=0), 2, axis=1)
    assert np.abs(winners.confidence - 255.0 * wide).max() <= 1.0


def test_of_equal_classes_the_first_wins_and_extremes_are_borne():
    logits = np.zeros((CLASSES, ROWS, COLUMNS), np.float32)
    logits[3], logits[5], logits[7] = 1e30, 1e30, -1e30
    winners = Winners(logits.shape)
    winners.find(logits)
    assert set(np.unique(winners.labels)) == {3}
    assert set(np.unique(winners.confidence)) == {128}


@pytest.mark.parametrize('size', [(512, 288), (384, 224)])
def test_what_the_processor_runs_is_the_network_itself(size):
    """The file for processors and the whole one give the same labels, and confidences that differ by a step at most."""
    manifest = load_manifest('phantom_segmentation')
    wanted = manifest.input.model_copy(update={'width': size[0], 'height': size[1]})
    manifest = manifest.model_copy(update={'input': wanted})
    whole = make_engine('onnxruntime', manifest.model_copy(update={'processor': None}))
    cut = make_engine('onnxruntime', manifest)
    assert set(whole.outputs) == {'labels', 'confidence'}
    assert set(cut.outputs) == {'logits'}
    picture = np.random.default_rng(4).integers(0, 255, (size[1] // 16, size[0] // 16, 3), np.uint8)
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    for engine in (whole, cut):
        engine.input('image')[0] = picture
    expected, logits = whole.infer(), cut.infer()['logits'][0]
    winners = Winners(logits.shape)
    winners.find(logits)
    assert len(np.unique(winners.labels)) > 2
    assert (winners.labels != expected['labels'][0]).mean() < 1e-4  # ties that are rounded one way or the other
    assert np.abs(winners.confidence.astype(int) - expected['confidence'][0]).max() <= 1
    for engine in (whole, cut):
        engine.close()


def test_engines_on_a_processor_take_the_file_for_them():
    pipeline = Pipeline.load('phantom_segmentation')
    assert pipeline.manifest.file == 'phantom_segmentation.processor.onnx'
    assert pipeline.manifest.name == 'phantom_segmentation'
    assert load_manifest('phantom_view').on_processor == load_manifest('phantom_view')
    pipeline.close()


@pytest.mark.parametrize('shape', [(1, 15, 8, 8), (1, 8, 8, 16), (16, 8, 8)])
def test_logits_of_another_form_are_refused(shape):
    manifest = load_manifest('phantom_segmentation').on_processor
    small = manifest.input.model_copy(update={'width': 16, 'height': 16})
    with pytest.raises(ModelError, match=r'half_logits are float32 .* for 16 classes'):
        make_task(manifest.model_copy(update={'input': small}), GivenEngine({'logits': np.zeros(shape, np.float32)}))
