"""The table of alarms: what can be wrong, how urgent that is, and the words for it in Chinese and English.

Priorities after the conventions of IEC 60601-1-8; the choice of priorities and delays is our own proposal and not
clinically validated. docs/watchdog.md tells what to do about each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Priority(IntEnum):
    """As in ``Alarm.msg``."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


@dataclass(frozen=True, slots=True)
class Definition:
    """One row of the table.

    :param id: of the alarm; a row for every stage has the stage's name after a dot.
    :param raise_after_s: the condition must have lasted this long [s]: the lower the priority, the longer.
    :param clear_after_s: it must have been gone this long [s], so that a condition that comes and goes is one alarm.
    """

    id: str
    priority: Priority
    text_zh: str
    text_en: str
    raise_after_s: float
    clear_after_s: float


OVER_BUDGET: Final = 'over_budget'
CAMERA_LOST: Final = 'camera_lost'
STAGE_LOST: Final = 'stage_lost'
STAGE_ERROR: Final = 'stage_error'
ADVICE_INTERRUPTED: Final = 'advice_interrupted'
LOW_FRAME_RATE: Final = 'low_frame_rate'
LATENCY_WARNING: Final = 'latency_warning'

_TABLE: Final = (
    Definition(
        OVER_BUDGET,
        Priority.HIGH,
        '连续三帧延迟超限，引导可能滞后',
        'Guidance lags: three frames in a row over the latency limit',
        raise_after_s=0.0,
        clear_after_s=1.0,
    ),
    Definition(
        CAMERA_LOST,
        Priority.HIGH,
        '内窥镜画面丢失',
        'No picture from the endoscope',
        raise_after_s=0.2,  # the state says it at once; a host that is short of processors has gaps of 0.1 s
        clear_after_s=0.5,
    ),
    Definition(
        ADVICE_INTERRUPTED,
        Priority.MEDIUM,
        '引导信号中断',
        'Advice is interrupted',
        raise_after_s=1.0,  # of which the state's own hold is half: a gap of up to half a second is no alarm
        clear_after_s=0.5,
    ),
    Definition(
        LOW_FRAME_RATE,
        Priority.MEDIUM,
        '引导帧率过低',
        'The frame rate of the guidance is low',
        raise_after_s=2.0,
        clear_after_s=2.0,
    ),
    Definition(
        LATENCY_WARNING,
        Priority.LOW,
        '引导延迟接近上限',
        'The latency of the guidance is near its limit',
        raise_after_s=1.0,
        clear_after_s=2.0,
    ),
)

_STAGE_TABLE: Final = (
    Definition(
        STAGE_LOST,
        Priority.HIGH,
        '{zh}模块失去响应',
        'The {en} stage is gone',
        raise_after_s=0.0,
        clear_after_s=0.5,
    ),
    Definition(
        STAGE_ERROR,
        Priority.HIGH,
        '{zh}模块故障',
        'The {en} stage cannot work',
        raise_after_s=0.0,
        clear_after_s=0.5,
    ),
)

_STAGE_NAMES: Final = {
    'camera': ('摄像', 'camera'),
    'inference': ('识别', 'inference'),
    'advice': ('建议', 'advice'),
    'relay': ('转发', 'relay'),
}


def stage_alarm(kind: str, stage: str) -> str:
    """Give the id of an alarm that every stage has its own of: :data:`STAGE_LOST` or :data:`STAGE_ERROR`."""
    return f'{kind}.{stage}'


def alarm_table(stages: Sequence[str]) -> dict[str, Definition]:
    """Give every alarm there is, by id, for the stages that are watched."""
    rows = list(_TABLE)
    for stage in stages:
        zh, en = _STAGE_NAMES[stage]
        rows += (
            Definition(
                stage_alarm(row.id, stage),
                row.priority,
                row.text_zh.format(zh=zh),
                row.text_en.format(en=en),
                row.raise_after_s,
                row.clear_after_s,
            )
            for row in _STAGE_TABLE
        )
    return {row.id: row for row in rows}
