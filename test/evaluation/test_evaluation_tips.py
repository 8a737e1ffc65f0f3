"""Tip errors: who belongs to whom, and what a miss costs."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgical_guidance.evaluation.metrics.tips import Tip, median, tip_errors

places = st.floats(0, 200).map(lambda value: round(value, 2))
tips = st.lists(st.builds(Tip, st.sampled_from(('grasper', 'clipper')), places, places, st.just(0.1)), max_size=3)


def test_the_error_is_a_distance_in_pixels_in_widths_and_in_millimetres():
    (error,), false = tip_errors([Tip('grasper', 10, 20, 0.5)], [Tip('grasper', 13, 24)], width=100)
    assert (error.px, error.share, error.mm, false) == (5.0, 0.05, 2.5, 0)


def test_a_tip_without_a_scale_has_no_millimetres():
    (error,), _ = tip_errors([Tip('grasper', 0, 0)], [Tip('grasper', 3, 4)], width=100)
    assert math.isnan(error.mm)


def test_a_tip_that_is_not_found_is_infinitely_far():
    (error,), false = tip_errors([Tip('grasper', 0, 0, 0.1)], [], width=100)
    assert not error.found
    assert (error.px, error.share, error.mm, false) == (math.inf, math.inf, math.inf, 0)


def test_a_tip_under_another_name_is_a_miss_and_a_false_one():
    errors, false = tip_errors([Tip('grasper', 5, 5)], [Tip('clipper', 5, 5)], width=100)
    assert [error.found for error in errors] == [False]
    assert false == 1


def test_two_tips_of_a_class_are_assigned_so_that_the_sum_is_smallest():
    # The nearest first would give the pair 10 - 9 and leave 0 with 20.
    true = [Tip('grasper', 0, 0), Tip('grasper', 10, 0)]
    found = [Tip('grasper', 9, 0), Tip('grasper', 20, 0)]
    errors, _ = tip_errors(true, found, width=100)
    assert sum(error.px for error in errors) == 19


def test_a_surplus_tip_is_false_and_spoils_nothing():
    errors, false = tip_errors([Tip('grasper', 0, 0)], [Tip('grasper', 90, 0), Tip('grasper', 1, 0)], width=100)
    assert [error.px for error in errors] == [1.0]
    assert false == 1


@given(tips)
def test_the_truth_itself_has_no_error(truth):
    errors, false = tip_errors(truth, truth, width=100)
    assert [error.px for error in errors] == [0.0] * len(truth)
    assert false == 0


@given(tips, tips, st.randoms())
def test_the_order_does_not_matter(truth, found, random):
    def total(result):
        errors, false = result
        return (
            sorted(round(error.px, 6) for error in errors if error.found).__len__(),
            false,
            pytest.approx(sum(error.px for error in errors if error.found)),
        )

    before = total(tip_errors(truth, found, width=100))
    for tips_of_frame in (truth, found):
        random.shuffle(tips_of_frame)
    assert total(tip_errors(truth, found, width=100)) == before


@given(tips, tips)
def test_every_true_tip_has_one_error_and_every_found_one_is_used_once(truth, found):
    errors, false = tip_errors(truth, found, width=100)
    assert len(errors) == len(truth)
    assert sum(error.found for error in errors) + false == len(found)


@pytest.mark.parametrize(
    ('values', 'expected'),
    [([1.0], 1.0), ([3.0, 1.0], 2.0), ([1.0, math.inf, 2.0], 2.0), ([1.0, math.inf], math.inf), ([math.inf], math.inf)],
)
def test_the_median_counts_misses(values, expected):
    assert median(values) == expected


def test_there_is_no_median_of_nothing():
    assert math.isnan(median([]))
