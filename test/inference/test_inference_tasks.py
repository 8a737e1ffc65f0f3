"""Outputs in the forms that networks of others have are read as what they mean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from inference_helpers import GivenEngine, as_frame, noise, told

from surgical_guidance.contract import BACKGROUND
from surgical_guidance.errors import ModelError
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.inference.readings import Choices, Instances, Levels
from surgical_guidance.inference.tasks import TASKS
from surgical_guidance.scene.state import Segmentation

CLASSES = ['background', 'liver', 'gallbladder']
FRAME = as_frame(noise())
LETTERBOX = {'input': {'name': 'image', 'width': 16, 'height': 16, 'layout': 'nhwc', 'colour': 'bgr',
                       'normalisation': 'in_graph', 'fit': 'letterbox'}}  # fmt: skip


def segmented(outputs: Mapping[str, np.ndarray], /, **fields: object) -> Segmentation:
    own = {name: name for name in outputs}
    manifest = told('semantic_segmentation', own, **{'classes': CLASSES} | fields)
    result = Pipeline(manifest, GivenEngine(outputs)).run(FRAME)
    assert result.segmentation is not None, result.problem
    return result.segmentation


def logits(labels: np.ndarray, count: int = 3, height: float = 3.0) -> np.ndarray:
    """Scores ``(1, classes, h, w)`` whose winners are these labels."""
    return (np.arange(count)[:, None, None] == labels).astype(np.float32)[None] * height


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 3, (12, 20))


def test_every_task_of_the_issue_is_there() -> None:
    assert {'semantic_segmentation', 'detection', 'classification', 'multilabel'} <= TASKS.keys()


@pytest.mark.parametrize('dtype', [np.float32, np.float16])
@pytest.mark.parametrize('last', [False, True], ids=['classes first', 'classes last'])
def test_logits_of_every_class_become_labels_and_probabilities(labels: np.ndarray, last: bool, dtype: type) -> None:
    scores = logits(labels).astype(dtype)
    found = segmented({'scores': np.moveaxis(scores, 1, 3).copy() if last else scores}, scores='logits')
    assert np.array_equal(found.labels, labels)
    assert found.confidence == pytest.approx(255 * np.exp(3) / (np.exp(3) + 2), abs=1)
    assert found.classes == tuple(CLASSES)


def test_labels_are_numpys_argmax_whatever_the_scores() -> None:
    scores = np.random.default_rng(4).normal(size=(1, 3, 24, 32)).astype(np.float32)
    found = segmented({'scores': scores}, scores='logits')
    assert np.array_equal(found.labels, scores[0].argmax(0))
    softmax = np.exp(scores[0]) / np.exp(scores[0]).sum(0)
    assert np.abs(found.confidence / 255 - softmax.max(0)).max() < 0.005


def test_probabilities_are_taken_as_they_are(labels: np.ndarray) -> None:
    found = segmented({'scores': logits(labels, height=0.75)})
    assert np.array_equal(found.labels, labels)
    assert (found.confidence == int(0.75 * 255)).all()


@pytest.mark.parametrize(('scores', 'one'), [('logits', 2.0), ('probabilities', 0.88)])
def test_one_number_for_two_classes_is_that_of_the_second(scores: str, one: float) -> None:
    there = np.random.default_rng(5).random((12, 20)) > 0.5
    other = -one if scores == 'logits' else 1.0 - one
    values = np.where(there, one, other).astype(np.float32)[None, None]
    found = segmented({'scores': values}, scores=scores, classes=['background', 'liver'])
    assert np.array_equal(found.labels, there)
    assert found.confidence == pytest.approx(0.88 * 255, abs=1)


@pytest.mark.parametrize('shape', [(1, 12, 20), (1, 1, 12, 20), (1, 12, 20, 1)])
def test_wide_labels_without_confidence_are_taken_with_one_that_is_assumed(
    labels: np.ndarray, shape: tuple[int, ...]
) -> None:
    found = segmented({'labels': labels.reshape(shape)}, assumed_confidence=0.6)
    assert np.array_equal(found.labels, labels)
    assert (found.confidence == 153).all()


def test_classes_of_others_get_our_names_and_what_is_of_no_interest_is_background() -> None:
    labels = np.array([[[0, 1], [2, 3]]], np.uint8)
    found = segmented(
        {'labels': labels},
        assumed_confidence=1.0,
        classes=['Liver', 'Gauze', 'Right lobe', 'gallbladder'],
        class_map={'Liver': 'liver', 'Right lobe': 'liver', 'Gauze': 'background'},
    )
    named = [[found.classes[index] for index in row] for row in found.labels]
    assert named == [['liver', BACKGROUND], ['liver', 'gallbladder']]
    assert found.classes[0] == BACKGROUND
    assert len(set(found.classes)) == len(found.classes)


def test_of_a_letterboxed_input_only_the_picture_is_read() -> None:
    """96x64 in 16x16 fills 16x11 pixels, from the third row on."""
    labels = np.full((1, 16, 16), 2, np.uint8)
    labels[0, 2:13] = 0
    labels[0, 2:13, 8:] = 1
    found = segmented({'labels': labels}, assumed_confidence=1.0, **LETTERBOX)
    assert found.labels.shape == found.confidence.shape == (11, 16)
    assert (found.labels[:, :8] == 0).all()
    assert (found.labels[:, 8:] == 1).all()


@pytest.mark.parametrize(
    ('outputs', 'fields', 'said'),
    [
        (
            {'labels': np.zeros((1, 8, 8), np.uint8)},
            {},
            'outputs.confidence: this field is missing; or set assumed_conf',
        ),
        ({'labels': np.zeros((2, 8, 8), np.uint8)}, {'assumed_confidence': 1}, 'outputs.labels: labels are uint8'),
        ({'scores': np.zeros((1, 5, 8, 8), np.float32)}, {}, r'scores are float32 \(1, 5, 8, 8\) for 3 classes'),
        ({'scores': np.zeros((1, 3, 8, 8), np.int64)}, {}, 'scores is int64; export it as float32 or float16'),
        ({'scores': np.zeros((1, 3, 8, 8), np.float32)}, {'classes': []}, 'classes: this field is missing'),
    ],
)
def test_a_segmentation_that_does_not_fit_is_refused(
    outputs: dict[str, np.ndarray], fields: dict[str, object], said: str
) -> None:
    manifest = told('semantic_segmentation', {name: name for name in outputs}, **{'classes': CLASSES} | fields)
    with pytest.raises(ModelError, match=said):
        Pipeline(manifest, GivenEngine(outputs))


def test_logits_that_are_said_to_be_probabilities_are_not_believed(labels: np.ndarray) -> None:
    manifest = told('semantic_segmentation', {'scores': 'scores'}, classes=CLASSES)
    result = Pipeline(manifest, GivenEngine({'scores': logits(labels)})).run(FRAME)
    assert (result.segmentation, result.problem) == (None, 'the network gave 3 to 3, not 0 to 1')


TOOLS = ['grasper', 'clipper']


def table(boxes: list[tuple[float, ...]], coefficients: int = 0, count: int = 40) -> np.ndarray:
    """A detector's output ``(1, rows, n)``: the boxes among others that are of nothing."""
    rows = np.zeros((1, 4 + len(TOOLS) + coefficients, count), np.float32)
    for index, box in enumerate(boxes):
        rows[0, : len(box), 7 * index + 3] = box
    return rows


def detected(outputs: Mapping[str, np.ndarray], /, **fields: object) -> Instances:
    own = {name: name for name in outputs}
    manifest = told('detection', own, **{'classes': TOOLS, 'assumed_confidence': 0.5} | fields)
    result = Pipeline(manifest, GivenEngine(outputs)).run(FRAME)
    assert isinstance(result.reading, Instances), result.problem
    return result.reading


def test_boxes_are_found_in_shares_of_the_picture_and_overlaps_are_sorted_out() -> None:
    boxes = [(4, 8, 4, 8, 0.9, 0.1), (4.2, 8, 4, 8, 0.8, 0.1), (12, 4, 4, 4, 0.0, 0.6), (8, 8, 2, 2, 0.2, 0.1)]
    found = detected({'boxes': table(boxes)})
    assert [(one.class_name, round(one.score, 2)) for one in found.detected] == [('grasper', 0.9), ('clipper', 0.6)]
    first = found.detected[0]
    assert (first.x, first.y, first.width, first.height) == pytest.approx((2 / 16, 4 / 16, 4 / 16, 8 / 16))
    assert found.segmentation is None


def test_what_overlaps_of_another_class_stays_and_classes_that_are_mapped_to_one_are_one() -> None:
    boxes = [(4, 8, 4, 8, 0.9, 0.0), (4, 8, 4, 8, 0.0, 0.8)]
    assert len(detected({'boxes': table(boxes)}).detected) == 2
    same = detected(
        {'boxes': table(boxes)}, classes=['left', 'right'], class_map={'left': 'grasper', 'right': 'grasper'}
    )
    assert [one.class_name for one in same.detected] == ['grasper']
    one = detected({'boxes': table(boxes)}, classes=['gauze', 'clipper'], class_map={'gauze': 'background'})
    assert [one.class_name for one in one.detected] == ['clipper']


def test_logits_a_transposed_table_and_halves_are_read_alike() -> None:
    boxes = [(4, 8, 4, 8, 2.0, -9.0)]
    rows = table(boxes)
    rows[0, 4:6][rows[0, 4:6] == 0] = -9.0
    plain = detected({'boxes': rows}, scores='logits')
    turned = detected({'boxes': np.swapaxes(rows, 1, 2).astype(np.float16)}, scores='logits')
    assert plain.detected[0].score == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-3)
    assert turned.detected[0].score == pytest.approx(plain.detected[0].score, abs=1e-3)
    assert len(plain.detected) == len(turned.detected) == 1


def test_masks_are_painted_inside_their_boxes_the_likeliest_on_top() -> None:
    prototypes = np.full((1, 2, 8, 8), -1.0, np.float32)
    prototypes[0, 0, :, :4] = 1.0  # the left half
    prototypes[0, 1] = 1.0  # everywhere
    boxes = [(8, 8, 16, 16, 0.9, 0.0, 1.0, 0.0), (6, 4, 12, 8, 0.0, 0.6, 0.0, 1.0)]
    painted = detected({'boxes': table(boxes, 2), 'prototypes': prototypes}).segmentation
    assert painted is not None
    assert painted.classes == (BACKGROUND, 'grasper', 'clipper')
    assert painted.labels.shape == (16, 16)
    assert (painted.labels[:, :7] == 1).all()  # the likelier one, though the other is there as well
    assert (painted.labels[:8, 9:12] == 2).all()
    assert (painted.labels[8:, 9:] == 0).all()
    assert (painted.labels[:, 12:] == 0).all()
    assert {int(painted.confidence[0, 0]), int(painted.confidence[0, 10]), int(painted.confidence[15, 15])} == {
        229,
        153,
        128,
    }


def test_a_picture_without_tools_is_a_valid_result() -> None:
    prototypes = np.zeros((1, 2, 8, 8), np.float32)
    reading = detected({'boxes': table([], 2), 'prototypes': prototypes})
    assert reading.detected == ()
    assert reading.segmentation is not None
    assert not reading.segmentation.labels.any()


def test_boxes_of_a_letterboxed_input_are_told_in_shares_of_the_picture() -> None:
    (one,) = detected({'boxes': table([(8, 7.5, 16, 11, 0.9, 0.0)])}, **LETTERBOX).detected
    assert (one.x, one.y, one.width, one.height) == pytest.approx((0, 0, 1, 1), abs=0.05)


@pytest.mark.parametrize(
    ('outputs', 'fields', 'said'),
    [
        (
            {'boxes': np.zeros((1, 84, 40), np.float32)},
            {},
            r'boxes are float32 \(1, 84, 40\) for 2 classes; export \(1, 6',
        ),
        ({'boxes': table([])}, {'classes': []}, 'classes: this field is missing'),
        ({'boxes': table([], 2), 'prototypes': np.zeros((2, 8, 8), np.float32)}, {}, 'prototypes are float32'),
    ],
)
def test_a_detector_that_does_not_fit_is_refused(
    outputs: dict[str, np.ndarray], fields: dict[str, object], said: str
) -> None:
    own = {name: name for name in outputs}
    manifest = told('detection', own, **{'classes': TOOLS, 'assumed_confidence': 0.5} | fields)
    with pytest.raises(ModelError, match=said):
        Pipeline(manifest, GivenEngine(outputs))


def test_logits_of_heads_become_probabilities_and_names_are_mapped() -> None:
    values = np.array([[1.0, 3.0, 0.0]], np.float16)
    heads = {'phase': ['prep', 'calot', 'calot_2']}
    ours = {'prep': 'Preparation', 'calot': 'CalotTriangleDissection', 'calot_2': 'CalotTriangleDissection'}
    manifest = told('classification', {'phase': 'phase'}, heads=heads, scores='logits', class_map=ours)
    reading = Pipeline(manifest, GivenEngine({'phase': values})).run(FRAME).reading
    assert isinstance(reading, Choices)
    assert reading.heads['phase'].name == 'CalotTriangleDissection'
    softmax = np.exp([1, 3, 0]) / np.exp([1, 3, 0]).sum()
    assert reading.heads['phase'].probability == pytest.approx(softmax[1] + softmax[2], abs=1e-3)


def test_logits_of_levels_become_levels_each_by_itself() -> None:
    manifest = told('multilabel', {'view': 'view'}, heads={'view': ['smoke', 'blur', 'gauze']}, scores='logits',
                    class_map={'gauze': ''})  # fmt: skip
    reading = Pipeline(manifest, GivenEngine({'view': np.array([[2.0, -2.0, 9.0]], np.float32)})).run(FRAME).reading
    assert isinstance(reading, Levels)
    assert reading.levels == pytest.approx({'smoke': 0.881, 'blur': 0.119}, abs=1e-3)
    assert reading.active == {'smoke'}
