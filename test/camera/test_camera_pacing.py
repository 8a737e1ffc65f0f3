import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgical_guidance.camera.pacing import FORGIVEN_S, Pacer
from surgical_guidance.camera.timeline import LONGEST_STEP_S, Timeline

SECOND = 1_000_000_000


def times(timeline, stamps):
    return [pytest.approx(timeline.at(stamp)) for stamp in stamps]


def test_time_begins_at_zero_wherever_the_stamps_begin():
    assert [Timeline(0.04).at(stamp) for stamp in (123.5,)] == [0.0]
    assert times(Timeline(0.04), [100.0, 100.1, 100.5]) == [0.0, 0.1, 0.5]


def test_missing_stamps_are_an_interval_apart():
    assert times(Timeline(0.04), [None, None, 0.3, None]) == [0.0, 0.04, 0.08, 0.12]


def test_stamps_that_go_back_or_jump_do_not_stop_the_pictures():
    assert times(Timeline(0.1), [5.0, 5.1, 2.0, 2.1, 2.0 + 5000.0]) == [0.0, 0.1, 0.2, 0.3, 0.4]


def test_a_pause_in_a_video_of_variable_rate_is_kept():
    assert times(Timeline(0.1), [0.0, 0.1, 3.1]) == [0.0, 0.1, 3.1]


def test_the_next_pass_follows_the_last_picture():
    timeline = Timeline(0.04)
    assert times(timeline, [0.0, 0.04]) == [0.0, 0.04]
    timeline.restart()
    assert times(timeline, [0.0, 0.04]) == [0.08, 0.12]


@given(st.lists(st.one_of(st.none(), st.just('restart'), st.floats(-1e6, 1e6)), max_size=60))
def test_time_never_goes_back_and_never_leaps(stamps):
    timeline, last = Timeline(0.04), 0.0
    for stamp in stamps:
        if stamp == 'restart':
            timeline.restart()
            continue
        time_s = timeline.at(stamp)
        assert 0.0 <= time_s - last <= LONGEST_STEP_S + 1e-6
        last = time_s


def test_a_picture_is_due_at_its_time_after_the_first():
    pacer = Pacer(25.0)
    assert pacer.due_ns(0.0, 7 * SECOND) == 7 * SECOND
    assert pacer.due_ns(0.04, 7 * SECOND + 5) == 7 * SECOND + 40_000_000


def test_who_starts_in_the_middle_of_a_video_is_not_late():
    pacer = Pacer(25.0)
    assert pacer.due_ns(300.0, 7 * SECOND) == 7 * SECOND


def test_up_to_one_interval_late_is_shown_and_more_is_not():
    pacer = Pacer(10.0)
    pacer.due_ns(0.0, 0)
    assert pacer.due_ns(0.1, 200_000_000) == 100_000_000
    assert pacer.due_ns(0.2, 300_000_001) is None
    assert pacer.due_ns(0.3, 300_000_002) == 300_000_000


def test_without_a_rate_the_step_to_the_picture_before_is_the_interval():
    pacer = Pacer(0.0)
    pacer.due_ns(0.0, 0)
    assert pacer.due_ns(0.5, SECOND) == SECOND // 2
    assert pacer.due_ns(1.0, SECOND + SECOND // 2 + 1) is None


def test_a_long_stop_moves_the_rest_of_the_video():
    pacer = Pacer(10.0)
    pacer.due_ns(0.0, 0)
    now = round((0.1 + FORGIVEN_S) * SECOND) + 1
    assert pacer.due_ns(0.1, now) == now
    assert pacer.due_ns(0.2, now) == now + 100_000_000


def test_pictures_without_a_pace_are_due_at_once_and_never_late():
    pacer = Pacer(0.0)
    assert [pacer.due_ns(0.0, now * SECOND) for now in range(5)] == [0] * 5
