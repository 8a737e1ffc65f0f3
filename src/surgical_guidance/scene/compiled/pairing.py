"""Tracks of instruments over time: where each should be, how unlike it what is found is, and what was seen of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

X, Y, AXIS_X, AXIS_Y, KIND = range(5)
"""Columns of what is found and of tracks: head [px], axis, and class by a number."""

SCORE = 5
"""Column that what is found has beside these: the weight of its vote for its class."""

NUMBER, UNSEEN, SPEED_X, SPEED_Y, VOTES = range(5, 10)
"""Columns that tracks have beside these: who it is, for how long it was not seen [s], its speed [px/s], and the votes
for each class."""

FOUND = 6
"""How many columns what is found has; tracks have ``VOTES`` and one for each class."""


@compiled
def foremost(contour: NDArray[np.float32], axis_x: float, axis_y: float) -> tuple[float, float]:
    """Give the point of a contour ``(n, 2)`` that lies furthest along an axis, the first of equals; (0, 0): of none."""
    if not len(contour):
        return 0.0, 0.0
    along_x, along_y = np.float32(axis_x), np.float32(axis_y)
    furthest, which = contour[0, 0] * along_x + contour[0, 1] * along_y, 0
    for at in range(1, len(contour)):
        reach = contour[at, 0] * along_x + contour[at, 1] * along_y
        if reach > furthest:
            furthest, which = reach, at
    return float(contour[which, 0]), float(contour[which, 1])


@compiled
def pair(
    tracks: Numbers,
    found: Numbers,
    times: tuple[float, float],
    reaches: tuple[float, float, float],
    turn: float,
    other_kind: float,
    never: float,
    pairs: Whole,
) -> tuple[Numbers, bool]:
    """Move tracks on to where they should be now, and pair what was found with what is near, one at most.

    :param times: since the frame before, and in which the speed of a track that is not seen dies away [s].
    :param reaches: how far off what is found may be [px]: if it was seen just now, what each second unseen adds, and at
        most.
    :param turn: cost of an axis at a right angle, in units of the reach.
    :param other_kind: cost of another class.
    :param pairs: of each that is found, filled with its track; -1: none.
    :return: the cost of each pair, ``never`` for what is not a number, or out of reach; and whether there was nothing
        to choose. Else the pairs are not valid.
    """
    _expect(tracks, times[0], times[1])
    cost = np.empty((len(found), len(tracks)))
    for other in range(len(tracks)):
        reach = min(reaches[0] + reaches[1] * tracks[other, UNSEEN], reaches[2])
        for one in range(len(found)):
            cost[one, other] = never
            apart = math.hypot(found[one, X] - tracks[other, X], found[one, Y] - tracks[other, Y])
            if not apart <= reach:
                continue
            along = found[one, AXIS_X] * tracks[other, AXIS_X] + found[one, AXIS_Y] * tracks[other, AXIS_Y]
            total = apart / reach + turn * (1.0 - along)
            if found[one, KIND] != tracks[other, KIND]:
                total += other_kind
            if total < never:
                cost[one, other] = total
    return cost, _only_choice(cost, never, pairs)


@compiled
def _expect(tracks: Numbers, step_s: float, coast_s: float) -> None:
    kept = math.exp(-step_s / coast_s)
    reach = coast_s * (1.0 - kept)
    for track in range(len(tracks)):
        tracks[track, X] += tracks[track, SPEED_X] * reach
        tracks[track, Y] += tracks[track, SPEED_Y] * reach
        tracks[track, SPEED_X] *= kept
        tracks[track, SPEED_Y] *= kept
        tracks[track, UNSEEN] += step_s


@compiled
def _only_choice(cost: Numbers, never: float, pairs: Whole) -> bool:
    taken = np.zeros(cost.shape[1], np.bool_)
    for one in range(cost.shape[0]):
        pairs[one] = -1
        for other in range(cost.shape[1]):
            if cost[one, other] < never:
                if pairs[one] >= 0 or taken[other]:
                    return False
                pairs[one] = other
                taken[other] = True
    return True


@compiled
def see(
    tracks: Numbers,
    found: Numbers,
    pairs: Whole,
    first: int,
    shares: tuple[float, float],
    times: tuple[float, float],
    keep: float,
    told: Whole,
) -> tuple[Numbers, int]:
    """Take in what was found, begin a track for each that has none, and let go of those not seen for too long.

    :param pairs: of each that was found, its track; -1: none.
    :param first: number of the first that begins.
    :param shares: how much of what was not expected goes into the place, and into the speed.
    :param times: steps shorter than the first say nothing of speed; a track unseen for longer than the other goes [s].
    :param keep: how much of its earlier votes a track keeps.
    :param told: ``(found, 2)``, filled with the number of its track and the class with most votes.
    :return: the tracks that go on, in their order, then those that begin; and the number of the next that does.
    """
    shortest_s, patience_s = times
    going = np.zeros((len(tracks) + len(found), tracks.shape[1]))
    for track in range(len(tracks)):
        for column in range(tracks.shape[1]):
            going[track, column] = tracks[track, column]
    count = len(tracks)
    for one in range(len(found)):
        track = pairs[one]
        if track < 0:
            track = count
            for column in range(SCORE):
                going[track, column] = found[one, column]
            going[track, NUMBER] = first
            first += 1
            count += 1
        step_s = max(going[track, UNSEEN], shortest_s)
        off_x, off_y = found[one, X] - going[track, X], found[one, Y] - going[track, Y]
        going[track, X] += shares[0] * off_x
        going[track, Y] += shares[0] * off_y
        going[track, SPEED_X] += shares[1] * off_x / step_s
        going[track, SPEED_Y] += shares[1] * off_y / step_s
        going[track, AXIS_X], going[track, AXIS_Y] = found[one, AXIS_X], found[one, AXIS_Y]
        going[track, UNSEEN] = 0.0
        most = VOTES
        for vote in range(VOTES, tracks.shape[1]):
            going[track, vote] *= keep
            if vote == VOTES + int(found[one, KIND]):
                going[track, vote] += found[one, SCORE]
            if going[track, vote] > going[track, most]:
                most = vote
        going[track, KIND] = most - VOTES
        told[one, 0], told[one, 1] = going[track, NUMBER], most - VOTES
    kept = 0
    for track in range(count):
        if going[track, UNSEEN] <= patience_s:
            for column in range(tracks.shape[1]):
                going[kept, column] = going[track, column]
            kept += 1
    return going[:kept], first
