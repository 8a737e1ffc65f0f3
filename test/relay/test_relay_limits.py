"""What a connection and an address may cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgical_guidance.relay.security import Limits, Principal, Role, Visit, read_json
from surgical_guidance.relay.security.limits import Bucket, Lockout

S = 10**9


class Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def test_a_bucket_gives_its_burst_at_once_and_its_rate_for_long() -> None:
    clock = Clock()
    bucket = Bucket(10.0, 40.0, clock)
    assert sum(bucket.take() for _ in range(100)) == 40
    clock.ns += S
    assert sum(bucket.take() for _ in range(100)) == 10
    clock.ns += 1000 * S
    assert sum(bucket.take() for _ in range(100)) == 40
    assert not bucket.take(41.0)


def test_an_address_with_wrong_tokens_waits_longer_and_longer_and_a_good_one_ends_it() -> None:
    clock = Clock()
    lockout = Lockout(clock)
    waits = []
    for _ in range(14):
        lockout.failed('192.0.2.1')
        waits.append(lockout.wait_s('192.0.2.1'))
        clock.ns += int(waits[-1] * S)
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert lockout.wait_s('192.0.2.2') == 0
    lockout.succeeded('192.0.2.1')
    lockout.failed('192.0.2.1')
    assert lockout.wait_s('192.0.2.1') == 0


def test_a_network_of_ipv6_is_one_address() -> None:
    lockout = Lockout(Clock())
    for number in range(5):
        lockout.failed(f'2001:db8:1:2::{number:x}')
    assert lockout.wait_s('2001:db8:1:2:ffff::1') == 1
    assert lockout.wait_s('2001:db8:1:3::1') == 0
    for _ in range(5):
        lockout.failed('::ffff:192.0.2.1')
    assert lockout.wait_s('192.0.2.1') == 1


def test_addresses_that_are_remembered_are_bounded() -> None:
    lockout = Lockout(Clock())
    for number in range(5000):
        lockout.failed(f'address {number}')
    assert len(lockout._failures) == 4096


def test_a_visit_may_send_what_the_limits_say() -> None:
    visit = Visit(Principal('a', Role.EXPERT, 'c'), '', lambda code, why: None, Limits(incoming=1000, messages=10))
    assert not visit.accepts(1001)
    assert sum(visit.accepts(10) for _ in range(200)) in range(40, 45)


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('{[]}":,a', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(value=JSON, limit=st.integers(1, 6))
def test_a_message_is_read_if_it_is_one_object_of_bounded_depth(value: Any, limit: int) -> None:
    for data in (json.dumps(value), json.dumps(value).encode()):
        if isinstance(value, dict) and depth_of(value) <= limit:
            assert read_json(data, limit) == value
        else:
            with pytest.raises(ValueError, match=r'one JSON object|in one another'):
                read_json(data, limit)


@pytest.mark.parametrize(
    'data', ['', '{', '{}{}', '{"a":NaN}', '[' * 100_000, '{"a":' * 100_000, '\ud800', '{"a":1', b'\xff{}', '{' * 4096]
)
def test_what_is_no_message_is_refused_and_nothing_is_repaired(data: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_json(data)
