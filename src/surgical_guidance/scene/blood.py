"""Blood over time: whether it spreads, how fast, and where it seems to come from.

The area is compared with that of moments before, only where no instrument is or was in front: an instrument that moves
aside does not make blood grow. The median over several moments is the rate, so that one bad frame does not count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import INSTRUMENT_CLASSES
from surgical_guidance.scene.marks import mark
from surgical_guidance.scene.state import NAN, Segmentation, Structure

BLOOD = 'blood'

WINDOW_S = 0.6
"""How far back the area is compared [s] [I]: blood that wells up covers 1 % of the picture in a second."""

_ROWS = 54  # of the map that is remembered
_SPACING_S = 0.11  # of the moments that are remembered
_NEAREST_S = 0.08  # a moment nearer than this tells noise
_FEWEST = 2  # moments to compare with
_OLD = 0.9  # of the age of the oldest blood: this is where it came from


@dataclass(frozen=True, slots=True)
class _Then:
    time_s: float
    blood: NDArray[np.bool_]
    covered: NDArray[np.bool_]


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
        labels = segmentation.labels
        rows = min(_ROWS, labels.shape[0])
        columns = max(1, round(labels.shape[1] * rows / labels.shape[0]))
        small = np.asarray(cv2.resize(labels, (columns, rows), interpolation=cv2.INTER_NEAREST), np.uint8)
        tools = mark(small, segmentation.classes, INSTRUMENT_CLASSES, np.empty(small.shape, np.uint8))
        now = _Then(self._time_s, small == index, tools.view(np.bool_))
        growth = self._growth(now)
        self._remember(now)
        if not now.blood.any():
            return structures
        return tuple(self._told(one, growth, now.blood, size) if one.class_name == BLOOD else one for one in structures)

    def _growth(self, now: _Then) -> float:
        """Give how fast the blood spreads [share of the picture / s]; NaN where too little is known."""
        past = [then for then in self._past if _NEAREST_S <= now.time_s - then.time_s <= WINDOW_S]
        if len(past) < _FEWEST or past[0].blood.shape != now.blood.shape:
            return NAN
        if not now.blood.any() and not any(then.blood.any() for then in past):
            return 0.0
        rates = []
        for then in past:
            hidden = now.covered | then.covered
            more = np.count_nonzero(now.blood > hidden) - np.count_nonzero(then.blood > hidden)
            rates.append(more / now.blood.size / (now.time_s - then.time_s))
        return median(rates)

    def _remember(self, now: _Then) -> None:
        step = now.time_s - self._past[-1].time_s if self._past else 0.0
        if self._age.shape != now.blood.shape:
            self._age = np.zeros(now.blood.shape, np.float32)
        if not self._past or step >= _SPACING_S:
            self._age[~(now.blood | now.covered)] = 0.0  # what is covered keeps its age
            self._age[now.blood] += np.float32(max(step, _SPACING_S))
            self._past.append(now)
        while self._past and now.time_s - self._past[0].time_s > WINDOW_S + _SPACING_S:
            self._past.popleft()

    def _told(self, part: Structure, growth: float, blood: NDArray[np.bool_], size: tuple[int, int]) -> Structure:
        """Give a part with its growth and the middle of where, within its box, blood has been for longest."""
        rows, columns = blood.shape
        sx, sy = size[0] / columns, size[1] / rows
        left, top, width, height = cv2.boundingRect(part.contour)
        column, row = max(int(left / sx), 0), max(int(top / sy), 0)
        window = np.s_[row : int((top + height) / sy) + 1, column : int((left + width) / sx) + 1]
        age = self._age[window] * blood[window]
        oldest = float(age.max(initial=0.0))
        if oldest <= 0.0:
            x, y = part.contour.mean(axis=0).tolist()
        else:
            ys, xs = np.nonzero(age >= _OLD * oldest)
            x = (float(xs.sum()) / len(xs) + column + 0.5) * sx - 0.5
            y = (float(ys.sum()) / len(ys) + row + 0.5) * sy - 0.5
        return replace(part, growth=growth, source_x=x, source_y=y)
