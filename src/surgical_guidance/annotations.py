"""Marks that people draw into the picture: what one may hold, and which stand at an instant.

Used at both ends of the topic: by the relay, which takes them from pages, and by the operating room's overlay. Bounds
are here and nowhere else, so that what the one lets through the other can draw.
"""

from __future__ import annotations

import colorsys
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from surgical_guidance.clock import NS_PER_S, from_time

MAX_POINTS: Final = 256  # of one mark; a page thins a longer stroke out
MAX_TEXT: Final = 80  # characters
MAX_NAME: Final = 64  # characters of an author's name
MAX_ID: Final = 64  # characters
MAX_LIFETIME_S: Final = 300.0
MAX_MARKS: Final = 64  # of one author; the oldest goes
MAX_AUTHORS: Final = 64
FADING_S: Final = 2.0  # the last of a mark's life, in which it fades

_COLOURFUL: Final = 0.35  # saturation and value above which a hue is seen as such
_ALARM_HUES: Final = ((345, 20), (40, 70), (170, 200))  # degrees: red, yellow, cyan


class Kind(IntEnum):
    """As in ``Annotation.msg``."""

    FREEHAND = 0
    ARROW = 1
    CIRCLE = 2
    TEXT = 3
    POINTER = 4
    CLEAR = 5


POINTS: Final = {
    Kind.FREEHAND: range(1, MAX_POINTS + 1),
    Kind.ARROW: range(2, 3),  # from, to
    Kind.CIRCLE: range(2, 3),  # centre, a point of the rim
    Kind.TEXT: range(1, 2),  # left end, middle of the line's height
    Kind.POINTER: range(1, 2),
    Kind.CLEAR: range(1),
}
"""How many points each kind has. A mark of any kind without points takes back the mark of the same id."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One mark.

    :param id: the same id of the same author replaces the mark.
    :param frame_sequence: of the frame drawn on.
    :param stamp_ns: capture of that frame, ROS time.
    :param points: x0, y0, x1, y1, ... as shares of the picture's width and height, 0 to 1.
    :param color: 0xRRGGBB.
    :param lifetime_s: fades away after this; 0: stays until it is cleared.
    :raises ValueError: if it is more or other than a mark may be.
    """

    id: str
    author: str
    kind: Kind
    frame_sequence: int
    stamp_ns: int
    points: tuple[float, ...] = ()
    text: str = ''
    color: int = 0xFFFFFF
    lifetime_s: float = 0.0

    def __post_init__(self) -> None:
        count, odd = divmod(len(self.points), 2)
        if odd or (count and count not in POINTS[self.kind]):
            raise ValueError(f'a mark of kind {self.kind.name} has no {len(self.points)} coordinates')
        if not all(0 <= value <= 1 for value in self.points):
            raise ValueError('a mark lies outside the picture')
        if not self.author or len(self.author) > MAX_NAME or len(self.id) > MAX_ID or len(self.text) > MAX_TEXT:
            raise ValueError('a mark has no author, or more text than it may have')
        if not all(part.isprintable() for part in (self.id, self.author, self.text)):
            raise ValueError('a mark has characters that cannot be shown')
        if not 0 <= self.lifetime_s <= MAX_LIFETIME_S:
            raise ValueError(f'a mark stays for {self.lifetime_s:g} s, and may for {MAX_LIFETIME_S:g} s')
        if not 0 <= self.color <= 0xFFFFFF:
            raise ValueError('a mark has no colour')

    @classmethod
    def from_message(cls, message: Any) -> Annotation:
        """Take an ``Annotation`` message by its fields. A colour that belongs to alarms becomes white.

        :raises ValueError: if it is more or other than a mark may be.
        """
        return cls(
            message.id,
            message.author,
            Kind(message.kind),
            message.frame_sequence,
            from_time(message.header.stamp),
            tuple(round(float(value), 4) for value in message.points),
            message.text,
            0xFFFFFF if is_alarm_colour(message.color) else message.color,
            round(float(message.lifetime_s), 3),
        )

    @property
    def removes(self) -> bool:
        """Whether it takes marks away instead of adding one."""
        return self.kind is Kind.CLEAR or not self.points


def is_alarm_colour(color: int) -> bool:
    """Tell whether a colour (0xRRGGBB) would be taken for red, yellow or cyan: those are for alarms alone."""
    red, green, blue = (color >> 16 & 255) / 255, (color >> 8 & 255) / 255, (color & 255) / 255
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    degrees = hue * 360
    seen = saturation > _COLOURFUL and value > _COLOURFUL
    return seen and any(
        low <= degrees <= high if low < high else degrees >= low or degrees <= high for low, high in _ALARM_HUES
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """A mark that is to be seen.

    :param strength: 1, falling to 0 while it fades.
    :param remaining_s: until it is gone; infinite where it stays.
    :param behind_s: how old the frame was when the mark came [s]: the mark of a still is not about what is seen now.
    """

    mark: Annotation
    strength: float
    remaining_s: float
    behind_s: float


class Board:
    """The marks that stand. Holds a bounded number; instants are monotonic [ns]."""

    def __init__(self) -> None:
        self._authors: OrderedDict[str, OrderedDict[str, tuple[Annotation, int, float]]] = OrderedDict()

    def put(self, mark: Annotation, now_ns: int, now_stamp_ns: int) -> None:
        """Take a mark in, or what takes marks away.

        :param now_stamp_ns: now in ROS time, to tell how old the frame is.
        """
        marks = self._authors.setdefault(mark.author, OrderedDict())
        self._authors.move_to_end(mark.author)
        before = marks.pop(mark.id, None)
        if mark.kind is Kind.CLEAR:
            marks.clear()
        elif mark.points:
            same = before is not None and before[0].frame_sequence == mark.frame_sequence
            behind_s = before[2] if before is not None and same else max(0, now_stamp_ns - mark.stamp_ns) / NS_PER_S
            marks[mark.id] = (mark, now_ns, behind_s)
        while len(marks) > MAX_MARKS:
            marks.popitem(last=False)
        if not marks:
            del self._authors[mark.author]
        while len(self._authors) > MAX_AUTHORS:
            self._authors.popitem(last=False)

    def standing(self, now_ns: int) -> list[Standing]:
        """List what is to be seen, the oldest first, and forget what is over."""
        found = []
        for author, marks in list(self._authors.items()):
            for key, (mark, put_ns, behind_s) in list(marks.items()):
                remaining_s = mark.lifetime_s - (now_ns - put_ns) / NS_PER_S if mark.lifetime_s else math.inf
                if remaining_s <= 0:
                    del marks[key]
                    continue
                strength = min(1.0, remaining_s / min(FADING_S, mark.lifetime_s or FADING_S))
                found.append((put_ns, Standing(mark, strength, remaining_s, behind_s)))
            if not marks:
                del self._authors[author]
        return [one for _, one in sorted(found, key=lambda item: item[0])]

    def authors(self) -> Sequence[str]:
        """Name those who have marks on the board."""
        return tuple(self._authors)
