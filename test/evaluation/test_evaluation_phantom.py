"""The phantom as a data set: rendered now, or from clips with their truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation_helpers import write_video

from surgical_guidance.errors import ParameterError, SourceError
from surgical_guidance.evaluation.datasets.phantom_takes import open_phantom
from surgical_guidance.evaluation.datasets.recognise import open_folder
from surgical_guidance.evaluation.example import Origin
from surgical_guidance.phantom.scenarios import SCENARIOS
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.vendors import HELD_OUT, VENDORS

SIZE = (192, 108)
SCENARIO = SCENARIOS[1]
FRAMES = 4


@pytest.fixture(scope='module')
def rendered():
    """A few frames of a take with their truth."""
    take = Take(SCENARIO, 9001, *SIZE, 'elara')
    images = []
    for index in range(FRAMES):
        image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        take.render(index, image)
        images.append(image)
    return images, [take.truth(index) for index in range(FRAMES)], [take.labels(index) for index in range(FRAMES)]


@pytest.fixture
def clip(tmp_path, rendered):
    images, truths, _ = rendered
    write_video(tmp_path / 'clip.mp4', images)
    (tmp_path / 'truth.jsonl').write_text(''.join(truth.to_json() + '\n' for truth in truths))
    return tmp_path


def test_takes_are_every_scenario_with_every_patient_before_every_camera():
    data = open_phantom(f'{SCENARIO}, {SCENARIOS[2]}', '7,9001-9002', 'elara', '192x108')
    assert len(data.takes) == 2 * 3
    assert data.origin is Origin.PHANTOM
    assert len({take.name for take in data.takes}) == 6


def test_groups_of_scenarios_and_cameras_have_names():
    assert len(open_phantom('all', '1', 'elara', '192x108').takes) == len(SCENARIOS)
    assert len(open_phantom(SCENARIO, '1', 'held-out', '192x108').takes) == len(HELD_OUT)
    assert len(open_phantom(SCENARIO, '1', 'all', '192x108').takes) == len(VENDORS)


def test_a_camera_that_models_were_trained_on_is_told():
    assert 'may have been trained' in open_phantom(SCENARIO, '1', 'plain', '192x108').remarks[0]
    assert 'No model' in open_phantom(SCENARIO, '1', 'held-out', '192x108').remarks[0]


@pytest.mark.parametrize(
    ('arguments', 'where'),
    [
        (('nonsense', '1', 'elara', '192x108'), '--phantom'),
        (('', '1', 'elara', '192x108'), '--phantom'),
        ((SCENARIO, '5-3', 'elara', '192x108'), '--seeds'),
        ((SCENARIO, 'x', 'elara', '192x108'), '--seeds'),
        ((SCENARIO, ',', 'elara', '192x108'), '--seeds'),
        ((SCENARIO, '1', 'nobody', '192x108'), '--vendors'),
        ((SCENARIO, '1', 'elara', '192'), '--size'),
        ((SCENARIO, '1', 'elara', '9x9'), '--size'),
    ],
)
def test_what_cannot_be_rendered_is_refused_with_the_option_and_what_to_write(arguments, where):
    with pytest.raises(ParameterError) as caught:
        open_phantom(*arguments)
    assert caught.value.where == where
    assert caught.value.remedy


def test_rendered_frames_carry_the_truth_of_the_phantom(rendered):
    images, truths, labels = rendered
    data = open_phantom(SCENARIO, '9001', 'elara', '192x108')
    (example,) = data.takes[0].examples(lambda index: index == 2)
    np.testing.assert_array_equal(example.image, images[2])
    np.testing.assert_array_equal(example.labels, labels[2])
    assert example.phase == truths[2].phase
    assert example.events == frozenset(truths[2].events.active())
    visible = [one for one in truths[2].instruments if one.tip_visible]
    assert [(tip.x, tip.y) for tip in example.tips] == [one.tip for one in visible]
    assert all(math.isfinite(tip.mm_per_px) and tip.mm_per_px > 0 for tip in example.tips)


def test_a_clip_is_found_by_its_truth_and_its_labels_are_made_again(clip, rendered):
    _, truths, labels = rendered
    data = open_folder(clip)
    assert data.kind == 'phantom, rendered clips'
    examples = list(data.takes[0].examples(lambda index: index % 2 == 0))
    assert [one.index for one in examples] == [0, 2]
    np.testing.assert_array_equal(examples[1].labels, labels[2])
    assert examples[1].phase == truths[2].phase


def test_several_clips_are_paired_by_name(clip):
    (clip / 'clip.mp4').rename(clip / 'a.mp4')
    (clip / 'truth.jsonl').rename(clip / 'a.jsonl')
    (clip / 'b.mp4').write_bytes((clip / 'a.mp4').read_bytes())
    with pytest.raises(SourceError, match=r'b\.mp4: there is no truth to this video; put b\.jsonl beside it'):
        open_folder(clip)
    (clip / 'b.jsonl').write_bytes((clip / 'a.jsonl').read_bytes())
    assert [take.name for take in open_folder(clip).takes] == ['a.mp4', 'b.mp4']
    (clip / 'b.mp4').unlink()
    with pytest.raises(SourceError, match=r'b\.jsonl: there is no video to this truth'):
        open_folder(clip)


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda lines: lines[:-1], r'the video has more than 3 frames, its truth 3 lines'),
        (lambda lines: [*lines, lines[-1]], r'the video has 4 frames, its truth 5 lines'),
        (lambda lines: [lines[0].replace(SCENARIO, 'gone'), *lines[1:]], 'this phantom cannot play it'),
        (lambda lines: [lines[0].replace('"phase":"', '"phase":"x'), *lines[1:]], 'another version of the phantom'),
        (
            lambda lines: [line.replace('"width":192', '"width":320') for line in lines],
            'another version of the phantom',
        ),
    ],
)
def test_a_truth_that_does_not_fit_its_clip_is_refused(clip, change, said):
    path = clip / 'truth.jsonl'
    path.write_text('\n'.join(change(path.read_text().splitlines())) + '\n')
    with pytest.raises(SourceError, match=said) as caught:
        list(open_folder(clip).takes[0].examples())
    assert 'phantom render' in caught.value.remedy


@pytest.mark.parametrize('line', ['nothing', '{}', '[]', '{"seed": 1}'])
def test_a_line_that_is_no_truth_is_named_by_its_number(clip, line):
    path = clip / 'truth.jsonl'
    path.write_text(path.read_text().splitlines()[0] + f'\n{line}\n')
    with pytest.raises(SourceError, match=r'truth\.jsonl:2: this is no truth of a frame'):
        open_folder(clip)


def test_an_empty_truth_is_refused(clip):
    (clip / 'truth.jsonl').write_text('')
    with pytest.raises(SourceError, match='the truth is empty'):
        open_folder(clip)
