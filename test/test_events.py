"""The same event is said once, then counted."""

from __future__ import annotations

import pytest

from surgical_guidance.events import KEPT, Events, line

S = 1_000_000_000


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def info(self, text: str) -> None:
        self.lines.append(('info', text))

    def warning(self, text: str) -> None:
        self.lines.append(('warning', text))

    def error(self, text: str) -> None:
        self.lines.append(('error', text))


@pytest.fixture
def clock():
    return [0]


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def events(log, clock):
    return Events(log, lambda: clock[0])


def test_what_happens_to_every_frame_is_said_at_1_10_and_100(events, log):
    for frame in range(1, 251):
        events.warning('scene_invalid', 'too dark', frame=frame)
    assert log.lines == [
        ('warning', 'too dark  event=scene_invalid frame=1'),
        ('warning', 'too dark  event=scene_invalid frame=10 count=10'),
        ('warning', 'too dark  event=scene_invalid frame=100 count=100'),
    ]


def test_kinds_are_counted_each_by_itself(events, log):
    for _ in range(3):
        events.error('a', 'one')
        events.info('b', 'other')
    assert [text for _, text in log.lines] == ['one  event=a', 'other  event=b']


def test_when_it_has_stopped_its_number_is_said_and_the_next_is_a_first(events, log, clock):
    for _ in range(5):
        events.warning('a', 'one')
    clock[0] = 5 * S
    events.settle()
    assert len(log.lines) == 1
    clock[0] = 11 * S
    events.settle()
    events.settle()
    assert log.lines[1:] == [('warning', 'it has stopped  event=a count=5')]
    events.warning('a', 'one')
    assert log.lines[-1] == ('warning', 'one  event=a')


def test_what_was_said_once_is_not_said_to_have_stopped(events, log, clock):
    events.warning('a', 'one')
    clock[0] = 11 * S
    events.settle()
    assert len(log.lines) == 1


def test_memory_is_bounded_whatever_happens(events):
    for number in range(10 * KEPT):
        events.info(f'{number}', 'text')
    assert len(events._counts) == KEPT


def test_pairs_can_be_read_by_programs():
    text = line('a text', 'kind', 7, 10, {'path': '/a b/"c"', 'empty': '', 'ms': 3.5})
    assert text == 'a text  event=kind frame=7 path="/a b/\'c\'" empty="" ms=3.5 count=10'
