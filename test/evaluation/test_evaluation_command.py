"""The command ``evaluate`` with the models of the package, on pictures made for it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from evaluation_helpers import picture, write, write_video
from typer.testing import CliRunner

from surgical_guidance.cli_evaluate import evaluate
from surgical_guidance.errors import GuidanceError, ModelError
from surgical_guidance.evaluation.shipped import CAMERA_RATE, ShippedModels, shipped_names
from surgical_guidance.phantom.scenarios import SCENARIOS
from surgical_guidance.phantom.take import Take

SEGMENTATION = 'phantom_segmentation'


@pytest.fixture(scope='module')
def command():
    app = typer.Typer()
    app.command()(evaluate)
    return lambda *words: CliRunner().invoke(app, list(map(str, words)), catch_exceptions=True)


@pytest.fixture(scope='module')
def models():
    models = ShippedModels(threads=1)
    yield models
    models.close()


@pytest.fixture(scope='module')
def frame():
    take = Take(SCENARIOS[1], 9001, 480, 270, 'elara')
    image = np.empty((270, 480, 3), np.uint8)
    take.render(30, image)
    return image


def test_the_phantom_is_measured_with_the_models_that_come_with_the_package(command, tmp_path):
    result = command('--phantom', SCENARIOS[1], '--vendors', 'elara', '--size', '480x270', '--every', 60,
                     '--threads', 1, '--report', tmp_path / 'out')  # fmt: skip
    assert result.exit_code == 0, result.output
    assert 'mean IoU' in result.output
    numbers = json.loads((tmp_path / 'out/report.json').read_text())
    assert numbers['segmentation']['mean_iou'] > 0.3
    assert {model['name'] for model in numbers['made_from']['models']} == set(shipped_names())


def test_binary_masks_are_measured(command, tmp_path):
    write(tmp_path / 'images' / '1.png', picture(1))
    write(tmp_path / 'masks' / '1.png', np.zeros((54, 96), np.uint8))
    result = command('--data', tmp_path, '--model', SEGMENTATION, '--report', tmp_path / 'out.html')
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / 'out.json').read_text())['instrument_against_rest']['pixels'] == 96 * 54


def test_videos_are_shown(command, tmp_path):
    write_video(tmp_path / 'clip.mp4', [picture(index) for index in range(4)])
    result = command('--data', tmp_path, '--model', SEGMENTATION, '--report', tmp_path / 'out')
    assert result.exit_code == 0, result.output
    assert 'nothing measured' in result.output


@pytest.mark.parametrize('words', [(), ('--data', '.', '--phantom', SCENARIOS[1])])
def test_exactly_one_source_must_be_named(command, tmp_path, words):
    result = command(*words, '--report', tmp_path)
    assert isinstance(result.exception, GuidanceError)
    assert 'one of --data and --phantom' in str(result.exception)


def test_two_models_for_one_task_are_refused():
    with pytest.raises(ModelError, match='are both for semantic_segmentation; name one model for each task'):
        ShippedModels((SEGMENTATION, SEGMENTATION), threads=1)


def test_an_unknown_model_is_refused():
    with pytest.raises(ModelError, match='no such model manifest'):
        ShippedModels(('nothing',), threads=1)


def test_the_models_say_where_things_are_and_know_what_they_can_say(models, frame):
    models.start(30.0)
    seen = models.look(frame)
    assert seen.problems == ()
    assert {'liver', 'l_hook_electrocautery', 'grasper'} <= models.classes
    assert seen.labels.max() < len(models.classes) + 10
    assert {tip.class_name for tip in seen.tips} <= models.classes
    assert [len(model.sha256) for model in models.models] == [64] * len(shipped_names())


def test_a_new_take_starts_without_a_past(models, frame):
    models.start(CAMERA_RATE)
    first = models.look(frame)
    for _ in range(3):
        models.look(frame)
    models.start(CAMERA_RATE)
    again = models.look(frame)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (first.phase, first.verb, first.events, first.levels) == (
        again.phase,
        again.verb,
        again.events,
        again.levels,
    )
