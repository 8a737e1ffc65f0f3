"""The right eye of the stereo pair sees the same scene, each point as far to the left as its depth says."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from surgical_guidance.contract import CLASSES, INSTRUMENT_CLASSES
from surgical_guidance.errors import SourceError
from surgical_guidance.phantom.take import Take

SIZE = (960, 540)
INDEX = 40
BASELINE_MM = 4.5


@pytest.fixture(scope='module')
def pair() -> tuple[Take, Take]:
    return Take('suspected_artery_near', 3, *SIZE), Take('suspected_artery_near', 3, *SIZE, eye='right')


def picture(take: Take, index: int = INDEX) -> np.ndarray:
    image = np.empty((take.height, take.width, 3), np.uint8)
    take.render(index, image)
    return image


def disparity(take: Take, depth: np.ndarray) -> np.ndarray:
    with np.errstate(divide='ignore'):
        return np.where(depth > 0, take.truth(INDEX).camera.fx * BASELINE_MM / depth, 0.0).astype(np.float32)


def from_the_left(pair: tuple[Take, Take], field: np.ndarray) -> np.ndarray:
    """Move a field of the left eye to where the right eye's depth says that it sees it."""
    right = disparity(pair[1], pair[1].depth(INDEX))
    x, y = np.meshgrid(np.arange(SIZE[0], dtype=np.float32), np.arange(SIZE[1], dtype=np.float32))
    return cv2.remap(field, x + right, y, cv2.INTER_NEAREST)


def compared(pair: tuple[Take, Take]) -> np.ndarray:
    """Where both eyes see the same: inside both round pictures, away from edges and what an instrument hides."""
    labels = [take.labels(INDEX) for take in pair]
    tools = [np.isin(one, [CLASSES.index(name) for name in INSTRUMENT_CLASSES]).astype(np.uint8) for one in labels]
    hidden = cv2.dilate(tools[1] | from_the_left(pair, tools[0]), np.ones((15, 15), np.uint8))
    outside = cv2.dilate(((labels[1] == 0) | (from_the_left(pair, labels[0]) == 0)).astype(np.uint8), np.ones((9, 9)))
    return (hidden == 0) & (outside == 0)


def test_labels_and_depth_of_the_two_eyes_agree_along_the_lines_of_sight(pair: tuple[Take, Take]) -> None:
    both = compared(pair)
    assert both.mean() > 0.4
    assert (from_the_left(pair, pair[0].labels(INDEX)) == pair[1].labels(INDEX))[both].mean() > 0.985
    error = np.abs(from_the_left(pair, pair[0].depth(INDEX)) - pair[1].depth(INDEX))[both]
    assert np.percentile(error, 98) < 0.5  # mm


def test_block_matching_of_the_pictures_finds_the_disparity_of_the_depth_map(pair: tuple[Take, Take]) -> None:
    grey = [cv2.cvtColor(picture(take), cv2.COLOR_BGR2GRAY) for take in pair]
    matcher = cv2.StereoSGBM.create(0, 64, 7, P1=8 * 49, P2=32 * 49, uniquenessRatio=5)
    found = matcher.compute(grey[0], grey[1]).astype(np.float32) / 16.0
    true = disparity(pair[0], pair[0].depth(INDEX))
    inside = (found > 0) & (true > 0)
    assert inside.mean() > 0.25
    assert np.median(np.abs(found - true)[inside]) < 1.0  # px


def test_a_tip_is_seen_where_its_place_in_space_is(pair: tuple[Take, Take]) -> None:
    left, right = (take.truth(INDEX) for take in pair)
    assert (left.camera.baseline_mm, right.camera.baseline_mm) == (0.0, BASELINE_MM)
    assert (left.camera.fx, left.camera.cx) == (right.camera.fx, right.camera.cx)
    for one, other in zip(left.instruments, right.instruments, strict=True):
        assert other.tip_mm[0] == pytest.approx(one.tip_mm[0] - BASELINE_MM)
        assert other.tip_mm[1:] == pytest.approx(one.tip_mm[1:])
        assert one.tip[0] - other.tip[0] == pytest.approx(left.camera.fx * BASELINE_MM / one.tip_mm[2])
        assert one.tip[1] == pytest.approx(other.tip[1])  # rectified
        near = one.distances['cystic_artery'].mm
        assert other.distances['cystic_artery'].mm == pytest.approx(near, abs=0.8)


def test_an_instrument_ends_at_its_tip_in_the_right_eye_as_well(pair: tuple[Take, Take]) -> None:
    truth, labels = pair[1].truth(INDEX), pair[1].labels(INDEX)
    for one in truth.instruments:
        rows, columns = np.nonzero(labels == CLASSES.index(one.class_name))
        along = (columns - one.tip[0]) * one.axis[0] + (rows - one.tip[1]) * one.axis[1]
        assert -3.0 < along.max() < 3.0


def test_the_left_eye_is_the_phantom_and_the_right_one_is_the_same_again(pair: tuple[Take, Take]) -> None:
    left, right = (hashlib.sha256(picture(take).tobytes()).hexdigest() for take in pair)
    assert hashlib.sha256(picture(Take('suspected_artery_near', 3, *SIZE, eye='left')).tobytes()).hexdigest() == left
    again = Take('suspected_artery_near', 3, *SIZE, eye='right')
    assert hashlib.sha256(picture(again).tobytes()).hexdigest() == right != left


def test_a_wider_pair_has_larger_disparities() -> None:
    tips = [Take('smoke', 1, 320, 180, eye='right', baseline_mm=mm).truth(0).instruments[0].tip[0] for mm in (2.0, 8.0)]
    assert tips[0] > tips[1]


def test_what_is_no_eye_and_no_baseline_is_refused() -> None:
    with pytest.raises(SourceError, match=r"no eye 'third'.*left, right"):
        Take('smoke', eye='third')
    with pytest.raises(SourceError, match='no baseline'):
        Take('smoke', eye='right', baseline_mm=0.0)
