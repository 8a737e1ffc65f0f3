"""The table of alarms: what can be wrong, how urgent that is, and the words for it in Chinese and English.

Priorities after the conventions of IEC 60601-1-8; the choice of priorities and delays is our own proposal and not
clinically validated. ``python -m surgical_guidance.watchdog.alarm_table`` writes the table for ``docs/operations.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    :param meaning: for who operates it: what has happened, and what that does to the guidance.
    :param remedy: what to do.
    """

    id: str
    priority: Priority
    text_zh: str
    text_en: str
    raise_after_s: float
    clear_after_s: float
    meaning: str
    remedy: str


OVER_BUDGET: Final = 'over_budget'
CAMERA_LOST: Final = 'camera_lost'
PICTURE_FROZEN: Final = 'picture_frozen'
PICTURE_BLACK: Final = 'picture_black'
ADVICE_INTERRUPTED: Final = 'advice_interrupted'
LOW_FRAME_RATE: Final = 'low_frame_rate'
FLOODED: Final = 'flooded'
OVERHEATED: Final = 'overheated'
MEMORY_LOW: Final = 'memory_low'
SHM_LOW: Final = 'shm_low'
DISK_LOW: Final = 'disk_low'
ALARM_LOG: Final = 'alarm_log'
RECORDER_LOST: Final = 'recorder_lost'
GUIDANCE_REDUCED: Final = 'guidance_reduced'
STAGE_SLOW: Final = 'stage_slow'
LATENCY_WARNING: Final = 'latency_warning'
MEMORY_GROWTH: Final = 'memory_growth'
CLOCK_STEPPED: Final = 'clock_stepped'
WATCHDOG_RESTARTED: Final = 'watchdog_restarted'
STAGE_LOST: Final = 'stage_lost'
STAGE_ERROR: Final = 'stage_error'
STAGE_RESTARTED: Final = 'stage_restarted'

_TABLE: Final = (
    Definition(
        OVER_BUDGET,
        Priority.HIGH,
        '连续三帧延迟超限，引导可能滞后',
        'Guidance lags: three frames in a row over the latency limit',
        raise_after_s=0.0,
        clear_after_s=1.0,
        meaning=(
            'Capture to advice took more than 80 ms three times in a row. What is outlined is where it was, not '
            'where it is. The context is saved.'
        ),
        remedy=(
            'Do not rely on positions shown. Look for what else uses this machine; take a faster engine or a '
            'smaller model. The degradation ladder acts by itself.'
        ),
    ),
    Definition(
        CAMERA_LOST,
        Priority.HIGH,
        '内窥镜画面丢失',
        'No picture from the endoscope',
        raise_after_s=0.2,  # the state says it at once; a host that is short of processors has gaps of 0.1 s
        clear_after_s=0.5,
        meaning='No frame came for three frame intervals. The state was `INTERRUPTED` 0.2 s before the alarm.',
        remedy='Check the cable and the camera unit. A device or stream is looked for again by itself.',
    ),
    Definition(
        PICTURE_FROZEN,
        Priority.HIGH,
        '内窥镜画面冻结',
        'The picture from the endoscope is frozen',
        raise_after_s=0.2,  # as for a lost camera
        clear_after_s=0.5,
        meaning='Frames come, and all of them are the same picture. Nothing shown is current.',
        remedy=(
            'Check the camera unit and the capture card; restart them. A recording with a still in it does this too.'
        ),
    ),
    Definition(
        PICTURE_BLACK,
        Priority.MEDIUM,
        '内窥镜画面全黑',
        'The picture from the endoscope is black',
        raise_after_s=1.0,  # a scope that is taken out for a moment is no alarm
        clear_after_s=0.5,
        meaning='Frames come, and nothing is on them.',
        remedy='Check the light source and whether the scope is covered or taken out.',
    ),
    Definition(
        ADVICE_INTERRUPTED,
        Priority.MEDIUM,
        '引导信号中断',
        'Advice is interrupted',
        raise_after_s=1.0,  # of which the state's own hold is half: a gap of up to half a second is no alarm
        clear_after_s=0.5,
        meaning='All stages turn, yet nothing current comes: scenes are not valid, or advice does not follow.',
        remedy="See the reason in `status` and the inference stage's log.",
    ),
    Definition(
        LOW_FRAME_RATE,
        Priority.MEDIUM,
        '引导帧率过低',
        'The frame rate of the guidance is low',
        raise_after_s=2.0,
        clear_after_s=2.0,
        meaning='Less than 80 % of the frames that the source promises are advised on.',
        remedy='As for `over_budget`; or the source gives less than it promises.',
    ),
    Definition(
        FLOODED,
        Priority.MEDIUM,
        '引导网络收到异常消息',
        'Somebody floods the topics of the guidance',
        raise_after_s=1.0,
        clear_after_s=2.0,
        meaning='Far more messages come on a topic than our stages send. What they say may be believed.',
        remedy=(
            'Find the other publisher (`ros2 topic info -v`) and end it; give this guidance a `ROS_DOMAIN_ID` of '
            'its own.'
        ),
    ),
    Definition(
        OVERHEATED,
        Priority.MEDIUM,
        '主机过热',
        'The host is too hot',
        raise_after_s=2.0,
        clear_after_s=10.0,
        meaning=(
            'A sensor is at its limit, or the processor or GPU slows itself down. The degradation ladder gives '
            'work up meanwhile.'
        ),
        remedy='Check fans, filters and the room; take load off the host.',
    ),
    Definition(
        MEMORY_LOW,
        Priority.MEDIUM,
        '主机内存不足',
        'The host runs out of memory',
        raise_after_s=2.0,
        clear_after_s=5.0,
        meaning='Less than 300 MiB of memory can be had. The kernel may end processes soon.',
        remedy='End what else runs on this host; see `memory_growth`.',
    ),
    Definition(
        SHM_LOW,
        Priority.MEDIUM,
        '共享内存不足',
        'Shared memory runs out',
        raise_after_s=2.0,
        clear_after_s=5.0,
        meaning=(
            'Less than 8 MiB are free in `/dev/shm`. The ring of a running camera is safe; a camera or process '
            'that starts may find no room.'
        ),
        remedy=(
            'Make it larger (`mount -o remount,size=512m /dev/shm`, `docker run --shm-size`). What dead processes'
            ' left is removed by itself.'
        ),
    ),
    Definition(
        DISK_LOW,
        Priority.MEDIUM,
        '磁盘空间不足',
        'The disk is nearly full',
        raise_after_s=2.0,
        clear_after_s=5.0,
        meaning=(
            'Less than 500 MiB are free where the alarm log and the evidence are kept. Guidance goes on; evidence'
            ' may be lost.'
        ),
        remedy='Make room. The oldest evidence is kept, newer may not be written.',
    ),
    Definition(
        ALARM_LOG,
        Priority.MEDIUM,
        '报警日志无法写入',
        'The alarm log cannot be written',
        raise_after_s=0.5,  # one failure to write may be a moment
        clear_after_s=1.0,
        meaning='Alarms go on; the record of them has a gap, which the log itself tells when it can be written again.',
        remedy='Check disk and permissions of `log_directory`.',
    ),
    Definition(
        RECORDER_LOST,
        Priority.MEDIUM,
        '记录器故障，证据无法保存',
        'The recorder fails: no evidence is kept',
        raise_after_s=0.0,
        clear_after_s=1.0,
        meaning=(
            'The flight recorder is gone, hangs, or says that it cannot write (disk full, no permission). Guidance '
            'goes on; what happens now may leave no evidence.'
        ),
        remedy='The detail says why. Make room or mend the folder; a recorder that died is started again by itself.',
    ),
    Definition(
        GUIDANCE_REDUCED,
        Priority.LOW,
        '引导已降级运行',
        'Guidance runs reduced',
        raise_after_s=0.0,
        clear_after_s=2.0,
        meaning=(
            'Under load or heat the watchdog asked inference to give something up, ordinary models first '
            '(docs/models.md, the ladder). Nothing safety-relevant is dropped.'
        ),
        remedy='See the reason in `status`. It goes back by itself when there is room.',
    ),
    Definition(
        STAGE_SLOW,
        Priority.LOW,
        '处理环节耗时超限',
        'A stage takes longer than its share',
        raise_after_s=0.0,
        clear_after_s=2.0,
        meaning='Three frames in a row one stage was over its own budget, though the whole may still be in time.',
        remedy='As for `latency_warning`: the detail names the stage.',
    ),
    Definition(
        LATENCY_WARNING,
        Priority.LOW,
        '引导延迟接近上限',
        'The latency of the guidance is near its limit',
        raise_after_s=1.0,
        clear_after_s=2.0,
        meaning='The typical frame takes over 50 ms from capture to advice.',
        remedy='Act before it becomes 80: see what else uses this machine.',
    ),
    Definition(
        MEMORY_GROWTH,
        Priority.LOW,
        '进程内存持续增长',
        'A process takes ever more memory',
        raise_after_s=0.0,
        clear_after_s=5.0,
        meaning='A process of the guidance has far more memory than when it had settled.',
        remedy='Plan a restart of that process; keep its log. Report it.',
    ),
    Definition(
        CLOCK_STEPPED,
        Priority.LOW,
        '系统时钟被调整',
        'The system clock was set',
        raise_after_s=0.0,
        clear_after_s=1.0,
        meaning=(
            'The system clock jumped. No age or deadline depends on it; stamps before and after are not one time line.'
        ),
        remedy='Let a time daemon slew it (chrony: `makestep` only at start). Mind the jump when reading records.',
    ),
    Definition(
        WATCHDOG_RESTARTED,
        Priority.LOW,
        '监护进程曾重启',
        'The watchdog was restarted',
        raise_after_s=0.0,
        clear_after_s=1.0,
        meaning='The watchdog had died and was started again. Alarms that nobody had acknowledged stand again.',
        remedy='Keep its log. For as long as it was away the pages said "no guidance".',
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
        meaning=(
            'Its process ended, or its heart stopped, or it hung and was ended. It is started again by itself, a '
            'few times.'
        ),
        remedy="Work without guidance. See the process's log for why it ended; if it does not come back, start it.",
    ),
    Definition(
        STAGE_ERROR,
        Priority.HIGH,
        '{zh}模块故障',
        'The {en} stage cannot work',
        raise_after_s=0.0,
        clear_after_s=0.5,
        meaning='It runs and says that it cannot do its work.',
        remedy='The detail names the fault and where it is. A camera looks for its device by itself.',
    ),
    Definition(
        STAGE_RESTARTED,
        Priority.LOW,
        '{zh}模块曾重启',
        'The {en} stage was restarted',
        raise_after_s=0.0,
        clear_after_s=1.0,
        meaning='It was lost and works again, as a new process.',
        remedy='Keep its log; if it comes again, find out why before the next operation.',
    ),
)

_STAGE_NAMES: Final = {
    'camera': ('摄像', 'camera'),
    'inference': ('识别', 'inference'),
    'advice': ('建议', 'advice'),
    'relay': ('转发', 'relay'),
}


def stage_alarm(kind: str, stage: str) -> str:
    """Give the id of an alarm that every stage has its own of, such as :data:`STAGE_LOST`."""
    return f'{kind}.{stage}'


def alarm_table(stages: Sequence[str]) -> dict[str, Definition]:
    """Give every alarm there is, by id, for the stages that are watched."""
    rows = list(_TABLE)
    for stage in stages:
        zh, en = _STAGE_NAMES[stage]
        rows += (
            replace(
                row, id=stage_alarm(row.id, stage), text_zh=row.text_zh.format(zh=zh), text_en=row.text_en.format(en=en)
            )
            for row in _STAGE_TABLE
        )
    return {row.id: row for row in rows}


def as_markdown() -> str:
    """Give every alarm as ``docs/operations.md`` shows them: what it means and what to do, the most urgent first."""
    rows = [*_TABLE, *(replace(row, id=f'{row.id}.<stage>') for row in _STAGE_TABLE)]
    lines = []
    for row in sorted(rows, key=lambda row: -row.priority):
        zh, en = row.text_zh.format(zh='摄像'), row.text_en.format(en='camera')
        delay = f'after {row.raise_after_s:g} s' if row.raise_after_s else 'at once'
        lines += [
            f'### `{row.id}`',
            '',
            f'**{row.priority.name.lower()}**, raised {delay}: {en} / {zh}',
            '',
            row.meaning,
            '',
            f'*What to do.* {row.remedy}',
            '',
        ]
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.stdout.write(as_markdown())
