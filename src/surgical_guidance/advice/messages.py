"""``Suggestion`` to and from its message, field by field."""

from __future__ import annotations

from array import array

from std_msgs.msg import Header
from surgical_guidance_msgs import msg as messages

from surgical_guidance import clock
from surgical_guidance.advice.suggestion import Evidence, Priority, Status, Suggestion
from surgical_guidance.contract import OPTICAL_FRAME
from surgical_guidance.scene.messages import stages_from_message, stages_to_message


def to_message(suggestion: Suggestion) -> messages.Suggestion:
    """Give a suggestion as a message."""
    return messages.Suggestion(
        header=Header(stamp=clock.to_time(suggestion.stamp_ns), frame_id=OPTICAL_FRAME),
        frame_sequence=suggestion.frame_sequence,
        sequence=suggestion.sequence,
        rule_id=suggestion.rule_id,
        priority=int(suggestion.priority),
        status=int(suggestion.status),
        text_zh=suggestion.text_zh,
        text_en=suggestion.text_en,
        reason=suggestion.reason,
        evidence=[
            messages.Evidence(
                name=evidence.name, value=float(evidence.value), sigma=float(evidence.sigma), unit=evidence.unit
            )
            for evidence in suggestion.evidence
        ],
        highlight_class=suggestion.highlight_class,
        highlight_path=array('f', suggestion.highlight_path),
        highlight_arrow=array('f', suggestion.highlight_arrow),
        raised_at=clock.to_time(suggestion.raised_at_ns),
        valid_until=clock.to_time(suggestion.valid_until_ns),
        interrupted_at=clock.to_time(suggestion.interrupted_at_ns),
        stages=stages_to_message(suggestion.stages),
    )


def from_message(message: messages.Suggestion) -> Suggestion:
    """Give a message as a suggestion.

    :raises ValueError: if its status or priority is none that is known.
    """
    return Suggestion(
        stamp_ns=clock.from_time(message.header.stamp),
        frame_sequence=message.frame_sequence,
        sequence=message.sequence,
        rule_id=message.rule_id,
        priority=Priority(message.priority),
        status=Status(message.status),
        text_zh=message.text_zh,
        text_en=message.text_en,
        reason=message.reason,
        evidence=tuple(
            Evidence(evidence.name, evidence.value, evidence.sigma, evidence.unit) for evidence in message.evidence
        ),
        highlight_class=message.highlight_class,
        highlight_path=tuple(message.highlight_path),
        highlight_arrow=tuple(message.highlight_arrow),
        raised_at_ns=clock.from_time(message.raised_at),
        valid_until_ns=clock.from_time(message.valid_until),
        interrupted_at_ns=clock.from_time(message.interrupted_at),
        stages=stages_from_message(message.stages),
    )
