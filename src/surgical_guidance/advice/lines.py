"""Grids and lines across them: the loops of the path, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Flags = NDArray[np.bool_]
Place = tuple[float, float]
Places = NDArray[np.float64]


@compiled
def clear(closed: Flags, margin: Flags, places: Places, first: int, last: int, every: bool, cell: float) -> bool:
    """Whether a way touches nothing that is closed, and the margin only where it starts.

    :param places: ``(n, 2)``, x and y [px].
    :param first: the place at which the way begins.
    :param last: that at which it ends.
    :param every: it leads over all places between; else straight from the first to the last.
    :param cell: side of a cell [px].
    """
    rows, columns = closed.shape
    outside = False
    at = first
    while at < last:
        to = at + 1 if every else last
        along_x, along_y = places[to, 0] - places[at, 0], places[to, 1] - places[at, 1]
        count = max(1, math.ceil(math.hypot(along_x, along_y) / (0.5 * cell)))
        for step in range(count + 1):
            x = places[at, 0] + step * (along_x / count) if step < count else places[to, 0]
            y = places[at, 1] + step * (along_y / count) if step < count else places[to, 1]
            column = int(min(max((x + 0.5) / cell, 0.0), columns - 1.0))
            row = int(min(max((y + 0.5) / cell, 0.0), rows - 1.0))
            if closed[row, column] or (outside and margin[row, column]):
                return False
            outside |= not margin[row, column]
        at = to
    return True


@compiled
def straightened(
    closed: Flags, margin: Flags, found: NDArray[np.int32], tip: Place, goal: Place, cell: float
) -> Places:
    """Give a way through the middles of cells, less what lies on a straight line between two as far as that is clear.

    :param found: ``(n, 2)``, row and column of each cell of the way.
    :param tip: where it begins instead of the middle of the first cell [px].
    :param goal: where it ends [px].
    :return: ``(n, 2)``, x and y [px].
    """
    places = np.empty(found.shape, np.float64)
    for at in range(len(found)):
        places[at, 0] = (found[at, 1] + 0.5) * cell - 0.5
        places[at, 1] = (found[at, 0] + 0.5) * cell - 0.5
    places[0, 0], places[0, 1] = tip
    places[-1, 0], places[-1, 1] = goal
    at = 0
    count = 1
    while at < len(places) - 1:  # what stays moves to the front
        ahead = len(places) - 1
        while ahead > at + 1 and not clear(closed, margin, places, at, ahead, False, cell):
            ahead = at + 1 + (ahead - at - 1) // 2
        places[count, 0], places[count, 1] = places[ahead, 0], places[ahead, 1]
        at = ahead
        count += 1
    return places[:count].copy()


@compiled
def within(points: NDArray[np.float32], far: float) -> bool:
    """Whether no coordinate is further than that from 0 either way; what is not a number is."""
    for at in range(len(points)):  # noqa: SIM110  (the compiler knows loops)
        if not (abs(points[at, 0]) < far and abs(points[at, 1]) < far):
            return False
    return True


@compiled
def middle(points: NDArray[np.float32]) -> tuple[float, float]:
    """Give the mean of points, of which there is at least one."""
    x = y = 0.0
    for at in range(len(points)):
        x += points[at, 0]
        y += points[at, 1]
    return x / len(points), y / len(points)


@compiled
def cells(points: NDArray[np.float32], cell: float) -> NDArray[np.int32]:
    """Give the cells in which points lie, ``(n, 2)``, column and row.

    :param cell: side of one [px].
    """
    side, half = np.float32(cell), np.float32(0.5)
    found = np.empty(points.shape, np.int32)
    for at in range(len(points)):
        found[at, 0] = math.floor((points[at, 0] + half) / side)
        found[at, 1] = math.floor((points[at, 1] + half) / side)
    return found


@compiled
def costs(closed: Flags, margin: Flags) -> NDArray[np.float32]:
    """Give what a step into each cell costs.

    Of a clear cell 1; of one on the verge of what is not clear 20: a line between two clear cells may cut the corner of
    a third; of one of the margin 1000: the shortest way out of it is taken; of one that is closed it is infinite.
    """
    rows, columns = closed.shape
    found = np.ones(closed.shape, np.float32)
    for row in range(rows):
        for column in range(columns):
            if closed[row, column] or margin[row, column]:
                for y in range(max(row - 1, 0), min(row + 2, rows)):
                    for x in range(max(column - 1, 0), min(column + 2, columns)):
                        found[y, x] = max(found[y, x], 20.0)
                found[row, column] = math.inf if closed[row, column] else 1000.0
    return found


def warm_up() -> None:
    """Compile them, or load what was compiled: no scene pays for it."""
    flags, places = np.zeros((2, 2), np.bool_), np.zeros((2, 2))
    clear(flags, flags, places, 0, 1, True, 1.0)
    straightened(flags, flags, places.astype(np.int32), (0.0, 0.0), (1.0, 1.0), 1.0)
    within(places.astype(np.float32), 1.0)
    middle(places.astype(np.float32))
    cells(places.astype(np.float32), 1.0)
    costs(flags, flags)


__all__ = ['cells', 'clear', 'costs', 'middle', 'straightened', 'warm_up', 'within']
