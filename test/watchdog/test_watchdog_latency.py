"""Three frames in a row over the limit, percentiles of the last second, counters."""

import math

import pytest

from surgical_guidance.contract import BREACHES_IN_A_ROW, LATENCY_LIMIT_MS, LATENCY_WARNING_MS
from surgical_guidance.watchdog.latency import BREACH_LASTS_S, Latency

MS = 1_000_000
S = 1_000_000_000
FRAME_NS = 33 * MS
OVER = LATENCY_LIMIT_MS + 0.1


def fed(*latencies_ms):
    """Frames one after another; gives the times so far and the moment of the last frame."""
    latency, at_ns = Latency(), S
    for number, ms in enumerate(latencies_ms):
        at_ns = S + number * FRAME_NS
        latency.frame(at_ns, ms, captured=number + 1, dropped=0)
    return latency, at_ns


@pytest.mark.parametrize(
    ('latencies', 'over'),
    [
        ([OVER] * 2, False),
        ([OVER] * 3, True),
        ([OVER, OVER, LATENCY_LIMIT_MS, OVER, OVER], False),  # at the limit is not over it
        ([OVER, OVER, 20.0, OVER, OVER, OVER], True),
        ([OVER] * 3 + [20.0], True),  # a breach is not over with the next good frame
    ],
)
def test_three_frames_in_a_row_over_the_limit_are_a_breach(latencies, over):
    latency, now_ns = fed(*latencies)
    assert BREACHES_IN_A_ROW == 3
    assert latency.facts(now_ns).over_budget is over


def test_the_third_frame_makes_it_not_the_second():
    latency, now_ns = fed(OVER, OVER)
    latency.frame(now_ns + FRAME_NS, OVER, captured=3, dropped=0)
    facts = latency.facts(now_ns + FRAME_NS)
    assert facts.over_budget
    assert facts.in_a_row == 3
    assert facts.breach_ms == OVER


def test_a_breach_ends_a_second_after_its_last_frame():
    latency, breach_ns = fed(*[OVER] * 3)
    end_ns = breach_ns + int(BREACH_LASTS_S * S)
    assert latency.facts(end_ns - 1).over_budget
    assert not latency.facts(end_ns).over_budget


def test_percentiles_are_of_the_last_second():
    latency, now_ns = fed(*[500.0] * 10, *range(1, 31))
    facts = latency.facts(now_ns + 33 * MS)
    assert 14.0 <= facts.p50_ms <= 17.0
    assert facts.p99_ms == 30.0


def test_without_frames_there_are_no_percentiles():
    facts = Latency().facts(S)
    assert math.isnan(facts.p50_ms)
    assert math.isnan(facts.p99_ms)
    assert not facts.warning
    assert not facts.over_budget


def test_the_warning_is_for_the_typical_frame():
    usual, now_ns = fed(*[20.0] * 20, LATENCY_LIMIT_MS)
    assert not usual.facts(now_ns).warning
    slow, now_ns = fed(*[LATENCY_WARNING_MS + 1.0] * 20)
    assert slow.facts(now_ns).warning


def test_drops_are_told_as_counted():
    latency = Latency()
    latency.frame(S, 20.0, captured=10, dropped=3)
    assert (latency.facts(S).captured, latency.facts(S).dropped) == (10, 3)
