"""When an input counts as silent, and when it is believed again."""

from __future__ import annotations

from relay_facts import MS

from surgical_guidance.relay.pulse import RECOVER_S, Pulse

LIMIT_S = 0.1
RECOVER_NS = int(RECOVER_S * 1e9)
START = 1_000_000 * MS


def beating(until_ns: int, *, start_ns: int = START, pulse: Pulse | None = None) -> Pulse:
    pulse = pulse or Pulse()
    for now_ns in range(start_ns, until_ns + 1, 40 * MS):
        pulse.beat(now_ns, LIMIT_S)
    return pulse


def test_who_never_spoke_is_silent() -> None:
    assert Pulse().silent_since(START, LIMIT_S) == 0


def test_the_first_beat_is_believed_at_once() -> None:
    assert beating(START).silent_since(START, LIMIT_S) is None


def test_silence_is_told_as_soon_as_the_limit_is_passed() -> None:
    last = START + 400 * MS
    pulse = beating(last)
    assert pulse.silent_since(last + 100 * MS, LIMIT_S) is None
    assert pulse.silent_since(last + 101 * MS, LIMIT_S) == last


def test_who_was_silent_is_believed_again_only_when_steady() -> None:
    last, back = START + 400 * MS, START + 1000 * MS
    pulse = beating(back + 280 * MS, start_ns=back, pulse=beating(last))
    assert pulse.silent_since(back + RECOVER_NS - 1, LIMIT_S) == last
    pulse.beat(back + RECOVER_NS, LIMIT_S)
    assert pulse.silent_since(back + RECOVER_NS, LIMIT_S) is None


def test_gasps_do_not_flicker_and_count_from_the_first_silence() -> None:
    last = START + 400 * MS
    pulse = beating(last)
    for gasp in range(1, 10):
        now_ns = last + gasp * 150 * MS
        pulse.beat(now_ns, LIMIT_S)
        for later in (0, 50, 149):
            assert pulse.silent_since(now_ns + later * MS, LIMIT_S) == last


def test_a_second_silence_counts_from_its_own_start() -> None:
    pulse = beating(START + 1400 * MS, start_ns=START + 1000 * MS, pulse=beating(START + 400 * MS))
    assert pulse.silent_since(START + 1400 * MS, LIMIT_S) is None
    assert pulse.silent_since(START + 1600 * MS, LIMIT_S) == START + 1400 * MS


def test_what_nobody_listened_to_is_no_silence() -> None:
    later = START + 60_000 * MS
    pulse = beating(START + 400 * MS)
    pulse.expect(later)
    assert pulse.silent_since(later + 100 * MS, LIMIT_S) is None
    assert pulse.silent_since(later + 101 * MS, LIMIT_S) == later
    pulse.beat(later + 50 * MS, LIMIT_S)
    assert pulse.silent_since(later + 150 * MS, LIMIT_S) is None
