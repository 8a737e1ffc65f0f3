"""From ROS messages to the relay's facts and back. Takes the generated messages by their fields.

A message that says something this version does not know raises ``ValueError``: it is not shown, and its silence is.
"""

from __future__ import annotations

import array
import math
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from surgical_guidance.annotations import Annotation
from surgical_guidance.clock import NS_PER_MS, from_time, to_time
from surgical_guidance.contract import OPTICAL_FRAME
from surgical_guidance.relay.facts import (
    AdviceFact,
    AdviceStatus,
    AlarmFact,
    FrameFact,
    GuidanceState,
    SceneFact,
    StatusFact,
    TimingFact,
)
from surgical_guidance.relay.security import Visit

OUTSIDE_LEVEL = 0.5  # of the condition: pixels are withheld before it has held for long enough to be told


def frame(message: Any) -> FrameFact:
    """Take a ``FrameRef``."""
    return FrameFact(
        message.sequence,
        from_time(message.header.stamp),
        message.monotonic_ns,
        message.ring,
        message.slot,
        message.nominal_rate,
    )


def scene(message: Any) -> SceneFact:
    """Take a ``SceneState``: what the page draws, contours to a tenth of a pixel."""
    return SceneFact(
        message.sequence,
        message.monotonic_ns,
        {
            'width': message.width,
            'height': message.height,
            'valid': message.valid,
            'problem': message.problem,
            'quality': _number(message.quality, 2),
            'phase': message.phase,
            'instruments': [
                {
                    'class': item.class_name,
                    'tip': [round(item.tip_x, 1), round(item.tip_y, 1)] if item.tip_visible else None,
                    'energised': item.energised,
                    'contour': _points(item.contour),
                }
                for item in message.instruments
            ],
            'structures': [{'class': item.class_name, 'contour': _points(item.contour)} for item in message.structures],
        },
        _outside(message.conditions),
    )


def advice(message: Any) -> AdviceFact:
    """Take a ``Suggestion``."""
    return AdviceFact(
        message.sequence,
        message.frame_sequence,
        AdviceStatus(message.status),
        message.reason,
        from_time(message.header.stamp),
        from_time(message.raised_at),
        from_time(message.valid_until),
        tuple(_points(message.highlight_path)),
        {
            'sequence': message.sequence,
            'rule': message.rule_id,
            'priority': message.priority,
            'text': {'zh': message.text_zh, 'en': message.text_en},
            'highlight': message.highlight_class,
            'evidence': [
                {
                    'name': item.name,
                    'value': _number(item.value, 3),
                    'sigma': _number(item.sigma, 3),
                    'unit': item.unit,
                }
                for item in message.evidence
            ],
        },
        tuple(_points(message.highlight_arrow)),
    )


def alarm(message: Any) -> AlarmFact:
    """Take an ``Alarm``."""
    return AlarmFact(
        message.id,
        message.priority,
        message.active,
        message.acknowledged,
        message.count,
        {
            'id': message.id,
            'priority': message.priority,
            'active': message.active,
            'acknowledged': message.acknowledged,
            'text': {'zh': message.text_zh, 'en': message.text_en},
            'detail': message.detail,
            'count': message.count,
            'raised_stamp_ms': from_time(message.raised_at) // NS_PER_MS,
            'acknowledged_by': message.acknowledged_by,
            'escalated': message.escalated,
        },
    )


def status(message: Any) -> StatusFact:
    """Take a ``GuidanceStatus``."""
    return StatusFact(
        GuidanceState(message.state),
        tuple(message.reasons),
        tuple(alarm(item) for item in message.alarms),
        {
            'frame_rate': _number(message.frame_rate, 1),
            'latency_p50_ms': _number(message.latency_p50_ms, 1),
            'latency_p99_ms': _number(message.latency_p99_ms, 1),
            'dropped': message.dropped,
            'degradation_step': message.degradation_step,
            'audio_paused_until_ms': from_time(message.audio_paused_until) // NS_PER_MS,
            'audio_paused_by': message.audio_paused_by,
        },
    )


def timing(message: Any) -> TimingFact:
    """Take a ``FrameTiming``."""
    return TimingFact({item.stage: item.duration_ms for item in message.stages if math.isfinite(item.duration_ms)})


def annotation(mark: Annotation) -> Any:
    """Give the ``Annotation`` message of a mark."""
    from std_msgs.msg import Header
    from surgical_guidance_msgs.msg import Annotation as Message

    return Message(
        header=Header(stamp=to_time(mark.stamp_ns), frame_id=OPTICAL_FRAME),
        frame_sequence=mark.frame_sequence,
        id=mark.id,
        author=mark.author,
        kind=int(mark.kind),
        points=array.array('f', mark.points),
        text=mark.text,
        color=mark.color,
        lifetime_s=mark.lifetime_s,
    )


def _outside(conditions: Any) -> bool | None:
    """Tell whether the scope is out of the body, at the first doubt: before the condition counts as going on."""
    for condition in conditions:
        if condition.name == 'out_of_body':
            return bool(condition.active or condition.level >= OUTSIDE_LEVEL)
    return None


def participants(visits: Iterable[Visit]) -> Any:
    """Make ``Participants`` of who is here. The one message that the relay sends."""
    from surgical_guidance_msgs.msg import Participant, Participants

    return Participants(
        stamp=to_time(time.time_ns()),
        participants=[
            Participant(
                id=visit.principal.connection,
                name=visit.principal.name,
                role=visit.principal.role.value,
                address=visit.address,
                joined_at=to_time(visit.joined_ns),
                speaking=visit.speaking,
                round_trip_ms=visit.round_trip_ms,
            )
            for visit in visits
        ],
    )


def _points(coordinates: Any) -> list[float]:
    points: list[float] = np.asarray(coordinates, np.float64).round(1).tolist()
    return points


def _number(value: float, digits: int) -> float | None:
    """Round for the page; None (JSON knows no NaN) where the number is not known."""
    return round(value, digits) if math.isfinite(value) else None
