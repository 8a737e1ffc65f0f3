"""The watchdog's own messages, from what it thinks."""

from __future__ import annotations

from collections.abc import Sequence

from surgical_guidance_msgs.msg import Alarm as AlarmMessage
from surgical_guidance_msgs.msg import GuidanceStatus

from surgical_guidance.clock import to_time
from surgical_guidance.contract import TIMING
from surgical_guidance.watchdog.alarms import Alarm
from surgical_guidance.watchdog.audio import NO_PAUSE, Pause
from surgical_guidance.watchdog.watch import Outcome


def alarm_message(alarm: Alarm) -> AlarmMessage:
    """Give the message of an alarm."""
    return AlarmMessage(
        raised_at=to_time(alarm.raised_ns),
        cleared_at=to_time(alarm.cleared_ns),
        id=alarm.definition.id,
        priority=int(alarm.priority),
        active=alarm.active,
        acknowledged=alarm.acknowledged,
        acknowledged_by=alarm.acknowledged_by,
        acknowledged_at=to_time(alarm.acknowledged_ns),
        escalated=alarm.escalated,
        text_zh=alarm.definition.text_zh,
        text_en=alarm.definition.text_en,
        detail=alarm.detail,
        count=alarm.count,
    )


def status_message(
    outcome: Outcome, alarms: Sequence[Alarm], stamp_ns: int, *, step: int = 0, pause: Pause = NO_PAUSE
) -> GuidanceStatus:
    """Give the message of the state of the whole guidance.

    :param step: of the degradation ladder.
    :param pause: of the alarm sounds.
    """
    timing = outcome.view.topics.get(TIMING.name)
    latency = outcome.view.latency
    return GuidanceStatus(
        stamp=to_time(stamp_ns),
        state=int(outcome.state),
        reasons=list(outcome.reasons),
        frame_rate=float(timing.rate) if timing is not None else 0.0,
        latency_p50_ms=float(latency.p50_ms),
        latency_p99_ms=float(latency.p99_ms),
        dropped=int(latency.dropped),
        degradation_step=step,
        audio_paused_until=to_time(pause.until_stamp_ns),
        audio_paused_by=pause.by,
        alarms=[alarm_message(alarm) for alarm in alarms],
    )
