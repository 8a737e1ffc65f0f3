"""What a folder is, is found out; what is not whole is named with what to do."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_helpers import picture, write, write_video

from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import SourceError
from surgical_guidance.evaluation.datasets.binary_masks import instrument_of
from surgical_guidance.evaluation.datasets.cholecseg8k import COLOURS, GREYS, labels_of
from surgical_guidance.evaluation.datasets.recognise import open_folder
from surgical_guidance.evaluation.example import Origin
from surgical_guidance.evaluation.metrics.overlap import VOID


def grey_mask(value, size=(96, 54)):
    return np.full((size[1], size[0]), value, np.uint8)


@pytest.fixture
def cholec(tmp_path):
    for frame in (9, 10):
        for folder in ('video01_00080', 'video09_00100'):
            place = tmp_path / folder
            write(place / f'frame_{frame}_endo.png', picture(frame))
            write(place / f'frame_{frame}_endo_watershed_mask.png', np.dstack([grey_mask(21)] * 3))
    return tmp_path


@pytest.fixture
def binary(tmp_path):
    for name in ('a', 'b'):
        write(tmp_path / 'images' / f'{name}.png', picture(1))
        write(tmp_path / 'masks' / f'{name}.png', grey_mask(0))
    return tmp_path


def test_cholecseg8k_folders_are_takes_and_frames_come_by_number(cholec):
    data = open_folder(cholec)
    assert [take.name for take in data.takes] == ['video01_00080', 'video09_00100']
    assert data.origin is Origin.REAL
    examples = list(data.takes[0].examples())
    assert [one.name for one in examples] == ['frame_9_endo.png', 'frame_10_endo.png']
    assert (examples[0].labels == CLASSES.index('liver')).all()
    assert [one.index for one in data.takes[1].examples(lambda index: index == 1)] == [1]


def test_every_grey_and_colour_of_cholecseg8k_is_its_class(tmp_path):
    assert set(GREYS.values()) == set(COLOURS.values())
    for value, name in GREYS.items():
        assert (labels_of(grey_mask(value), tmp_path) == CLASSES.index(name)).all()
    for (red, green, blue), name in COLOURS.items():
        mask = np.full((4, 5, 3), (blue, green, red), np.uint8)
        assert (labels_of(mask, tmp_path / 'x_endo_color_mask.png') == CLASSES.index(name)).all()


@pytest.mark.parametrize('value', [0, 255])
def test_unlabelled_pixels_of_the_watershed_mask_are_void(tmp_path, value):
    mask = grey_mask(21)
    mask[0] = value
    labels = labels_of(mask, tmp_path)
    assert (labels[0] == VOID).all()
    assert (labels[1:] == CLASSES.index('liver')).all()


def test_white_in_a_colour_mask_is_void(tmp_path):
    mask = np.full((20, 20, 3), (114, 114, 255), np.uint8)
    mask[0] = 255
    assert (labels_of(mask, tmp_path / 'x_endo_color_mask.png')[0] == VOID).all()


def test_a_few_stray_values_are_left_out_and_many_are_refused(tmp_path):
    mask = np.full((100, 100), 21, np.uint8)
    mask[0, :50] = 77
    assert (labels_of(mask, tmp_path)[0, :50] == VOID).all()
    mask[:5] = 77
    with pytest.raises(SourceError, match='5% of this mask is of no class'):
        labels_of(mask, tmp_path / 'odd.png')


def test_a_picture_without_its_mask_is_named(cholec):
    (cholec / 'video01_00080/frame_9_endo_watershed_mask.png').unlink()
    with pytest.raises(SourceError, match=r'frame_9_endo\.png: this picture has no mask; put frame_9_endo_watershed'):
        open_folder(cholec)


def test_a_mask_without_its_picture_is_named(cholec):
    (cholec / 'video01_00080/frame_9_endo.png').unlink()
    with pytest.raises(SourceError, match='frame_9_endo_watershed_mask.png: this mask has no picture'):
        open_folder(cholec)


def test_a_colour_mask_serves_where_there_is_no_watershed_mask(tmp_path):
    write(tmp_path / 'frame_1_endo.png', picture(1))
    write(tmp_path / 'frame_1_endo_color_mask.png', np.full((54, 96, 3), (0, 255, 170), np.uint8))
    (example,) = open_folder(tmp_path).takes[0].examples()
    assert (example.labels == CLASSES.index('grasper')).all()


@pytest.mark.parametrize('name', ['images', 'grayscale'])
def test_binary_masks_are_paired_by_name(tmp_path, name):
    mask = grey_mask(0)
    mask[:, :10] = 255
    write(tmp_path / name / '0001.png', picture(1))
    write(tmp_path / 'masks' / '0001.png', mask)
    data = open_folder(tmp_path)
    (example,) = data.takes[0].examples()
    assert example.instrument.sum() == 540
    assert example.labels is None
    assert any('grey' in remark for remark in data.remarks) == (name == 'grayscale')


def test_masks_of_0_and_1_are_binary_too(tmp_path):
    assert instrument_of(grey_mask(1), tmp_path).all()
    assert not instrument_of(grey_mask(0), tmp_path).any()


def test_a_mask_with_many_greys_is_refused(tmp_path):
    mask = np.tile(np.arange(96, dtype=np.uint8) * 2, (54, 1))
    with pytest.raises(SourceError, match='no binary mask'):
        instrument_of(mask, tmp_path)


@pytest.mark.parametrize(('folder', 'what'), [('masks', 'picture has no mask'), ('images', 'mask has no picture')])
def test_a_missing_partner_of_a_binary_mask_is_named(binary, folder, what):
    (binary / folder / 'b.png').unlink()
    with pytest.raises(SourceError, match=rf'b\.png: this {what}; put b\.png into .*/{folder}'):
        open_folder(binary)


def test_a_mask_of_another_size_is_named(binary):
    path = write(binary / 'masks' / 'b.png', grey_mask(0, (48, 27)))
    with pytest.raises(SourceError, match='the mask is 48x27, its picture 96x54') as caught:
        list(open_folder(binary).takes[0].examples())
    assert caught.value.where == str(path)


def test_a_file_that_is_no_picture_is_named(binary):
    (binary / 'images' / 'b.png').write_text('nothing')
    with pytest.raises(SourceError, match=r'images/b\.png: this is no picture'):
        list(open_folder(binary).takes[0].examples())


def test_two_pictures_of_one_name_are_refused(binary):
    write(binary / 'images' / 'a.jpg', picture(1))
    with pytest.raises(SourceError, match='has the same name'):
        open_folder(binary)


def test_videos_without_truth_are_for_looking(tmp_path):
    write_video(tmp_path / 'clip.mp4', [picture(0)] * 5)
    data = open_folder(tmp_path)
    examples = list(data.takes[0].examples(lambda index: index != 2))
    assert [one.index for one in examples] == [0, 1, 3, 4]
    assert all(one.labels is None and one.events is None for one in examples)
    assert data.takes[0].rate == 30.0


def test_mixed_folders_are_refused(binary):
    write_video(binary / 'clip.mp4', [picture(0)] * 2)
    with pytest.raises(
        SourceError, match='more than one kind of data .*pictures with binary masks, videos without truth'
    ):
        open_folder(binary)


@pytest.mark.parametrize(
    ('make', 'said'),
    [
        (lambda root: None, 'the folder is empty'),
        (lambda root: (root / 'notes.txt').write_text('x'), 'nothing in this folder can be evaluated on'),
        (lambda root: (root / 'masks').mkdir(), 'there are masks and no pictures'),
        (lambda root: (root / 'images').mkdir(), 'there are pictures and no masks'),
        (lambda root: [(root / name).mkdir() for name in ('images', 'masks')], 'there is no picture in it'),
    ],
)
def test_a_folder_with_nothing_to_evaluate_on_says_what_is_missing(tmp_path, make, said):
    make(tmp_path)
    with pytest.raises(SourceError, match=said) as caught:
        open_folder(tmp_path)
    assert caught.value.remedy


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(SourceError, match='there is no such folder'):
        open_folder(tmp_path / 'nowhere')
    (tmp_path / 'file').write_text('')
    with pytest.raises(SourceError, match='this is no folder'):
        open_folder(tmp_path / 'file')
