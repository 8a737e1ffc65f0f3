"""What the page's list says happened."""

from __future__ import annotations

from collections.abc import Sequence

from relay_facts import advice, alarm

from surgical_guidance.relay.facts import AlarmFact, Json
from surgical_guidance.relay.timeline import KEPT, Timeline
from surgical_guidance.relay.view import Shown

VALID = Shown('valid', fact=advice(1))
CUT = Shown('interrupted', 'frames_stopped', fact=advice(1))


def look(timeline: Timeline, shown: Shown = VALID, alarms: Sequence[AlarmFact] = (), system: str = 'ok') -> list[Json]:
    return timeline.look(shown, alarms, system, 5_000_000)


def told(events: list[Json]) -> list[tuple[str, str]]:
    return [(event['kind'], event['status']) for event in events]


def test_only_changes_are_told() -> None:
    timeline = Timeline()
    assert told(look(timeline)) == [('system', 'ok'), ('advice', 'valid')]
    assert look(timeline) == []
    assert told(look(timeline, CUT, system='interrupted')) == [('system', 'interrupted'), ('advice', 'interrupted')]
    assert told(look(timeline)) == [('system', 'ok'), ('advice', 'valid')]


def test_an_alarm_is_told_when_it_comes_is_seen_and_goes() -> None:
    timeline = Timeline()
    look(timeline)
    assert told(look(timeline, alarms=[alarm()])) == [('alarm', 'raised')]
    assert told(look(timeline, alarms=[alarm(acknowledged=True)])) == [('alarm', 'acknowledged')]
    assert told(look(timeline)) == [('alarm', 'cleared')]


def test_an_alarm_that_was_cleared_and_is_acknowledged_later_is_cleared_once() -> None:
    timeline = Timeline()
    look(timeline, alarms=[alarm()])
    assert told(look(timeline, alarms=[alarm(active=False)])) == [('alarm', 'cleared')]
    assert look(timeline) == []


def test_events_are_numbered_stamped_and_the_last_are_kept() -> None:
    timeline = Timeline()
    for _ in range(KEPT):
        look(timeline)
        look(timeline, CUT)
    numbers = [event['number'] for event in timeline.events]
    assert len(numbers) == KEPT
    assert numbers == list(range(numbers[0], numbers[0] + KEPT))
    assert {event['stamp_ms'] for event in timeline.events} == {5}
