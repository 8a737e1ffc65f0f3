"""Who looks at a frame: the safety-relevant ones when their turn comes, the others where there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgical_guidance.inference.cost import RECENT, Cost
from surgical_guidance.inference.scheduler import PATIENCE, Job, Scheduler, Verdict, stagger

SEGMENTATION = Job('segmentation', 100, 1, safety_relevant=True, cost_ms=12.0)
VIEW = Job('view', 50, 3, safety_relevant=True, cost_ms=3.0)
PHASE = Job('phase', 10, 15, safety_relevant=False, cost_ms=6.0)


def play(
    scheduler: Scheduler,
    frames: range,
    cost: Callable[[str], float] = lambda name: scheduler_costs[name],
    *,
    newer: bool = False,
) -> dict[int, list[str]]:
    """Run frames through it as one model after another does; who looked at which."""
    looked: dict[int, list[str]] = {}
    for sequence in frames:
        spent = 0.0
        looked[sequence] = []
        for name in scheduler.due(sequence):
            if scheduler.decide(name, spent, newer_waits=newer).runs:
                looked[sequence].append(name)
                scheduler.looked(name, cost(name))
                spent += cost(name)
    return looked


scheduler_costs = {'segmentation': 12.0, 'view': 3.0, 'phase': 6.0}


def test_every_model_looks_at_its_stride_and_the_most_important_first() -> None:
    looked = play(Scheduler([PHASE, VIEW, SEGMENTATION], 25.0), range(1, 301))
    counts = Counter(name for names in looked.values() for name in names)
    assert counts == {'segmentation': 300, 'view': pytest.approx(100, abs=1), 'phase': pytest.approx(20, abs=1)}
    order = ['segmentation', 'view', 'phase']
    assert all(names == sorted(names, key=order.index) for names in looked.values())


def test_turns_are_laid_so_that_the_models_do_not_meet_on_one_frame() -> None:
    looked = play(Scheduler([SEGMENTATION, VIEW, PHASE], 1000.0), range(1, 301))
    assert max(len(names) for sequence, names in looked.items() if sequence > 15) == 2


def test_at_the_first_frame_all_look_as_far_as_there_is_room() -> None:
    assert play(Scheduler([SEGMENTATION, VIEW, PHASE], 1000.0), range(1, 2))[1] == ['segmentation', 'view', 'phase']
    assert play(Scheduler([SEGMENTATION, VIEW, PHASE], 16.0), range(1, 2))[1] == ['segmentation', 'view']


def test_who_can_wait_is_put_off_until_a_frame_has_room() -> None:
    scheduler = Scheduler([SEGMENTATION, VIEW, PHASE], 20.0)  # room for two of them, not for three
    looked = play(scheduler, range(1, 4))
    assert looked[1] == ['segmentation', 'view']
    assert scheduler.turns['phase'].postponed == 1
    assert looked[2] == ['segmentation', 'phase']
    assert scheduler.turns['phase'].verdict is Verdict.LOOKS


def test_the_safety_relevant_look_however_late_it_is() -> None:
    scheduler = Scheduler([SEGMENTATION, VIEW, PHASE], 5.0)
    looked = play(scheduler, range(1, 31), newer=True)
    assert all('segmentation' in names for names in looked.values())
    assert sum('view' in names for names in looked.values()) == pytest.approx(10, abs=1)


def test_who_never_finds_room_looks_after_a_bounded_wait() -> None:
    scheduler = Scheduler([SEGMENTATION, PHASE], 13.0)
    looked = play(scheduler, range(1, 301))
    turns = [sequence for sequence, names in looked.items() if 'phase' in names]
    waits = [later - earlier for earlier, later in zip([0, *turns], turns, strict=False)]
    assert max(waits) <= (PATIENCE + 1) * PHASE.stride
    assert scheduler.turns['phase'].forced == len(turns) >= 5
    assert scheduler.turns['phase'].looks == len(turns)


def test_a_frame_is_left_alone_when_a_newer_one_waits() -> None:
    scheduler = Scheduler([SEGMENTATION, PHASE], 1000.0)
    assert play(scheduler, range(1, 2), newer=True)[1] == ['segmentation']
    assert scheduler.turns['phase'].verdict is Verdict.NEWER_FRAME
    assert play(scheduler, range(2, 3))[2] == ['segmentation', 'phase']


def test_a_turn_that_fell_on_a_lost_frame_is_taken_at_the_next() -> None:
    looked = play(Scheduler([VIEW], 25.0), range(1, 100, 2))  # every second frame is lost
    turns = [sequence for sequence, names in looked.items() if names]
    assert {later - earlier for earlier, later in pairwise(turns)} <= {2, 4}


def test_what_is_reckoned_with_is_what_was_measured() -> None:
    scheduler = Scheduler([SEGMENTATION, PHASE], 25.0)
    slow = {'segmentation': 12.0, 'phase': 20.0}
    play(scheduler, range(1, 32), slow.__getitem__)
    assert scheduler.turns['phase'].cost.expected_ms == 20.0
    assert scheduler.turns['phase'].verdict is Verdict.NO_ROOM
    looks = scheduler.turns['phase'].looks
    fast = {'segmentation': 4.0, 'phase': 20.0}
    play(scheduler, range(32, 33), fast.__getitem__)  # the segmentation was quick: there is room
    assert scheduler.turns['phase'].looks == looks + 1


def test_another_recording_lets_all_look_again() -> None:
    scheduler = Scheduler([PHASE], 25.0)
    play(scheduler, range(100, 103))
    assert play(scheduler, range(1, 2))[1] == ['phase']


def test_strides_can_be_raised_and_a_model_dropped_and_taken_back() -> None:
    scheduler = Scheduler([SEGMENTATION, PHASE], 25.0)
    play(scheduler, range(1, 31))
    scheduler.give_strides({'phase': 0})
    assert scheduler.turns['phase'].verdict is Verdict.DROPPED
    assert not any('phase' in names for names in play(scheduler, range(31, 91)).values())
    scheduler.give_strides({'phase': 30})
    assert sum('phase' in names for names in play(scheduler, range(91, 181)).values()) == pytest.approx(3, abs=1)


def test_a_single_slow_look_does_not_count_and_a_slow_host_does() -> None:
    cost = Cost(5.0)
    for _ in range(20):
        cost.add(4.0)
    cost.add(90.0)
    assert cost.expected_ms == 4.0
    for _ in range(3):
        cost.add(40.0)
    assert cost.expected_ms >= 40.0
    for _ in range(RECENT):
        cost.add(4.0)
    assert (cost.expected_ms, cost.quantile(0.99)) == (4.0, 4.0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.floats(0.1, 50)), min_size=1, max_size=5))
def test_staggered_turns_cost_no_more_than_all_on_one_frame_and_lie_within_their_stride(
    models: list[tuple[int, float]],
) -> None:
    strides, costs = zip(*models, strict=True)
    offsets = stagger(strides, costs)
    assert all(0 <= offset < stride for offset, stride in zip(offsets, strides, strict=True))

    def peak(starts: tuple[int, ...]) -> float:
        return max(
            sum(cost for start, stride, cost in zip(starts, strides, costs, strict=True) if frame % stride == start)
            for frame in range(200)
        )

    assert peak(offsets) <= sum(costs) * (1 + 1e-9)
    if len(models) == 2 and min(strides) > 1 and strides[0] == strides[1]:
        assert peak(offsets) == pytest.approx(max(costs))


@settings(deadline=None)
@given(st.integers(2, 30), st.integers(0, 2**32))
def test_whatever_the_load_the_wait_is_bounded_and_the_safety_relevant_are_never_put_off(
    stride: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    scheduler = Scheduler([SEGMENTATION, Job('slow', 1, stride, safety_relevant=False, cost_ms=10.0)], 25.0)
    sequence = last = 0
    for _ in range(200):
        gap, spent, newer = int(random.integers(1, 5)), float(random.uniform(0.0, 60.0)), bool(random.random() < 0.5)
        sequence += gap
        due = scheduler.due(sequence)
        assert due[0] == 'segmentation'
        assert scheduler.decide('segmentation', spent, newer_waits=newer) is Verdict.LOOKS
        if 'slow' in due and scheduler.decide('slow', spent, newer_waits=newer).runs:
            last = sequence
        # Up to three frames are lost when its turn comes, and three when it must look.
        assert sequence - last <= (PATIENCE + 1) * stride + 2 * 3 + 1
