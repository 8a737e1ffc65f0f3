"""Blood over time: whether it spreads, how fast, and where it seems to come from.

The area is compared with that of moments before, only where no instrument is or was in front: an instrument that moves
aside does not make blood grow. The median over several moments is the rate, so that one bad frame does not count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import INSTRUMENT_CLASSES
from surgical_guidance.scene.compiled import spread
from surgical_guidance.scene.regions import among, plain
from surgical_guidance.scene.state import NAN, Segmentation, Structure

BLOOD = 'blood'

WINDOW_S = 0.6
"""How far back the area is compared [s] [I]: blood that wells up covers 1 % of the picture in a second."""

_ROWS = 54  # of the map that is remembered
_SPACING_S = 0.11  # of the moments that are remembered
_NEAREST_S = 0.08  # a moment nearer than this tells noise
_FEWEST = 2  # moments to compare with
_OLD = 0.9  # of the age of the oldest blood: this is where it came from


@dataclass(slots=True)
class _Then:
    time_s: float
    blood: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    any: bool = False


class BloodMeter:
    """Follows the blood of one session."""

    def __init__(self) -> None:
        self._past: deque[_Then] = deque()
        self._age: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._time_s = 0.0

    def reset(self) -> None:
        """Forget: another scene begins."""
        self._past.clear()
        self._age = np.empty((0, 0), np.float32)

    def follow(
        self, structures: Iterable[Structure], segmentation: Segmentation, step_s: float, size: tuple[int, int]
    ) -> tuple[Structure, ...]:
        """Give the structures, blood with its growth and source.

        The growth is that of all blood together, and the same for each of its parts.

        :param step_s: since the frame before [s].
        :param size: width and height of the picture [px].
        """
        structures = tuple(structures)
        self._time_s += step_s
        index = segmentation.classes.index(BLOOD) if BLOOD in segmentation.classes else -1
        if index < 0:
            return structures
        labels = plain(segmentation.labels)
        rows = min(_ROWS, labels.shape[0])
        columns = max(1, round(labels.shape[1] * rows / labels.shape[0]))
        now = _Then(self._time_s, np.empty((rows, columns), np.bool_), np.empty((rows, columns), np.bool_))
        now.any = spread.look(labels, index, among(segmentation.classes, INSTRUMENT_CLASSES), now.blood, now.covered)
        growth = self._growth(now)
        self._remember(now)
        if not now.any:
            return structures
        return tuple(self._told(one, growth, now.blood, size) if one.class_name == BLOOD else one for one in structures)

    def _growth(self, now: _Then) -> float:
        """Give how fast the blood spreads [share of the picture / s]; NaN where too little is known."""
        past = [then for then in self._past if _NEAREST_S <= now.time_s - then.time_s <= WINDOW_S]
        if len(past) < _FEWEST or past[0].blood.shape != now.blood.shape:
            return NAN
        if not now.any and not any(then.any for then in past):
            return 0.0
        return median(
            spread.more(now.blood, now.covered, then.blood, then.covered) / now.blood.size / (now.time_s - then.time_s)
            for then in past
        )

    def _remember(self, now: _Then) -> None:
        step = now.time_s - self._past[-1].time_s if self._past else 0.0
        if self._age.shape != now.blood.shape:
            self._age = np.zeros(now.blood.shape, np.float32)
        if not self._past or step >= _SPACING_S:
            spread.grow_older(self._age, now.blood, now.covered, max(step, _SPACING_S))
            self._past.append(now)
        while self._past and now.time_s - self._past[0].time_s > WINDOW_S + _SPACING_S:
            self._past.popleft()

    def _told(self, part: Structure, growth: float, blood: NDArray[np.bool_], size: tuple[int, int]) -> Structure:
        """Give a part with its growth and the middle of where, within its box, blood has been for longest."""
        rows, columns = blood.shape
        sx, sy = size[0] / columns, size[1] / rows
        left, top, width, height = cv2.boundingRect(part.contour)
        column, row = max(int(left / sx), 0), max(int(top / sy), 0)
        box = (column, row, int((left + width) / sx) + 1, int((top + height) / sy) + 1)
        age_s, x, y = spread.oldest(self._age, blood, box, _OLD)
        if age_s <= 0.0:
            x, y = part.contour.mean(axis=0).tolist()
        else:
            x, y = (x + 0.5) * sx - 0.5, (y + 0.5) * sy - 0.5
        return part._replace(growth=growth, source_x=x, source_y=y)
