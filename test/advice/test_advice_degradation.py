"""Every state times every event."""

from __future__ import annotations

from itertools import product

import pytest

from surgical_guidance.advice.degradation import Event, Health, State, after

N, HALF, W = State.NOMINAL, State.INTERRUPTED, State.WITHDRAWN
NEEDED = 3

TABLE = {
    (N, 0, Event.GOOD): (N, 0),
    (N, 0, Event.BAD): (N, 0),
    (N, 0, Event.SILENCE): (HALF, 0),
    (N, 0, Event.EXPIRY): (W, 0),
    (N, 0, Event.RESTART): (W, 0),
    (HALF, 0, Event.GOOD): (HALF, 1),
    (HALF, 1, Event.GOOD): (HALF, 2),
    (HALF, 2, Event.GOOD): (N, 0),
    **{(HALF, good, event): (HALF, 0) for good in range(3) for event in (Event.BAD, Event.SILENCE)},
    **{(HALF, good, Event.EXPIRY): (W, good) for good in range(3)},
    **{(HALF, good, Event.RESTART): (W, 0) for good in range(3)},
    (W, 0, Event.GOOD): (W, 1),
    (W, 1, Event.GOOD): (W, 2),
    (W, 2, Event.GOOD): (N, 0),
    **{(W, good, event): (W, 0) for good in range(3) for event in (Event.BAD, Event.SILENCE, Event.RESTART)},
    **{(W, good, Event.EXPIRY): (W, good) for good in range(3)},
}


@pytest.mark.parametrize(('state', 'good', 'event'), TABLE)
def test_it_goes_as_the_table_says(state: State, good: int, event: Event) -> None:
    assert after(Health(state, good), event, NEEDED) == Health(*TABLE[state, good, event])


def test_the_table_leaves_nothing_out() -> None:
    reachable = [(N, 0), *product((HALF, W), range(NEEDED))]
    assert set(TABLE) == {(state, good, event) for (state, good), event in product(reachable, Event)}


def test_it_begins_withdrawn() -> None:
    assert Health().state is W
    assert not Health().nominal


@pytest.mark.parametrize('state', [HALF, W])
def test_silence_matters_only_where_something_would_be_lost(state: State) -> None:
    assert Health(N).listening
    assert Health(state, 1).listening
    assert not Health(state).listening
