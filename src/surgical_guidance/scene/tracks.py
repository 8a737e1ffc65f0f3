"""Which instrument is which from frame to frame: identity, class by vote, and whether current flows through it.

Where the foremost point of each should be is told by its last places and its speed (an alpha-beta filter, the Kalman
filter of a constant speed when it has settled: all tracks in one array, where a filter object each would cost more than
finding the instruments). Tracks and what is found are paired so that the sum of the costs is least (SciPy). A track
that is not found waits for a while, so that smoke, or another instrument in front, does not make an instrument new.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.optimize import linear_sum_assignment

from surgical_guidance.contract import INSTRUMENT_CLASSES
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
_LEAST_VOTE = 0.05  # of a class that hardly any pixel is sure of

_KINDS = {name: kind for kind, name in enumerate(INSTRUMENT_CLASSES)}
_INSTRUMENT = partial(tuple.__new__, Instrument)  # of all its fields; a third of the time of ``_replace``
_CLASS_NAME, _ID, _ENERGISED = (Instrument._fields.index(name) for name in ('class_name', 'id', 'energised'))


class Tracker:
    """Follows the instruments of one session. Numbers are never given twice."""

    def __init__(self) -> None:
        self._tracks = np.empty((0, pairing.VOTES + len(_KINDS)))
        self._next = 1

    def reset(self) -> None:
        """Forget all tracks: another scene begins."""
        self._tracks = self._tracks[:0]

    def follow(
        self, instruments: Sequence[Instrument], step_s: float, height: float, energy: Energy
    ) -> tuple[Instrument, ...]:
        """Give the instruments their identity, the class that most frames saw, and their energy.

        :param instruments: of one frame, as found in it.
        :param step_s: since the frame before [s].
        :param height: of the picture [px].
        :param energy: whether current flows, as a pedal or a generator tells: it goes through the energy instrument.
        """
        found = np.array([_described(one) for one in instruments]).reshape(-1, pairing.FOUND)
        pairs, told = np.empty(len(found), np.int64), np.empty((len(found), 2), np.int64)
        reaches = (_REACH * height, _SPEED * height, _FURTHEST * height)
        costs, settled = pairing.pair(
            self._tracks, found, (step_s, _COAST_S), reaches, _TURN_COST, _CLASS_COST, _NEVER, pairs
        )
        if not settled:
            rows, columns = linear_sum_assignment(costs)
            pairs.fill(-1)
            pairs[rows] = np.where(costs[rows, columns] < _NEVER, columns, -1)
        keep = math.exp(-step_s / VOTE_S)
        self._tracks, self._next = pairing.see(
            self._tracks, found, pairs, self._next, (_ALPHA, _BETA), (_SHORTEST_S, PATIENCE_S), keep, told
        )
        idle = energy if energy is Energy.UNKNOWN else Energy.OFF
        numbers, kinds = told.T.tolist()
        return tuple(
            _told(one, number, name, energy if name in ENERGY_TOOLS else idle)
            for one, number, name in zip(instruments, numbers, map(INSTRUMENT_CLASSES.__getitem__, kinds), strict=True)
        )


def _described(one: Instrument) -> tuple[float, float, float, float, int, float]:
    """Give the columns of what is found; the head is the foremost point of the outline where no tip is visible."""
    head = (one.tip_x, one.tip_y)
    if not one.tip_visible:
        head = pairing.foremost(one.contour, one.axis_x, one.axis_y)
    return (*head, one.axis_x, one.axis_y, _KINDS[one.class_name], max(one.score, _LEAST_VOTE))


def _told(one: Instrument, number: int, class_name: str, energised: Energy) -> Instrument:
    fields: list[object] = list(one)
    fields[_ID], fields[_CLASS_NAME], fields[_ENERGISED] = number, class_name, energised
    return _INSTRUMENT(fields)
