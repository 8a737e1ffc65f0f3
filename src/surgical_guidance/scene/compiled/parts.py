"""The connected parts of each class of a label map, and their borders.

Rows are taken as runs of one label; runs of neighbouring rows that touch, be it at a corner, are one part. Borders are
followed from the first pixel of a part as Suzuki and Abe do (1985), so that they come out as OpenCV gives them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

LABEL, LEFT, TOP, WIDTH, HEIGHT, AREA, SEEN, ROOT = range(8)
"""Columns of the table of parts. ``AREA``: all its pixels; ``SEEN``: those that nothing covers."""

COLUMNS = 8

_STEP_X = np.array((1, 1, 0, -1, -1, -1, 0, 1))  # neighbours anticlockwise, from the one to the right
_STEP_Y = np.array((0, -1, -1, -1, 0, 1, 1, 1))
_WEST = 4
_ONES = np.uint64(0x0101010101010101)


@compiled
def find_runs(
    labels: NDArray[np.uint8], words: NDArray[np.uint64], wanted: NDArray[np.bool_], runs: NDArray[np.int32]
) -> int:
    """Find the runs of wanted labels, row by row, and join those that touch.

    :param words: the same memory, eight labels a number; ``(0, 0)`` where rows do not consist of such.
    :param wanted: ``(256,)``, by label.
    :param runs: ``(rows * columns, 4)``, filled with row, first column, the column after the last, and the first run of
        its part.
    :return: how many there are.
    """
    rows, columns = labels.shape
    fast = words.size > 0
    count = above = 0
    for row in range(rows if columns else 0):
        first = count
        column = start = 0
        label = labels[row, 0]
        eight = _ONES * np.uint64(label)
        while column < columns:
            if fast and words[row, column // 8] == eight:
                column += 8
                continue
            last = column + 8 if fast else columns
            for at in range(column, last):
                if labels[row, at] != label:
                    if wanted[label]:
                        runs[count, 0], runs[count, 1], runs[count, 2], runs[count, 3] = row, start, at, count
                        count += 1
                    start, label = at, labels[row, at]
            eight = _ONES * np.uint64(label)
            column = last
        if wanted[label]:
            runs[count, 0], runs[count, 1], runs[count, 2], runs[count, 3] = row, start, columns, count
            count += 1
        other = above
        for run in range(first, count):
            start, end = runs[run, 1], runs[run, 2]
            while other < first and runs[other, 2] < start:
                other += 1
            near = other
            while near < first and runs[near, 1] <= end:
                if labels[row - 1, runs[near, 1]] == labels[row, start]:
                    _join(runs, run, near)
                near += 1
        above = first
    for run in range(count):  # a run's first one comes before it, and is settled
        runs[run, 3] = runs[runs[run, 3], 3]
    return count


@compiled
def mark(runs: NDArray[np.int32], count: int, flags: NDArray[np.uint8]) -> None:
    """Mark the pixels of runs with 1, all others with 0.

    :param flags: as large as the map, filled.
    """
    flat = flags.ravel()
    for at in range(len(flat)):
        flat[at] = 0
    for run in range(count):
        row = runs[run, 0]
        for column in range(runs[run, 1], runs[run, 2]):
            flags[row, column] = 1


@compiled
def measure(
    labels: NDArray[np.uint8],
    runs: NDArray[np.int32],
    count: int,
    smallest: float,
    table: NDArray[np.int64],
    places: NDArray[np.int32],
) -> int:
    """Measure the parts that are large enough.

    :param count: of the runs.
    :param smallest: number of pixels.
    :param table: ``(n, COLUMNS)``, filled with them in the order of their first pixels; what is beyond ``n`` is left
        out.
    :param places: ``(rows * columns,)``, filled with the place in the table of the part of each run; -1: none.
    :return: how many there are.
    """
    for run in range(count):
        places[run] = 0
    for run in range(count):  # their areas first
        places[runs[run, 3]] += runs[run, 2] - runs[run, 1]
    found = 0
    for run in range(count):
        row, start, end, root = runs[run, 0], runs[run, 1], runs[run, 2], runs[run, 3]
        if root == run:
            if places[run] < smallest or found == len(table):
                places[run] = -1
                continue
            table[found, LABEL], table[found, LEFT], table[found, TOP] = labels[row, start], start, row
            table[found, WIDTH], table[found, HEIGHT] = end, row + 1  # as the ends, until all is known
            table[found, AREA], table[found, SEEN], table[found, ROOT] = places[run], 0, run
            places[run] = found
            found += 1
        else:
            place = places[run] = places[root]
            if place >= 0:
                table[place, LEFT] = min(table[place, LEFT], start)
                table[place, WIDTH] = max(table[place, WIDTH], end)
                table[place, HEIGHT] = row + 1
    for place in range(found):
        table[place, WIDTH] -= table[place, LEFT]
        table[place, HEIGHT] -= table[place, TOP]
    return found


@compiled
def score(
    runs: NDArray[np.int32],
    count: int,
    places: NDArray[np.int32],
    numbers: NDArray[np.int32],
    table: NDArray[np.int64],
    every: int,
    confidence: NDArray[np.uint8],
    covered: NDArray[np.uint8],
    owners: NDArray[np.uint8],
    scores: NDArray[np.float64],
) -> None:
    """Tell whose each pixel is, how many of a part are seen, and what the network thinks of them.

    :param numbers: of the parts in the table, counted from 1 as they are to be known by; 0: it is let go.
    :param every: rows of a part of which one is asked for its confidence; of a low part all are.
    :param covered: ``(rows, columns)``, 1 where something is in front, else 0; or ``(0, 0)``: nowhere.
    :param owners: ``(rows, columns)``, filled with numbers; 0: nobody's. ``(0, 0)``: that is not wanted.
    :param scores: filled with the mean confidence of what is seen of each part in the table, 0 to 1; 0: nothing is.
    """
    flat, hides, sure = owners.ravel(), covered.ravel(), confidence.ravel()  # lines without rows: much the fastest
    for at in range(len(flat)):
        flat[at] = 0
    columns = confidence.shape[1]
    asked, total = np.zeros(len(scores), np.int64), np.zeros(len(scores), np.int64)
    for run in range(count):
        place = places[run]
        if place < 0 or numbers[place] == 0:
            continue
        row = runs[run, 0]
        start, end = row * columns + runs[run, 1], row * columns + runs[run, 2]
        if len(flat):
            number = np.uint8(numbers[place])
            for at in range(start, end):
                flat[at] = number
        hidden = 0
        if len(hides):
            for at in range(start, end):
                hidden += hides[at]
        seen = end - start - hidden
        table[place, SEEN] += seen
        step = every if table[place, HEIGHT] > every * every else 1
        if seen == 0 or (row - table[place, TOP]) % step:
            continue
        level = 0
        if hidden:
            for at in range(start, end):
                level += sure[at] * (1 - hides[at])
        else:
            for at in range(start, end):
                level += sure[at]
        asked[place] += seen
        total[place] += level
    for place in range(len(scores)):
        scores[place] = total[place] / asked[place] / 255.0 if asked[place] else 0.0


@compiled
def follow_borders(
    labels: NDArray[np.uint8],
    runs: NDArray[np.int32],
    roots: NDArray[np.int64],
    points: NDArray[np.int32],
    ends: NDArray[np.int64],
) -> None:
    """Follow the outer borders of parts.

    :param roots: the first run of each.
    :param points: ``(n, 2)``, filled with the borders' pixels, one after another. It must have room for four of each
        pixel of a part.
    :param ends: filled with where each border ends.
    """
    at = 0
    for part in range(len(roots)):
        at = _follow(labels, runs[roots[part], 1], runs[roots[part], 0], points, at)
        ends[part] = at


@compiled
def _follow(labels: NDArray[np.uint8], column: int, row: int, points: NDArray[np.int32], at: int) -> int:
    """Follow one border from the leftmost pixel of its topmost row on, and give where its pixels end."""
    rows, columns = labels.shape
    label = labels[row, column]
    x, y = column, row
    points[at, 0], points[at, 1] = x, y
    at += 1
    first = -1  # which neighbour it will come back from, found clockwise
    for turn in range(1, 8):
        way = (_WEST - turn) % 8
        u, v = x + _STEP_X[way], y + _STEP_Y[way]
        if 0 <= u < columns and 0 <= v < rows and labels[v, u] == label:
            first = way
            break
    if first < 0:
        return at  # it is a single pixel
    last_x, last_y = x + _STEP_X[first], y + _STEP_Y[first]
    came = first
    while True:
        for turn in range(1, 9):  # anticlockwise from where it came from
            way = (came + turn) % 8
            u, v = x + _STEP_X[way], y + _STEP_Y[way]
            if 0 <= u < columns and 0 <= v < rows and labels[v, u] == label:
                break
        if (u == column and v == row and x == last_x and y == last_y) or at == len(points):
            return at
        x, y = u, v
        came = (way + 4) % 8
        points[at, 0], points[at, 1] = x, y
        at += 1


@compiled
def _join(runs: NDArray[np.int32], one: int, other: int) -> None:
    """Join two runs' parts; the first of their runs stands for all."""
    while runs[one, 3] != one:
        one = runs[one, 3]
    while runs[other, 3] != other:
        other = runs[other, 3]
    if one < other:
        runs[other, 3] = one
    else:
        runs[one, 3] = other
