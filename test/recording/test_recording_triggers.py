"""When evidence is due."""

from __future__ import annotations

from surgical_guidance.recording.triggers import KEPT, Cause, Triggers

S = 1_000_000_000


def cause(name: str, at_s: float) -> Cause:
    return Cause(name, '', int(at_s * S))


def taken(triggers: Triggers, at_s: float, **how: bool) -> list[str]:
    return [one.id for one in triggers.take(int(at_s * S), **how)]


def test_what_comes_after_the_cause_is_recorded_too():
    triggers = Triggers(5.0, 30.0)
    triggers.add(cause('a', 10.0))
    assert taken(triggers, 14.9) == []
    triggers.add(cause('b', 14.95))
    assert taken(triggers, 15.0) == ['a', 'b']
    assert taken(triggers, 99.0) == []


def test_a_storm_of_causes_is_one_piece_a_gap_and_none_is_lost():
    triggers = Triggers(5.0, 30.0)
    written = []
    for second in range(100):
        triggers.add(cause(f'{second}', second))
        written.append(taken(triggers, second))
    assert [second for second, causes in enumerate(written) if causes] == [5, 35, 65, 95]
    assert sum(map(len, written)) == 96


def test_what_is_asked_for_is_written_at_once():
    triggers = Triggers(5.0, 30.0)
    triggers.add(cause('a', 10.0))
    triggers.add(cause('save_context', 11.0), at_once=True)
    assert taken(triggers, 11.0) == ['a', 'save_context']
    triggers.add(cause('save_context', 12.0), at_once=True)
    assert taken(triggers, 12.0) == ['save_context']


def test_at_the_end_what_waits_is_taken():
    triggers = Triggers(5.0, 30.0)
    triggers.add(cause('a', 10.0))
    assert taken(triggers, 10.1, at_once=True) == ['a']


def test_causes_beyond_a_number_are_counted():
    triggers = Triggers(5.0, 30.0)
    for _ in range(KEPT + 7):
        triggers.add(cause('a', 1.0))
    assert len(taken(triggers, 10.0)) == KEPT
    assert triggers.left_out == 7
