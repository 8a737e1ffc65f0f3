"""Which frames are worth a picture: the worst, those in the middle, the best; without truth, some from everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from surgical_guidance.evaluation.tally import FrameRecord, Tally

WORST, MEDIAN, BEST, SPREAD = 8, 3, 3, 16

_APART_S = 1.0  # pictures of one take that are closer together than this look the same


@dataclass(frozen=True, slots=True)
class Selection:
    """Frames for one part of the report.

    :param name: ``worst``, ``median``, ``best``, or ``spread``.
    """

    name: str
    frames: tuple[FrameRecord, ...]


def select(sums: Tally) -> list[Selection]:
    """Choose the frames. None is in two groups, and none is less than a second from another one of its take."""
    records = [record for take in sums.takes for record in take.frames]
    scored = sorted(
        (record for record in records if not math.isnan(record.score)),
        key=lambda record: (record.score, record.take, record.index),
    )
    if not scored:
        step = max(1, math.ceil(len(records) / SPREAD))
        return [Selection('spread', tuple(records[step // 2 :: step]))]
    chooser = _Chooser(sums)
    middle = len(scored) // 2
    around = [scored[place] for place in sorted(range(len(scored)), key=lambda place: abs(place - middle))]
    groups = [
        Selection('worst', chooser.take(scored, WORST)),
        Selection('best', chooser.take(reversed(scored), BEST)),
        Selection('median', chooser.take(around, MEDIAN)),
    ]
    return [group for group in (groups[0], groups[2], groups[1]) if group.frames]


class _Chooser:
    """Takes frames from the front of a list, but none that looks like one it took before."""

    def __init__(self, sums: Tally) -> None:
        self._apart = [_APART_S * take.rate for take in sums.takes]
        self._positions = {
            (record.take, record.index): position for take in sums.takes for position, record in enumerate(take.frames)
        }
        self._taken: dict[int, list[int]] = {}

    def take(self, records: Iterable[FrameRecord], count: int) -> tuple[FrameRecord, ...]:
        chosen: list[FrameRecord] = []
        for record in records:
            if len(chosen) == count:
                break
            position = self._positions[record.take, record.index]
            others = self._taken.setdefault(record.take, [])
            if all(abs(position - other) > self._apart[record.take] for other in others):
                others.append(position)
                chosen.append(record)
        return tuple(chosen)
