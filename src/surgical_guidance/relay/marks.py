"""Marks drawn into the picture: taken from pages, given to the topic, and from the topic to all pages.

A page's mark goes out on the topic and comes back like anybody's: what people see on the pages is what the operating
room's overlay got. The author is who the connection belongs to; the page is not asked.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from surgical_guidance.annotations import (
    MAX_ID,
    MAX_LIFETIME_S,
    MAX_POINTS,
    MAX_TEXT,
    Annotation,
    Board,
    Kind,
    Standing,
    is_alarm_colour,
)
from surgical_guidance.clock import NS_PER_MS, monotonic_ns
from surgical_guidance.errors import GuidanceError
from surgical_guidance.relay.clients import Client
from surgical_guidance.relay.facts import FrameFact, Json
from surgical_guidance.relay.ops import Message
from surgical_guidance.relay.security import Principal, Role

KEPT_FRAMES = 18_000  # that can be drawn on: ten minutes at 30 Hz, for who freezes the picture and thinks
NEAR_NS = 2 * NS_PER_MS  # a capture time that went over RTP's clock is this near
CLEARS_ALL = frozenset({Role.SURGEON, Role.ADMIN})

Share = Annotated[float, Field(ge=0, le=1)]


class Drawing(BaseModel):
    """What a page says: ``docs/console.md``, "The socket"."""

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False)

    op: Literal['annotate']
    id: Annotated[str, Field(max_length=MAX_ID, pattern=r'^[A-Za-z0-9-]*$')] = ''
    kind: Literal['freehand', 'arrow', 'circle', 'text', 'pointer', 'clear']
    frame_sequence: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    captured_ms: Annotated[float, Field(ge=0)] | None = None
    points: Annotated[list[Share], Field(max_length=2 * MAX_POINTS)] = []
    text: Annotated[str, Field(max_length=MAX_TEXT)] = ''
    color: Annotated[str, Field(pattern=r'^#[0-9a-f]{6}$')] = '#ffffff'
    lifetime_s: Annotated[float, Field(ge=0.5, le=MAX_LIFETIME_S)] = 10.0
    everybody: bool = False


class Marks:
    """Both directions. Belongs to the loop's thread.

    :param send: publishes a mark.
    :param stamp_ns: gives ROS time at a monotonic instant.
    """

    def __init__(self, send: Callable[[Annotation], None], stamp_ns: Callable[[int], int]) -> None:
        self._send = send
        self._stamp_ns = stamp_ns
        self._board = Board()
        self._frames: OrderedDict[int, FrameFact] = OrderedDict()  # by sequence, the newest last

    def on_frame(self, frame: FrameFact) -> None:
        """Note a frame that may be drawn on."""
        self._frames.pop(frame.sequence, None)  # a camera that restarts counts from 1 again
        self._frames[frame.sequence] = frame
        if len(self._frames) > KEPT_FRAMES:
            self._frames.popitem(last=False)

    def draw(self, principal: Principal, _client: Client, message: Message) -> None:
        """Publish what a page drew.

        :raises GuidanceError: if it may not be drawn.
        """
        try:
            drawing = Drawing.model_validate(message)
        except ValidationError as error:
            first = error.errors()[0]
            raise GuidanceError(first['msg'], where='.'.join(str(part) for part in first['loc'])) from error
        kind = Kind[drawing.kind.upper()]
        if kind is Kind.CLEAR:
            self._clear(principal, everybody=drawing.everybody)
            return
        color = int(drawing.color[1:], 16)
        if is_alarm_colour(color):
            raise GuidanceError('red, yellow and cyan are for alarms alone', where='color')
        frame = self._drawn_on(drawing)
        if frame is None:
            raise GuidanceError('this picture is too old to draw on, or was never sent', where='frame_sequence')
        try:
            mark = Annotation(
                drawing.id,
                principal.name,
                kind,
                frame.sequence,
                frame.stamp_ns,
                tuple(drawing.points),
                drawing.text,
                color,
                drawing.lifetime_s,
            )
        except ValueError as error:
            raise GuidanceError(str(error), where='annotate') from error
        self._send(mark)

    def take(self, mark: Annotation) -> Json:
        """Take a mark from the topic; give what the pages are told."""
        now_ns = monotonic_ns()
        self._board.put(mark, now_ns, self._stamp_ns(now_ns))
        if mark.removes:
            return {'author': mark.author, 'id': '' if mark.kind is Kind.CLEAR else mark.id, 'kind': 'clear'}
        return _json(next(one for one in reversed(self._board.standing(now_ns)) if one.mark is mark))

    def standing(self) -> list[Json]:
        """List what is to be seen now, for a page that joins."""
        return [_json(one) for one in self._board.standing(monotonic_ns())]

    def _drawn_on(self, drawing: Drawing) -> FrameFact | None:
        """Find the frame by its sequence, or, where a page does not know that (video), by its capture time."""
        if drawing.frame_sequence is not None:
            return self._frames.get(drawing.frame_sequence)
        if drawing.captured_ms is None:
            return None
        at_ns = drawing.captured_ms * NS_PER_MS + NEAR_NS
        frame = next((frame for frame in reversed(self._frames.values()) if frame.monotonic_ns <= at_ns), None)
        return frame if frame is not None and frame.monotonic_ns >= at_ns - 2 * NEAR_NS else None

    def _clear(self, principal: Principal, *, everybody: bool) -> None:
        if everybody and principal.role not in CLEARS_ALL:
            raise GuidanceError(f'a {principal.role} may clear only their own marks', where='everybody')
        for author in self._board.authors() if everybody else (principal.name,):
            self._send(Annotation('', author, Kind.CLEAR, 0, self._stamp_ns(monotonic_ns())))


def _json(one: Standing) -> Json:
    mark = one.mark
    return {
        'author': mark.author,
        'id': mark.id,
        'kind': mark.kind.name.lower(),
        'frame_sequence': mark.frame_sequence,
        'behind_ms': round(one.behind_s * 1000),
        'points': list(mark.points),
        'text': mark.text,
        'color': f'#{mark.color:06x}',
        'remaining_ms': round(one.remaining_s * 1000) if math.isfinite(one.remaining_s) else None,
    }
