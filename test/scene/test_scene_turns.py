"""Things that cost much take turns, and none is left out."""

from __future__ import annotations

import pytest

from surgical_guidance.scene.turns import Turns


@pytest.mark.parametrize(
    ('rate', 'expected'),
    [
        (30, ['a', 'b', 'c', 'd', 'a', 'b', 'c', 'd']),
        (60, ['', 'a', '', 'b', '', 'c', '', 'd']),
        (15, ['ab', 'cd', 'ab', 'cd', 'ab', 'cd', 'ab', 'cd']),
        (5, ['abcd'] * 8),
    ],
)
def test_at_every_rate_each_has_its_turn_in_time(rate: int, expected: list[str]) -> None:
    turns = Turns('abcd')
    assert ''.join(turns.due(0.0)) == 'abcd'  # the first frame
    assert [''.join(turns.due(1.0 / rate)) for _ in range(8)] == expected


def test_a_frame_that_is_late_or_early_does_not_bring_two_together() -> None:
    turns = Turns('abcd')
    turns.due(0.0)
    assert [''.join(turns.due(step_s)) for step_s in (0.045, 0.026, 0.033, 0.041)] == ['a', 'b', 'c', 'd']


def test_after_a_reset_all_is_due_and_begins_with_the_first() -> None:
    turns = Turns('abcd')
    turns.due(0.0)
    turns.due(0.033)
    turns.reset()
    assert ''.join(turns.due(0.033)) == 'abcd'
    assert ''.join(turns.due(0.033)) == 'a'
