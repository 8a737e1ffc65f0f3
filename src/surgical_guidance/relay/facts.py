"""What the relay knows, as plain data.

Instants are ``_ns`` on ``CLOCK_MONOTONIC`` unless the name says ``stamp``: those are ROS time. ``json`` fields hold
what goes to the page as it is; nothing here thinks about their contents.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

Json = dict[str, Any]


class AdviceStatus(IntEnum):
    """As in ``Suggestion.msg``."""

    NONE = 0
    VALID = 1
    INTERRUPTED = 2
    WITHDRAWN = 3


class GuidanceState(IntEnum):
    """As in ``GuidanceStatus.msg``."""

    STARTING = 0
    OK = 1
    DEGRADED = 2
    INTERRUPTED = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class FrameFact:
    """One frame the camera announced: what ``FrameRef`` says.

    :param rate: pictures per second the source promises [Hz]; 0 where it does not say.
    """

    sequence: int
    stamp_ns: int
    monotonic_ns: int
    ring: str
    slot: int
    rate: float


@dataclass(frozen=True, slots=True)
class SceneFact:
    """What is seen in the frame with this sequence and this capture time.

    :param outside: the endoscope is out of the body; None: it does not say.
    """

    sequence: int
    monotonic_ns: int
    json: Json
    outside: bool | None = None


@dataclass(frozen=True, slots=True)
class AdviceFact:
    """The suggestion as the advice stage last told it.

    :param sequence: its identity; updates of one suggestion keep it.
    :param frame_sequence: the frame that confirmed it last; ``path`` is drawn over this frame and no other.
    :param path: x0, y0, x1, y1, ... [px]; empty where there is none.
    :param arrow: x0, y0, x1, y1 [px]: a direction in that frame; empty where there is none.
    """

    sequence: int
    frame_sequence: int
    status: AdviceStatus
    reason: str
    stamp_ns: int
    raised_stamp_ns: int
    valid_until_stamp_ns: int
    path: tuple[float, ...]
    json: Json
    arrow: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmFact:
    """One alarm condition as the watchdog last told it."""

    id: str
    priority: int
    active: bool
    acknowledged: bool
    count: int
    json: Json

    @property
    def over(self) -> bool:
        """Whether nobody needs to see it any more."""
        return not self.active and self.acknowledged


@dataclass(frozen=True, slots=True)
class StatusFact:
    """The state of the whole guidance as the watchdog sees it."""

    state: GuidanceState
    reasons: tuple[str, ...]
    alarms: tuple[AlarmFact, ...]
    json: Json


@dataclass(frozen=True, slots=True)
class TimingFact:
    """Milliseconds spent on one frame, by stage."""

    stages: dict[str, float] = field(default_factory=dict)
