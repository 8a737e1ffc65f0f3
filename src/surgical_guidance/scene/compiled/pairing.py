"""Tracks of instruments over time: where each should be, how unlike it what is found is, and what was seen of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Numbers = NDArray[np.float64]

X, Y, AXIS_X, AXIS_Y, KIND = range(5)
"""Columns of what is found: head [px], axis, and class by a number."""

UNSEEN, SPEED_X, SPEED_Y = range(5, 8)
"""Columns that tracks have beside these: for how long it was not seen [s], and its speed [px/s]."""

FOUND, TRACK = 5, 8


@compiled
def expect(tracks: Numbers, step_s: float, coast_s: float) -> None:
    """Move tracks on to where they should be now.

    :param coast_s: the speed of a track that is not seen dies away in this time [s].
    """
    kept = math.exp(-step_s / coast_s)
    reach = coast_s * (1.0 - kept)
    for track in range(len(tracks)):
        tracks[track, X] += tracks[track, SPEED_X] * reach
        tracks[track, Y] += tracks[track, SPEED_Y] * reach
        tracks[track, SPEED_X] *= kept
        tracks[track, SPEED_Y] *= kept
        tracks[track, UNSEEN] += step_s


@compiled
def costs(
    found: Numbers, tracks: Numbers, reaches: tuple[float, float, float], turn: float, other_kind: float, never: float
) -> Numbers:
    """Give the cost of each pair; what is not a number, or out of reach, costs ``never``.

    :param reaches: how far off what is found may be [px]: if it was seen just now, what each second unseen adds, and at
        most.
    :param turn: cost of an axis at a right angle, in units of the reach.
    :param other_kind: cost of another class.
    """
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
    return cost


@compiled
def only_choice(cost: Numbers, never: float, pairs: NDArray[np.int64]) -> bool:
    """Pair what is near one at most; False where there is something to choose.

    :param pairs: of each that is found, filled with its track; -1: none.
    """
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
    tracks: Numbers, found: Numbers, pairs: NDArray[np.int64], alpha: float, beta: float, shortest_s: float
) -> None:
    """Take in what was found of tracks.

    :param pairs: of each that was found, its track; -1: none.
    :param alpha: how much of what was not expected goes into the place,
    :param beta: and into the speed.
    :param shortest_s: steps shorter than this say nothing of speed [s].
    """
    for one in range(len(found)):
        track = pairs[one]
        if track < 0:
            continue
        step_s = max(tracks[track, UNSEEN], shortest_s)
        off_x, off_y = found[one, X] - tracks[track, X], found[one, Y] - tracks[track, Y]
        tracks[track, X] += alpha * off_x
        tracks[track, Y] += alpha * off_y
        tracks[track, SPEED_X] += beta * off_x / step_s
        tracks[track, SPEED_Y] += beta * off_y / step_s
        tracks[track, AXIS_X], tracks[track, AXIS_Y] = found[one, AXIS_X], found[one, AXIS_Y]
        tracks[track, UNSEEN] = 0.0
