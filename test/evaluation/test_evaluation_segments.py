"""Phase accuracy and the segmental edit score."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgical_guidance.evaluation.metrics.segments import edit_score, frame_accuracy, segments

words = st.lists(st.sampled_from('abc'), min_size=1, max_size=12)


def test_accuracy_is_the_share_of_frames_that_are_right():
    assert frame_accuracy('aabb', 'aaab') == 3 / 4


def test_a_frame_without_a_name_is_wrong():
    assert frame_accuracy('ab', ['a', None]) == 1 / 2


def test_sequences_of_different_length_are_refused():
    with pytest.raises(ValueError, match='zip'):
        frame_accuracy('ab', 'a')


@pytest.mark.parametrize(
    ('truth', 'found', 'score'),
    [
        ('aaabbbccc', 'abbbbbbbc', 1.0),  # when a segment begins does not matter
        ('aabb', 'abab', 1 - 2 / 4),  # every flicker costs
        ('aabbcc', 'aacc', 1 - 1 / 3),  # a segment is missing
        ('aabb', 'bbaa', 1 - 2 / 2),  # the order is wrong
        ('aa', 'bb', 0.0),
        ('aabb', [None, 'a', None, 'b'], 1.0),  # silence is told by the accuracy
        ('aabb', [None] * 4, 0.0),
    ],
)
def test_the_edit_score_is_about_segments(truth, found, score):
    assert edit_score(truth, found) == pytest.approx(score)


def test_nothing_has_no_score():
    assert math.isnan(frame_accuracy([], []))
    assert math.isnan(edit_score([], []))


@given(words)
def test_the_truth_itself_is_perfect(truth):
    assert frame_accuracy(truth, truth) == 1.0
    assert edit_score(truth, truth) == 1.0


@given(words, words)
def test_the_edit_score_is_symmetric_and_between_0_and_1(truth, found):
    assert 0.0 <= edit_score(truth, found) <= 1.0
    assert edit_score(truth, found) == edit_score(found, truth)


@given(words, words, st.integers(1, 4))
def test_how_long_frames_are_does_not_matter_to_the_edit_score(truth, found, times):
    longer = [name for name in found for _ in range(times)]
    assert edit_score(truth, longer) == edit_score(truth, found)


@given(words, st.permutations('abc'))
def test_names_do_not_matter(truth, order):
    renamed = dict(zip('abc', order, strict=True))
    found = truth[::-1]
    assert edit_score([renamed[name] for name in truth], [renamed[name] for name in found]) == edit_score(truth, found)


@given(words)
def test_neighbouring_segments_differ(truth):
    reduced = segments(truth)
    assert all(a != b for a, b in itertools.pairwise(reduced))
