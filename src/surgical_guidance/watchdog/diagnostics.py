"""The facts as ``/diagnostics`` has them: a level, a line and values, for the tools that every robot has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from surgical_guidance.contract import LATENCY_LIMIT_MS, LATENCY_WARNING_MS
from surgical_guidance.watchdog.alarm_table import Priority
from surgical_guidance.watchdog.alarms import Alarm
from surgical_guidance.watchdog.facts import Facts, StageFacts, StageState
from surgical_guidance.watchdog.gpu import GpuFacts
from surgical_guidance.watchdog.latency import LatencyFacts
from surgical_guidance.watchdog.log import AlarmLog
from surgical_guidance.watchdog.picture import PictureFacts
from surgical_guidance.watchdog.state import State
from surgical_guidance.watchdog.surroundings import HOST_ALARMS, Surroundings
from surgical_guidance.watchdog.watch import Outcome


class Level(IntEnum):
    """As in ``DiagnosticStatus.msg``."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One row of ``/diagnostics``."""

    name: str
    level: Level
    message: str
    values: dict[str, str]


def diagnose(outcome: Outcome, alarms: Sequence[Alarm], log: AlarmLog) -> tuple[Diagnosis, ...]:
    """Give all rows. Their names and order stay the same for the life of a watchdog."""
    view = outcome.view
    return (
        _guidance(outcome),
        _latency(view.latency),
        *(_stage(name, facts, starting=view.starting) for name, facts in view.stages.items()),
        *(_topic(name, facts, starting=view.starting) for name, facts in view.topics.items()),
        _picture(view.around.picture),
        _host(view.around),
        _gpu(view.around.host.gpu if view.around.host is not None else None),
        _degradation(outcome.step, view.reduced),
        _clock(view.around.clock),
        _alarms(alarms),
        _log(log),
    )


def rose(before: Sequence[Diagnosis], after: Sequence[Diagnosis]) -> bool:
    """Whether a row got graver, so that it must be told at once. Stale (not heard of yet) is no graver than OK."""
    gravity = {Level.OK: 0, Level.STALE: 0, Level.WARN: 1, Level.ERROR: 2}
    known = {diagnosis.name: gravity[diagnosis.level] for diagnosis in before}
    return any(gravity[diagnosis.level] > known.get(diagnosis.name, 0) for diagnosis in after)


def _guidance(outcome: Outcome) -> Diagnosis:
    level = {
        State.STARTING: Level.STALE,
        State.OK: Level.OK,
        State.DEGRADED: Level.WARN,
        State.INTERRUPTED: Level.ERROR,
        State.FAILED: Level.ERROR,
    }[outcome.state]
    state = outcome.state.name.lower()
    reasons = {f'reason {number}': reason for number, reason in enumerate(outcome.reasons, 1)}
    return Diagnosis('guidance', level, outcome.reasons[0] if outcome.reasons else state, {'state': state} | reasons)


def _latency(facts: LatencyFacts) -> Diagnosis:
    if facts.over_budget:
        level, message = Level.ERROR, f'frames in a row over {LATENCY_LIMIT_MS:.0f} ms'
    elif facts.warning:
        level, message = Level.WARN, f'typically over {LATENCY_WARNING_MS:.0f} ms'
    elif math.isnan(facts.p50_ms):
        level, message = Level.STALE, 'no frame in the last second'
    else:
        level, message = Level.OK, 'within its limits'
    return Diagnosis(
        'latency',
        level,
        message,
        {
            'capture to advice p50 [ms]': f'{facts.p50_ms:.1f}',
            'capture to advice p99 [ms]': f'{facts.p99_ms:.1f}',
            'limit [ms]': f'{LATENCY_LIMIT_MS:.0f}',
            'frames over the limit in a row': str(facts.in_a_row),
            'frames captured': str(facts.captured),
            'frames dropped': str(facts.dropped),
        },
    )


def _stage(name: str, facts: StageFacts, *, starting: bool) -> Diagnosis:
    if not facts.heard:
        level, message = (Level.STALE, 'not heard of yet') if starting else (Level.ERROR, 'never heard of')
    elif facts.dismissed:
        level, message = Level.WARN, facts.state.name.lower()
    elif facts.ended:
        level, message = Level.ERROR, 'its process has ended'
    elif not facts.alive:
        level, message = Level.ERROR, 'no heartbeat'
    elif not facts.valid:
        level, message = Level.ERROR, facts.detail or 'it does not say why'
    elif facts.state is not StageState.ACTIVE:
        level, message = Level.WARN, facts.state.name.lower()
    elif not facts.frequency_ok:
        level, message = Level.WARN, 'its heart beats slowly'
    else:
        level, message = Level.OK, facts.detail or 'active'
    return Diagnosis(
        f'stage {name}',
        level,
        message,
        {
            'alive': str(facts.alive),
            'frequency ok': str(facts.frequency_ok),
            'valid': str(facts.valid),
            'state': facts.state.name.lower(),
            'process': str(facts.pid),
            'silent for [s]': f'{facts.silent_s:.2f}',
            'heartbeats [Hz]': f'{facts.rate:.1f}',
            'done': str(facts.done),
        },
    )


def _topic(name: str, facts: Facts, *, starting: bool) -> Diagnosis:
    if not facts.heard:
        level, message = (Level.STALE, 'nothing came yet') if starting else (Level.ERROR, 'nothing ever came')
    elif not facts.alive:
        level, message = Level.ERROR, 'silent for too long'
    elif not facts.valid:
        level, message = Level.WARN, facts.problem
    elif not facts.frequency_ok:
        level, message = Level.WARN, 'comes too seldom'
    else:
        level, message = Level.OK, 'comes as promised'
    return Diagnosis(
        f'topic {name}',
        level,
        message,
        {
            'alive': str(facts.alive),
            'frequency ok': str(facts.frequency_ok),
            'valid': str(facts.valid),
            'silent for [s]': f'{facts.silent_s:.2f}',
            'limit [s]': f'{facts.limit_s:.2f}',
            'rate [Hz]': f'{facts.rate:.1f}',
            'promised [Hz]': f'{facts.promised:.1f}',
        },
    )


def _picture(facts: PictureFacts) -> Diagnosis:
    wrong = facts.black or facts.frozen
    return Diagnosis(
        'picture',
        Level.ERROR if wrong else Level.OK,
        wrong or 'changes from frame to frame',
        {'frozen': facts.frozen or 'no', 'black': facts.black or 'no'},
    )


def _host(around: Surroundings) -> Diagnosis:
    host = around.host
    if host is None:
        return Diagnosis('host', Level.STALE, 'not looked at yet', {'looked at': 'no'})
    wrong = '; '.join(around.conditions.get(alarm, '') for alarm in HOST_ALARMS if alarm in around.conditions)
    return Diagnosis(
        'host',
        Level.WARN if wrong else Level.OK,
        wrong or 'has what it needs',
        {
            'memory left [MiB]': f'{host.memory_mb:.0f}',
            'shared memory left [MiB]': f'{host.shm_mb:.0f}',
            f'{host.disk} left [MiB]': f'{host.disk_mb:.0f}',
            'hottest sensor [deg C]': f'{host.temperature_c:.1f}',
        },
    )


def _gpu(facts: GpuFacts | None) -> Diagnosis:
    if facts is None:
        return Diagnosis('gpu', Level.OK, 'there is none that tells of itself', {'name': 'none'})
    return Diagnosis(
        'gpu',
        Level.WARN if facts.hot else Level.OK,
        facts.hot or facts.name,
        {
            'temperature [deg C]': f'{facts.temperature_c:.0f}',
            'power [W]': f'{facts.power_w:.1f}',
            'clock [MHz]': f'{facts.clock_mhz:.0f}',
            'memory used [MiB]': f'{facts.memory_used_mb:.0f}',
            'memory left [MiB]': f'{facts.memory_free_mb:.0f}',
            'busy': f'{facts.utilisation:.2f}',
        },
    )


def _degradation(step: int, reduced: str) -> Diagnosis:
    return Diagnosis(
        'degradation', Level.WARN if step else Level.OK, reduced or 'nothing is given up', {'step': str(step)}
    )


def _clock(told: str) -> Diagnosis:
    return Diagnosis('system clock', Level.WARN if told else Level.OK, told or 'steady', {'against': 'CLOCK_MONOTONIC'})


def _alarms(alarms: Sequence[Alarm]) -> Diagnosis:
    active = [alarm for alarm in alarms if alarm.active]
    urgent = any(alarm.definition.priority is Priority.HIGH for alarm in active)
    level = Level.ERROR if urgent else Level.WARN if active else Level.OK
    waiting = sum(not alarm.acknowledged for alarm in alarms)
    return Diagnosis(
        'alarms',
        level,
        active[0].definition.text_en if active else 'none is active',
        {'active': ', '.join(alarm.definition.id for alarm in active), 'not acknowledged': str(waiting)},
    )


def _log(log: AlarmLog) -> Diagnosis:
    return Diagnosis(
        'alarm log',
        Level.OK if log.sound else Level.WARN,
        'is written' if log.sound else 'cannot be written',
        {'file': str(log.path), 'entries lost': str(log.lost)},
    )
