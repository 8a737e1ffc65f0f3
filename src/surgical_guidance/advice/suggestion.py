"""The one piece of advice shown at a time, the same as ``surgical_guidance_msgs/Suggestion`` field by field."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from surgical_guidance.scene.state import StageTime


class Status(IntEnum):
    """How a suggestion stands."""

    NONE = 0  # perception works and no rule speaks
    VALID = 1
    INTERRUPTED = 2  # perception stopped confirming it
    WITHDRAWN = 3  # no longer holds


class Priority(IntEnum):
    """After the conventions of IEC 60601-1-8."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Response(IntEnum):
    """The surgeon's answer, as in ``RespondToSuggestion.srv``."""

    ACCEPT = 0
    REJECT = 1
    NOT_NOW = 2


class Evidence(NamedTuple):
    """One measured value that a suggestion rests on. ``sigma`` is NaN where it is not known."""

    name: str
    value: float
    sigma: float
    unit: str


class Suggestion(NamedTuple):
    """One state of one suggestion.

    :param stamp_ns: capture of the frame this state was derived from, ROS time [ns]; 0 before the first frame.
    :param frame_sequence: of the last frame that confirmed it.
    :param sequence: identity, from 1; 0 where no rule speaks.
    :param reason: why it is interrupted or withdrawn.
    :param highlight_path: a way to show, ``x0, y0, x1, y1, ...`` [px].
    :param highlight_arrow: a direction to show, ``x0, y0, x1, y1`` [px].
    :param raised_at_ns: capture of the frame that raised it [ns].
    :param valid_until_ns: after this it must not be shown as advice any more [ns].
    :param interrupted_at_ns: since when it is not confirmed [ns]; 0 unless interrupted.
    """

    stamp_ns: int
    frame_sequence: int
    sequence: int = 0
    rule_id: str = ''
    priority: Priority = Priority.NONE
    status: Status = Status.NONE
    text_zh: str = ''
    text_en: str = ''
    reason: str = ''
    evidence: tuple[Evidence, ...] = ()
    highlight_class: str = ''
    highlight_path: tuple[float, ...] = ()
    highlight_arrow: tuple[float, ...] = ()
    raised_at_ns: int = 0
    valid_until_ns: int = 0
    interrupted_at_ns: int = 0
    stages: tuple[StageTime, ...] = ()
