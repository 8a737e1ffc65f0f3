"""What a piece of evidence says in short, from its messages: causes, times, states, alarms, advice, log."""

from __future__ import annotations

import math
import re
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from surgical_guidance import __version__
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import LATENCY_LIMIT_MS, LATENCY_WARNING_MS
from surgical_guidance.recording.memory import Record

LOG_LINES: Final = 200
_NUMBER: Final = re.compile(r'\d+(\.\d+)?')
STATES: Final = ('starting', 'ok', 'degraded', 'interrupted', 'failed')
SUGGESTION_STATES: Final = ('none', 'valid', 'interrupted', 'withdrawn')
PRIORITIES: Final = ('none', 'low', 'medium', 'high')
STAGES: Final = ('unconfigured', 'inactive', 'active', 'error', 'failed', 'finished')
LEVELS: Final = {10: 'debug', 20: 'info', 30: 'warning', 40: 'error', 50: 'fatal'}


@dataclass(frozen=True, slots=True)
class Names:
    """The full names of the topics that a summary looks into."""

    timing: str
    status: str
    alarm: str
    suggestion: str
    rosout: str
    heartbeat: str
    models: str
    pictures: str


Decode = Callable[[Record], Any]


def summarise(
    records: Sequence[Record],
    names: Names,
    decode: Decode,
    causes: Sequence[Mapping[str, Any]],
    zero_ns: int,
) -> dict[str, Any]:
    """Give the summary as it is written to JSON; times in it are seconds from ``zero_ns``.

    :param records: in the order of arrival.
    :param decode: gives the message of a record; None where it cannot be read.
    :param causes: why this was written, the first one first.
    :param zero_ns: monotonic time of the first cause [ns].
    """
    by_topic: dict[str, list[Record]] = {}
    for record in records:
        by_topic.setdefault(record.topic, []).append(record)

    def messages(topic: str) -> list[tuple[float, Any]]:
        found = by_topic.get(topic, [])
        decoded = ((record.arrived_ns, decode(record)) for record in found)
        return [(round((at_ns - zero_ns) / NS_PER_S, 3), message) for at_ns, message in decoded if message is not None]

    first_ns, last_ns = (records[0].log_ns, records[-1].log_ns) if records else (0, 0)
    return {
        'cause': causes[0]['id'] if causes else '',
        'causes': list(causes),
        'from': _time(first_ns),
        'to': _time(last_ns),
        'host': socket.gethostname(),
        'version': __version__,
        'messages': {topic: len(found) for topic, found in sorted(by_topic.items())},
        'bytes': sum(len(record.data) for record in records),
        **_timing(messages(names.timing)),
        'states': _states(messages(names.status)),
        'alarms': [_alarm(at, message) for at, message in messages(names.alarm)],
        'suggestions': _suggestions(messages(names.suggestion)),
        'stages': _stages(messages(names.heartbeat)),
        'models': _models(messages(names.models)),
        'log': _log(messages(names.rosout)),
    }


def _time(ns: int) -> str:
    return datetime.fromtimestamp(ns / NS_PER_S, tz=UTC).isoformat(timespec='milliseconds')


def _timing(messages: Sequence[tuple[float, Any]]) -> dict[str, Any]:
    """Give every frame's capture to advice, and the times of the stages over all frames."""
    frames: list[list[float]] = []
    by_stage: dict[str, list[float]] = {}
    for at, message in messages:
        for stage in message.stages:
            by_stage.setdefault(stage.stage, []).append(float(stage.duration_ms))
            if stage.stage == 'capture_to_advice' and math.isfinite(stage.duration_ms):
                frames.append([at, int(message.sequence), round(float(stage.duration_ms), 3)])
    latency = [ms for _, _, ms in frames]
    return {
        'limit_ms': LATENCY_LIMIT_MS,
        'warning_ms': LATENCY_WARNING_MS,
        'over_limit': sum(ms > LATENCY_LIMIT_MS for ms in latency),
        'dropped': int(messages[-1][1].dropped - messages[0][1].dropped) if messages else 0,
        'latency_ms': {stage: _quantiles(values) for stage, values in by_stage.items()},
        'frames': frames,
    }


def _quantiles(values: Sequence[float]) -> dict[str, float | None]:
    finite = sorted(value for value in values if math.isfinite(value))
    if not finite:
        return {'p50': None, 'p99': None, 'max': None}
    return {
        name: round(finite[math.ceil(share * len(finite)) - 1], 3)
        for name, share in (('p50', 0.5), ('p99', 0.99), ('max', 1.0))
    }


def _states(messages: Sequence[tuple[float, Any]]) -> list[dict[str, Any]]:
    """Give every change of the state or its reasons; that a number in a reason is another one is no change."""
    changes: list[dict[str, Any]] = []
    last: tuple[str, list[str]] | None = None
    for at, message in messages:
        state, reasons = _named(STATES, message.state), list(message.reasons)
        kind = (state, [_NUMBER.sub('#', reason) for reason in reasons])
        if kind != last:
            last = kind
            changes.append({'at': at, 'state': state, 'reasons': reasons})
    return changes


def _alarm(at: float, message: Any) -> dict[str, Any]:
    return {
        'at': at,
        'id': message.id,
        'priority': _named(PRIORITIES, message.priority),
        'active': bool(message.active),
        'acknowledged_by': message.acknowledged_by,
        'text_en': message.text_en,
        'text_zh': message.text_zh,
        'detail': message.detail,
    }


def _suggestions(messages: Sequence[tuple[float, Any]]) -> list[dict[str, Any]]:
    """Give every suggestion and every change of its state, not its repetitions."""
    changes: list[dict[str, Any]] = []
    last: tuple[int, int] | None = None
    for at, message in messages:
        if (message.sequence, message.status) != last:
            last = (message.sequence, message.status)
            changes.append({
                'at': at,
                'rule': message.rule_id,
                'status': _named(SUGGESTION_STATES, message.status),
                'priority': _named(PRIORITIES, message.priority),
                'frame': int(message.frame_sequence),
                'text_en': message.text_en,
                'text_zh': message.text_zh,
                'reason': message.reason,
            })  # fmt: skip
    return changes


def _stages(messages: Sequence[tuple[float, Any]]) -> list[dict[str, Any]]:
    """Give every change of a stage: its state, its process, what it says of itself when it is not well."""
    changes: list[dict[str, Any]] = []
    last: dict[str, tuple[int, int]] = {}
    for at, message in messages:
        if last.get(message.stage) != (message.state, message.pid):
            last[message.stage] = (message.state, message.pid)
            changes.append({
                'at': at,
                'stage': message.stage,
                'pid': int(message.pid),
                'state': _named(STAGES, message.state),
                'detail': message.detail,
            })  # fmt: skip
    return changes


def _models(messages: Sequence[tuple[float, Any]]) -> list[dict[str, Any]]:
    """Give what inference said last of its models."""
    if not messages:
        return []
    return [
        {
            'name': model.name,
            'stride': int(model.stride),
            'looks': int(model.looks),
            'postponed': int(model.postponed),
            'cost_p50_ms': _finite(model.cost_p50_ms),
            'cost_p99_ms': _finite(model.cost_p99_ms),
            'problem': model.problem,
        }
        for model in messages[-1][1].models
    ]


def _log(messages: Sequence[tuple[float, Any]]) -> list[dict[str, Any]]:
    """Give the last lines of all nodes' logs; what was said again and again once, with how often."""
    counted: Counter[tuple[str, str]] = Counter((message.name, message.msg) for _, message in messages)
    lines, seen = [], set()
    for at, message in messages:
        key = (message.name, message.msg)
        if key not in seen:
            seen.add(key)
            level = LEVELS.get(message.level if isinstance(message.level, int) else message.level[0], 'unknown')
            lines.append({'at': at, 'node': message.name, 'level': level, 'text': message.msg, 'count': counted[key]})
    return lines[-LOG_LINES:]


def _named(names: Sequence[str], number: int) -> str:
    return names[number] if 0 <= number < len(names) else f'unknown {number}'


def _finite(value: float) -> float | None:
    return round(float(value), 3) if math.isfinite(value) else None
