"""Intersection over union from a pooled confusion matrix."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from surgical_guidance.evaluation.metrics.overlap import VOID, Confusion, mean_iou

maps = arrays(np.uint8, (6, 7), elements=st.integers(0, 3))
CLASSES = ('a', 'b', 'c', 'd')


def counted(*pairs):
    confusion = Confusion(CLASSES)
    for truth, found in pairs:
        confusion.add(np.array(truth, np.uint8), np.array(found, np.uint8))
    return confusion


def test_iou_is_what_both_say_over_what_either_says():
    confusion = counted(([0, 0, 1, 1], [0, 1, 1, 1]))
    assert confusion.iou[:2].tolist() == [1 / 2, 2 / 3]
    assert confusion.precision[:2].tolist() == [1.0, 2 / 3]
    assert confusion.recall[:2].tolist() == [1 / 2, 1.0]
    assert confusion.accuracy == 3 / 4
    assert confusion.mean_iou == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_pixels_are_pooled_and_frames_are_not_averaged():
    confusion = counted(([0] * 8, [0] * 8), ([0, 1], [1, 1]))
    assert confusion.iou[0] == 8 / 9
    assert confusion.iou[1] == 1 / 2


def test_a_class_that_is_not_in_the_truth_is_not_in_the_mean_but_what_it_covers_is_missed():
    confusion = counted(([0, 0, 0, 0], [0, 0, 0, 3]))
    assert confusion.present.tolist() == [True, False, False, False]
    assert confusion.iou[3] == 0.0
    assert math.isnan(confusion.iou[1])
    assert confusion.mean_iou == 3 / 4


def test_a_class_in_the_truth_that_is_never_found_counts_as_nothing():
    assert counted(([0, 0, 2, 2], [0, 0, 0, 0])).mean_iou == (1 / 2 + 0) / 2


def test_pixels_that_nobody_labelled_count_for_nothing():
    confusion = counted(([0, VOID, VOID, 1], [0, 2, 3, 1]))
    assert confusion.pixels == 2
    assert confusion.mean_iou == 1.0


def test_nothing_counted_gives_no_number():
    assert math.isnan(Confusion(CLASSES).mean_iou)
    assert math.isnan(Confusion(CLASSES).accuracy)
    assert math.isnan(counted(([VOID], [0])).mean_iou)


@pytest.mark.parametrize(('truth', 'found'), [([4], [0]), ([0], [4]), ([254], [0]), ([0], [255])])
def test_a_label_without_a_class_is_refused(truth, found):
    with pytest.raises(ValueError, match='above 3'):
        counted((truth, found))


def test_maps_of_different_size_are_refused():
    with pytest.raises(ValueError, match=r'truth is \(2,\), found is \(3,\)'):
        counted(([0, 1], [0, 1, 1]))


@given(maps)
def test_the_truth_itself_is_perfect(truth):
    confusion = counted((truth, truth))
    assert confusion.mean_iou == 1.0
    assert confusion.accuracy == 1.0


@given(maps, maps)
def test_every_number_is_between_0_and_1_and_iou_is_the_smallest(truth, found):
    confusion = counted((truth, found))
    for iou, precision, recall in zip(confusion.iou, confusion.precision, confusion.recall, strict=True):
        if not math.isnan(precision) and not math.isnan(recall):
            assert 0.0 <= iou <= min(precision, recall) <= 1.0
    assert 0.0 <= confusion.mean_iou <= 1.0


@given(st.lists(st.tuples(maps, maps), min_size=1, max_size=4), st.randoms())
def test_neither_the_order_of_frames_nor_that_of_pixels_matters(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    order = np.random.default_rng(random.randrange(1000)).permutation(42)
    moved = [(truth.ravel()[order], found.ravel()[order]) for truth, found in shuffled]
    np.testing.assert_array_equal(counted(*pairs).counts, counted(*moved).counts)


@given(maps, maps, st.permutations(range(4)))
def test_the_names_of_the_classes_do_not_matter(truth, found, order):
    table = np.array(order, np.uint8)
    assert counted((table[truth], table[found])).mean_iou == pytest.approx(counted((truth, found)).mean_iou)


@given(maps, maps)
def test_a_frame_gives_its_own_counts(truth, found):
    confusion = Confusion(CLASSES)
    confusion.add(truth, truth)
    own = confusion.add(truth, found)
    assert mean_iou(own) == counted((truth, found)).mean_iou
