"""Events: from flags to intervals, and which claim belongs to which event."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgical_guidance.evaluation.metrics.events import intervals, match

flags = st.lists(st.booleans(), max_size=40)


def said(text):
    return [letter == '#' for letter in text]


@pytest.mark.parametrize(
    ('text', 'gap', 'shortest', 'expected'),
    [
        ('', 0, 1, []),
        ('....', 0, 1, []),
        ('####', 0, 1, [(0, 4)]),
        ('.##.#', 0, 1, [(1, 3), (4, 5)]),
        ('.##.#', 1, 1, [(1, 5)]),
        ('.##..#', 1, 1, [(1, 3), (5, 6)]),
        ('.##..#', 0, 2, [(1, 3)]),
        ('#.#.#', 1, 5, [(0, 5)]),  # bridged first, then measured
    ],
)
def test_flags_become_intervals(text, gap, shortest, expected):
    assert intervals(said(text), gap, shortest) == expected


def test_a_claim_within_the_event_is_right_and_its_begin_is_the_latency():
    result = match([(10, 20)], [(14, 30)], tolerance=3)
    assert (result.latencies, result.missed, result.false) == ((4,), (), ())


@pytest.mark.parametrize(('start', 'right'), [(6, False), (7, True), (10, True), (19, True), (20, False), (25, False)])
def test_a_claim_may_come_a_little_early_and_must_come_before_the_end(start, right):
    result = match([(10, 20)], [(start, start + 2)], tolerance=3)
    assert bool(result.latencies) == right
    assert bool(result.false) != right
    assert bool(result.missed) != right


def test_who_claims_all_the_time_is_right_at_most_once():
    result = match([(0, 5), (20, 25), (40, 45)], [(0, 60)], tolerance=3)
    assert len(result.latencies) == 1
    assert len(result.missed) == 2


def test_a_second_claim_in_one_event_is_false():
    result = match([(0, 50)], [(5, 10), (30, 35)], tolerance=0)
    assert result.latencies == (5,)
    assert result.false == ((30, 35),)


def test_claims_between_two_events_are_given_so_that_most_match():
    # The first claim could serve both; only the first event leaves the second claim something.
    result = match([(0, 10), (12, 30)], [(9, 11), (12, 14)], tolerance=5)
    assert len(result.latencies) == 2


@given(flags)
def test_the_truth_itself_is_perfect(frames):
    true = intervals(frames)
    result = match(true, true, tolerance=2)
    assert result.latencies == (0,) * len(true)
    assert not result.missed
    assert not result.false


@given(flags, flags, st.integers(0, 5), st.randoms())
def test_every_event_and_claim_is_counted_once_in_any_order(truth, found, tolerance, random):
    true, claims = intervals(truth), intervals(found)
    result = match(true, claims, tolerance)
    assert len(result.latencies) + len(result.missed) == len(true)
    assert len(result.latencies) + len(result.false) == len(claims)
    random.shuffle(true)
    random.shuffle(claims)
    assert match(true, claims, tolerance) == result


@given(flags.filter(lambda frames: len(frames) < 14), flags.filter(lambda frames: len(frames) < 14), st.integers(0, 3))
def test_as_many_match_as_can(truth, found, tolerance):
    true, claims = intervals(truth), intervals(found)
    few, many = sorted((true, claims), key=len)
    most = 0
    for chosen in itertools.permutations(many, len(few)):
        pairs = zip(few, chosen, strict=True)
        ordered = [(a, b) if few is true else (b, a) for a, b in pairs]
        most = max(most, sum(event[0] - tolerance <= claim[0] < event[1] for event, claim in ordered))
    assert len(match(true, claims, tolerance).latencies) == most


@given(flags, st.integers(0, 4), st.integers(1, 4))
def test_intervals_are_apart_and_long_enough(frames, gap, shortest):
    found = intervals(frames, gap, shortest)
    assert all(end - start >= shortest for start, end in found)
    assert all(after[0] - before[1] > gap for before, after in itertools.pairwise(found))
