"""Which instrument is which from frame to frame: identity, class by vote, and whether current flows through it.

Where the foremost point of each should be is told by its last places and its speed (an alpha-beta filter, the Kalman
filter of a constant speed when it has settled: all tracks in one array, where a filter object each would cost more than
finding the instruments). Tracks and what is found are paired so that the sum of the costs is least (SciPy). A track
that is not found waits for a while, so that smoke, or another instrument in front, does not make an instrument new.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from surgical_guidance.scene.compiled import pairing
from surgical_guidance.scene.state import Energy, Instrument

ENERGY_TOOLS = frozenset(('l_hook_electrocautery',))
"""Instruments that current can flow through."""

PATIENCE_S = 1.0
"""How long a track waits to be found again [s] [I]."""

VOTE_S = 0.4
"""A class seen so long ago counts a third of one seen now [s] [I]: a network changes its mind for a few frames."""

_REACH = 0.08  # of the picture's height: a foremost point this far from where it should be can still be the same
_SPEED = 1.5  # heights of the picture that it may move in a second more than expected
_FURTHEST = 0.35  # of the height: no jump beyond this is followed
_TURN_COST = 0.5  # of an axis at a right angle to the one before, in units of the reach
_CLASS_COST = 0.4  # of another class than the track's
_NEVER = 1e6
_COAST_S = 0.25  # the speed of a track that is not seen dies away in this time
_ALPHA, _BETA = 0.8, 0.4  # how much of what was not expected goes into place and speed
_SHORTEST_S = 0.005  # steps shorter than this say nothing of speed


@dataclass(slots=True)
class _Named:
    """Who a track is."""

    number: int
    class_name: str
    votes: dict[str, float] = field(default_factory=dict)

    def vote(self, class_name: str, weight: float, keep: float) -> None:
        """Take a vote for a class."""
        for name in self.votes:
            self.votes[name] *= keep
        self.votes[class_name] = self.votes.get(class_name, 0.0) + max(weight, 0.05)
        self.class_name = max(self.votes, key=self.votes.__getitem__)


class Tracker:
    """Follows the instruments of one session. Numbers are never given twice."""

    def __init__(self) -> None:
        self._tracks = np.empty((0, pairing.TRACK))
        self._names: list[_Named] = []  # of the tracks, in their order
        self._kinds: dict[str, int] = {}
        self._next = 1

    def reset(self) -> None:
        """Forget all tracks: another scene begins."""
        self._tracks, self._names = self._tracks[:0], []

    def follow(
        self, instruments: Sequence[Instrument], step_s: float, height: float, energy: Energy
    ) -> tuple[Instrument, ...]:
        """Give the instruments their identity, the class that most frames saw, and their energy.

        :param instruments: of one frame, as found in it.
        :param step_s: since the frame before [s].
        :param height: of the picture [px].
        :param energy: whether current flows, as a pedal or a generator tells: it goes through the energy instrument.
        """
        pairing.expect(self._tracks, step_s, _COAST_S)
        found = np.array([self._described(one) for one in instruments]).reshape(-1, pairing.FOUND)
        pairs = self._pair(found, height)
        pairing.see(self._tracks, found, pairs, _ALPHA, _BETA, _SHORTEST_S)
        keep = math.exp(-step_s / VOTE_S)
        told = []
        for one, place in zip(instruments, self._with_new(instruments, found, pairs), strict=True):
            name = self._names[place]
            name.vote(one.class_name, one.score, keep)
            self._tracks[place, pairing.KIND] = self._kind(name.class_name)
            energised = _energised(name.class_name, energy)
            told.append(one._replace(class_name=name.class_name, id=name.number, energised=energised))
        waits = self._tracks[:, pairing.UNSEEN] <= PATIENCE_S
        if not waits.all():
            self._tracks = self._tracks[waits]
            self._names = list(compress(self._names, waits.tolist()))
        return tuple(told)

    def _described(self, one: Instrument) -> tuple[float, float, float, float, int]:
        return (*_head(one), one.axis_x, one.axis_y, self._kind(one.class_name))

    def _kind(self, class_name: str) -> int:
        return self._kinds.setdefault(class_name, len(self._kinds))

    def _pair(self, found: NDArray[np.float64], height: float) -> NDArray[np.int64]:
        """Give each that is found its track; -1: none."""
        reaches = (_REACH * height, _SPEED * height, _FURTHEST * height)
        costs = pairing.costs(found, self._tracks, reaches, _TURN_COST, _CLASS_COST, _NEVER)
        pairs = np.empty(len(found), np.int64)
        if not pairing.only_choice(costs, _NEVER, pairs):
            rows, columns = linear_sum_assignment(costs)
            pairs.fill(-1)
            pairs[rows] = np.where(costs[rows, columns] < _NEVER, columns, -1)
        return pairs

    def _with_new(
        self, instruments: Sequence[Instrument], found: NDArray[np.float64], pairs: NDArray[np.int64]
    ) -> list[int]:
        """Begin a track for each that has none, and give the tracks of all."""
        new = [index for index, track in enumerate(pairs.tolist()) if track < 0]
        if new:
            pairs[new] = np.arange(len(new)) + len(self._tracks)
            begun = np.zeros((len(new), pairing.TRACK))
            begun[:, : pairing.FOUND] = found[new]
            self._tracks = np.concatenate((self._tracks, begun))
            for index in new:
                self._names.append(_Named(self._next, instruments[index].class_name))
                self._next += 1
        return pairs.tolist()


def _head(one: Instrument) -> tuple[float, float]:
    """Give the tip, or the foremost point of the outline where the tip is not visible [px]."""
    if one.tip_visible:
        return one.tip_x, one.tip_y
    contour = one.contour
    if not len(contour):
        return 0.0, 0.0
    x, y = contour[int((contour[:, 0] * one.axis_x + contour[:, 1] * one.axis_y).argmax())].tolist()
    return x, y


def _energised(class_name: str, energy: Energy) -> Energy:
    return energy if class_name in ENERGY_TOOLS or energy is Energy.UNKNOWN else Energy.OFF
