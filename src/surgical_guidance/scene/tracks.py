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

import numpy as np
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
class _Track:
    number: int
    x: float
    y: float
    axis_x: float
    axis_y: float
    class_name: str
    speed_x: float = 0.0
    speed_y: float = 0.0
    unseen_s: float = 0.0
    votes: dict[str, float] = field(default_factory=dict)

    def expect(self, step_s: float) -> None:
        """Move on to where it should be now."""
        kept = math.exp(-step_s / _COAST_S)
        reach = _COAST_S * (1.0 - kept)
        self.x += self.speed_x * reach
        self.y += self.speed_y * reach
        self.speed_x *= kept
        self.speed_y *= kept
        self.unseen_s += step_s

    def see(self, one: Instrument, x: float, y: float) -> None:
        """Take in where it was found."""
        step_s = max(self.unseen_s, _SHORTEST_S)
        off_x, off_y = x - self.x, y - self.y
        self.x += _ALPHA * off_x
        self.y += _ALPHA * off_y
        self.speed_x += _BETA * off_x / step_s
        self.speed_y += _BETA * off_y / step_s
        self.axis_x, self.axis_y = one.axis_x, one.axis_y
        self.unseen_s = 0.0

    def vote(self, class_name: str, weight: float, keep: float) -> None:
        """Take a vote for a class."""
        for name in self.votes:
            self.votes[name] *= keep
        self.votes[class_name] = self.votes.get(class_name, 0.0) + max(weight, 0.05)
        self.class_name = max(self.votes, key=self.votes.__getitem__)


class Tracker:
    """Follows the instruments of one session. Numbers are never given twice."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 1

    def reset(self) -> None:
        """Forget all tracks: another scene begins."""
        self._tracks.clear()

    def follow(
        self, instruments: Sequence[Instrument], step_s: float, height: float, energy: Energy
    ) -> tuple[Instrument, ...]:
        """Give the instruments their identity, the class that most frames saw, and their energy.

        :param instruments: of one frame, as found in it.
        :param step_s: since the frame before [s].
        :param height: of the picture [px].
        :param energy: whether current flows, as a pedal or a generator tells: it goes through the energy instrument.
        """
        for track in self._tracks:
            track.expect(step_s)
        heads = [_head(one) for one in instruments]
        matched = self._match(instruments, heads, height)
        keep = math.exp(-step_s / VOTE_S)
        found = []
        for index, (one, (x, y)) in enumerate(zip(instruments, heads, strict=True)):
            if index in matched:
                track = matched[index]
                track.see(one, x, y)
            else:
                track = _Track(self._next, x, y, one.axis_x, one.axis_y, one.class_name)
                self._next += 1
                self._tracks.append(track)
            track.vote(one.class_name, one.score, keep)
            name = track.class_name
            found.append(_named(one, name, track.number, _energised(name, energy)))
        self._tracks = [track for track in self._tracks if track.unseen_s <= PATIENCE_S]
        return tuple(found)

    def _match(
        self, instruments: Sequence[Instrument], heads: Sequence[tuple[float, float]], height: float
    ) -> dict[int, _Track]:
        if not instruments or not self._tracks:
            return {}
        kinds: dict[str, int] = {}
        found = np.array([
            (x, y, one.axis_x, one.axis_y, kinds.setdefault(one.class_name, len(kinds)), 0.0)
            for one, (x, y) in zip(instruments, heads, strict=True)
        ])  # fmt: skip
        followed = np.array([
            (
                track.x, track.y, track.axis_x, track.axis_y, kinds.setdefault(track.class_name, len(kinds)),
                min(_REACH + _SPEED * track.unseen_s, _FURTHEST) * height,
            )
            for track in self._tracks
        ])  # fmt: skip
        costs = pairing.costs(found, followed, _TURN_COST, _CLASS_COST, _NEVER)
        rows, columns = (line.tolist() for line in np.nonzero(costs < _NEVER))
        if not len(rows) == len(set(rows)) == len(set(columns)):  # else each is near one at most: nothing to choose
            rows, columns = (line.tolist() for line in linear_sum_assignment(costs))
        return {
            row: self._tracks[column] for row, column in zip(rows, columns, strict=True) if costs[row, column] < _NEVER
        }


def _head(one: Instrument) -> tuple[float, float]:
    """Give the tip, or the foremost point of the outline where the tip is not visible [px]."""
    if one.tip_visible:
        return one.tip_x, one.tip_y
    contour = one.contour
    if not len(contour):
        return 0.0, 0.0
    x, y = contour[int((contour[:, 0] * one.axis_x + contour[:, 1] * one.axis_y).argmax())].tolist()
    return x, y


def _named(one: Instrument, class_name: str, number: int, energised: Energy) -> Instrument:
    """Give an instrument its class, identity and energy. ``dataclasses.replace`` takes four times as long."""
    return Instrument(
        class_name, one.score, one.contour, number, one.tip_visible, one.tip_x, one.tip_y, one.axis_x, one.axis_y,
        one.shaft_width_px, one.mm_per_px, one.mm_per_px_sigma, energised, one.tip_xx, one.tip_xy, one.tip_yy,
        one.opening,
    )  # fmt: skip


def _energised(class_name: str, energy: Energy) -> Energy:
    return energy if class_name in ENERGY_TOOLS or energy is Energy.UNKNOWN else Energy.OFF
