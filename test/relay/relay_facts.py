"""Facts as the topics would bring them, for the tests of what does not know ROS."""

from __future__ import annotations

from surgical_guidance.clock import NS_PER_MS, NS_PER_S
from surgical_guidance.relay.facts import (
    AdviceFact,
    AdviceStatus,
    AlarmFact,
    FrameFact,
    GuidanceState,
    SceneFact,
    StatusFact,
)

MS = NS_PER_MS
START_NS = 1_000 * NS_PER_S  # monotonic
OFFSET_NS = 1_700_000_000 * NS_PER_S  # ROS time minus monotonic time
INTERVAL_NS = 40 * MS


def captured_ns(sequence: int) -> int:
    return START_NS + sequence * INTERVAL_NS


def frame(sequence: int, rate: float = 25.0) -> FrameFact:
    at_ns = captured_ns(sequence)
    return FrameFact(sequence, at_ns + OFFSET_NS, at_ns, 'surgical_guidance.test', 0, rate)


def scene(sequence: int) -> SceneFact:
    return SceneFact(sequence, captured_ns(sequence), {'valid': True, 'structures': [], 'instruments': []})


def advice(
    frame_sequence: int,
    status: AdviceStatus = AdviceStatus.VALID,
    *,
    sequence: int = 7,
    valid_s: float = 3.0,
    path: tuple[float, ...] = (),
) -> AdviceFact:
    stamp_ns = captured_ns(frame_sequence) + OFFSET_NS
    return AdviceFact(
        sequence=sequence,
        frame_sequence=frame_sequence,
        status=status,
        reason='',
        stamp_ns=stamp_ns,
        raised_stamp_ns=stamp_ns,
        valid_until_stamp_ns=stamp_ns + int(valid_s * NS_PER_S),
        path=path,
        json={'sequence': sequence, 'priority': 3, 'text': {'zh': '停', 'en': 'Stop'}, 'evidence': [], 'highlight': ''},
    )


def alarm(*, active: bool = True, acknowledged: bool = False, priority: int = 2, name: str = 'late') -> AlarmFact:
    return AlarmFact(name, priority, active, acknowledged, 1, {'id': name, 'active': active})


def status(state: GuidanceState = GuidanceState.OK, *alarms: AlarmFact) -> StatusFact:
    return StatusFact(state, (), alarms, {'frame_rate': 25.0})
