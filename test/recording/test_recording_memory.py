"""What is in memory: the last seconds, within the bound, nobody's past at the cost of another's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from surgical_guidance.recording.memory import OVERHEAD, Memory, Record, Share, shares

S = 1_000_000_000


def record(topic: str, at_s: float, size: int = 10) -> Record:
    at_ns = int(at_s * S)
    return Record(topic, bytes(size), at_ns, at_ns, at_ns)


def test_what_is_older_than_asked_for_is_forgotten():
    memory = Memory(30.0, {'a': Share(10**6)})
    for second in range(100):
        memory.add(record('a', second))
    assert [kept.arrived_ns // S for kept in memory.snapshot()] == list(range(69, 100))
    assert memory.shortened() == {}
    memory.forget(200 * S)
    assert memory.snapshot() == []
    assert memory.size == 0


def test_the_last_word_of_a_latched_topic_is_kept_however_old():
    memory = Memory(30.0, {'a': Share(10**6, latched=True), 'b': Share(10**6)})
    memory.add(record('a', 1.0))
    memory.add(record('a', 2.0))
    memory.add(record('b', 100.0))
    assert [(kept.topic, kept.arrived_ns // S) for kept in memory.snapshot()] == [('a', 2), ('b', 100)]


def test_a_topic_that_is_flooded_loses_its_own_past_alone():
    memory = Memory(30.0, {'flood': Share(50 * (OVERHEAD + 10)), 'calm': Share(10**6)})
    memory.add(record('calm', 0.0))
    for number in range(1000):
        memory.add(record('flood', number / 1000))
    assert sum(kept.topic == 'flood' for kept in memory.snapshot()) == 50
    assert memory.snapshot()[0].topic == 'calm'
    assert memory.shortened() == {'flood': 950}


def test_what_alone_is_more_than_the_share_is_not_kept():
    memory = Memory(30.0, {'a': Share(1000)})
    memory.add(record('a', 0.0, 100))
    memory.add(record('a', 0.1, 1000))
    assert [len(kept.data) for kept in memory.snapshot()] == [100]
    assert memory.shortened() == {'a': 1}


def test_half_of_the_bound_is_for_pictures_and_all_shares_are_within_it():
    given = shares(64_000_000, {'pictures': False, 'scene': False, 'a': True, 'b': False}, 'pictures', 'scene')
    assert {name: share.limit for name, share in given.items()} == {
        'pictures': 32_000_000,
        'scene': 16_000_000,
        'a': 8_000_000,
        'b': 8_000_000,
    }
    assert given['a'].latched


@given(st.lists(st.tuples(st.sampled_from('abc'), st.floats(0.0, 5.0), st.integers(0, 3000)), max_size=80))
def test_whatever_comes_the_bound_holds_and_the_sum_is_right(incoming):
    memory = Memory(10.0, {'a': Share(4000), 'b': Share(9000, latched=True), 'c': Share(0)})
    now_s = 0.0
    for topic, pause_s, size in incoming:
        now_s += pause_s
        memory.add(record(topic, now_s, size))
        assert memory.size <= memory.limit == 13000
        kept = memory.snapshot()
        assert memory.size == sum(one.size for one in kept)
        assert kept == sorted(kept, key=lambda one: one.arrived_ns)
