"""How unlike what is found and what is followed are: the costs of pairing them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Numbers = NDArray[np.float64]

X, Y, AXIS_X, AXIS_Y, KIND, REACH = range(6)
"""Columns of what is found and of what is followed: head [px], axis, class by a number, and how far off it may be [px]
(of what is found this is not looked at)."""

COLUMNS = 6


@compiled
def costs(found: Numbers, followed: Numbers, turn: float, other_kind: float, never: float) -> Numbers:
    """Give the cost of each pair; what is not a number, or out of reach, costs ``never``.

    :param turn: cost of an axis at a right angle, in units of the reach.
    :param other_kind: cost of another class.
    """
    cost = np.empty((len(found), len(followed)))
    for one in range(len(found)):
        for other in range(len(followed)):
            cost[one, other] = never
            reach = followed[other, REACH]
            apart = math.hypot(found[one, X] - followed[other, X], found[one, Y] - followed[other, Y])
            if not apart <= reach:
                continue
            along = found[one, AXIS_X] * followed[other, AXIS_X] + found[one, AXIS_Y] * followed[other, AXIS_Y]
            total = apart / reach + turn * (1.0 - along)
            if found[one, KIND] != followed[other, KIND]:
                total += other_kind
            if total < never:
                cost[one, other] = total
    return cost
