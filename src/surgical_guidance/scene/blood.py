"""Blood over time: whether it spreads, how fast, and where it seems to come from.

The area is compared with that of moments before, only where no instrument is or was in front: an instrument that moves
aside does not make blood grow. The median over several moments is the rate, so that one bad frame does not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from statistics import median

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import INSTRUMENT_CLASSES
from surgical_guidance.scene.compiled import spread
from surgical_guidance.scene.regions import plain
from surgical_guidance.scene.state import NAN, Segmentation, Structure

BLOOD = 'blood'

WINDOW_S = 0.6
"""How far back the area is compared [s] [I]: blood that wells up covers 1 % of the picture in a second."""

_ROWS = 54  # of the map that is remembered
_SPACING_S = 0.11  # of the moments that are remembered
_MOMENTS = 1 + math.ceil(WINDOW_S / _SPACING_S)  # that are remembered
_NEAREST_S = 0.08  # a moment nearer than this tells noise
_FEWEST = 2  # moments to compare with
_OLD = 0.9  # of the age of the oldest blood: this is where it came from


class BloodMeter:
    """Follows the blood of one session."""

    def __init__(self) -> None:
        self._now = np.empty((0, 0), np.uint8)
        self._past = np.empty((_MOMENTS, 0, 0), np.uint8)
        self._times_s = np.full(_MOMENTS, -math.inf)  # of the moments, in turns
        self._turn = 0
        self._age = np.empty((0, 0), np.float32)
        self._time_s = 0.0

    def reset(self) -> None:
        """Forget: another scene begins."""
        self._times_s.fill(-math.inf)
        self._age.fill(0.0)

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
        if BLOOD not in segmentation.classes:
            return structures
        labels = plain(segmentation.labels)
        self._fit(labels)
        any_blood = spread.look(labels, _kinds(segmentation.classes), self._now)
        growth = self._growth() if any_blood else NAN
        self._remember()
        if not any_blood:
            return structures
        return tuple(self._told(one, growth, size) if one.class_name == BLOOD else one for one in structures)

    def _fit(self, labels: NDArray[np.uint8]) -> None:
        """Begin anew where maps are of another size than before."""
        rows = min(_ROWS, labels.shape[0])
        columns = max(1, round(labels.shape[1] * rows / labels.shape[0]))
        if self._now.shape != (rows, columns):
            self._now = np.empty((rows, columns), np.uint8)
            self._past = np.empty((_MOMENTS, rows, columns), np.uint8)
            self._age = np.empty((rows, columns), np.float32)
            self.reset()

    def _growth(self) -> float:
        """Give how fast the blood spreads [share of the picture / s]; NaN where too little is known."""
        rates = np.empty(_MOMENTS)
        known = spread.rates(self._now, self._past, self._time_s - self._times_s, (_NEAREST_S, WINDOW_S), rates)
        return median(rates[:known].tolist()) if known >= _FEWEST else NAN

    def _remember(self) -> None:
        """Remember the moment, if it is time for one."""
        step_s = self._time_s - float(self._times_s[self._turn])
        if step_s >= _SPACING_S:
            spread.grow_older(self._age, self._now, step_s if math.isfinite(step_s) else _SPACING_S)
            self._turn = (self._turn + 1) % _MOMENTS
            self._past[self._turn] = self._now
            self._times_s[self._turn] = self._time_s

    def _told(self, part: Structure, growth: float, size: tuple[int, int]) -> Structure:
        """Give a part with its growth and the middle of where, within its box, blood has been for longest."""
        rows, columns = self._now.shape
        sx, sy = size[0] / columns, size[1] / rows
        age_s, x, y = spread.oldest(self._age, self._now, part.contour, (sx, sy), _OLD)
        if age_s <= 0.0:
            x, y = part.contour.mean(axis=0).tolist()
        else:
            x, y = (x + 0.5) * sx - 0.5, (y + 0.5) * sy - 0.5
        return part._replace(growth=growth, source_x=x, source_y=y)


@lru_cache(maxsize=16)
def _kinds(classes: tuple[str, ...]) -> NDArray[np.uint8]:
    """Tell of each label what it is."""
    table = np.full(256, spread.NOTHING, np.uint8)
    for label, name in enumerate(classes):
        if name == BLOOD:
            table[label] = spread.BLOOD
        elif name in INSTRUMENT_CLASSES:
            table[label] = spread.COVERED
    return table
