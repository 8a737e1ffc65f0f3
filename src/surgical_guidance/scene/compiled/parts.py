"""The connected parts of each class of a label map, and their borders.

Rows are taken as runs of one label; runs of neighbouring rows that touch, be it at a corner, are one part. Borders are
followed from the first pixel of a part as Suzuki and Abe do (1985), so that they come out as OpenCV gives them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Pixels = NDArray[np.uint8]
Runs = NDArray[np.int32]
Table = NDArray[np.int64]

LABEL, LEFT, TOP, WIDTH, HEIGHT, SEEN, ROOT, END = range(8)
"""Columns of the table of parts. ``SEEN``: pixels that nothing covers; ``ROOT``: its first run; ``END``: where its
border ends."""

COLUMNS = 8
RUN = 5
"""Numbers of a run: row, first column, the column after the last, the first run of its part, and its label."""

_LABELS = 256
_STEP_X = np.array((1, 1, 0, -1, -1, -1, 0, 1)).astype(np.uint64)  # neighbours anticlockwise, from the right one on
_STEP_Y = np.array((0, -1, -1, -1, 0, 1, 1, 1)).astype(np.uint64)
_WEST = 4
_ONE, _TOP = np.uint64(1), np.uint64(56)
_PLACES = np.uint64(0x0001020304050607)
"""Times a number with one bit, the lowest of a byte: the highest byte is then the place of that one, from 0."""


@compiled
def find(
    labels: Pixels,
    confidence: Pixels,
    covered: Pixels,
    wanted: NDArray[np.bool_],
    limits: tuple[float, int, int],
    changes: tuple[Pixels, NDArray[np.uint64]],
    runs: Runs,
    places: NDArray[np.int32],
    owners: Pixels,
    points: NDArray[np.int32],
    large: Table,
    table: Table,
    scores: NDArray[np.float64],
) -> tuple[int, int]:
    """Find the parts of wanted labels that are kept: label by label, the one with the largest box first.

    :param confidence: ``(rows, columns)``, what the network thinks of each pixel.
    :param covered: as large, 1 where something is in front, else 0; or ``(0, 0)``: nowhere.
    :param wanted: ``(256,)``, by label.
    :param limits: pixels of the smallest part, how many are kept of one label, and the rows of which one is asked
        for its confidence (of a low part all are, and always the first that is seen).
    :param changes: room for one number more than there are columns, filled up to whole words, as bytes and as words.
    :param runs: ``(rows * columns, RUN)``, filled with the runs of wanted labels.
    :param places: ``(rows * columns,)``, room.
    :param owners: ``(rows, columns)``, filled: parts are counted from 1, 0 is nobody's; ``(0, 0)``: it is not wanted.
    :param points: ``(n, 2)``, filled with the borders' pixels, one after another. It must have room for four of each
        pixel.
    :param large: ``(n, COLUMNS)``, room for all that are large enough; what is beyond ``n`` is left out.
    :param table: ``(m, COLUMNS)``, filled with the parts that are kept, ``m`` at most.
    :param scores: ``(m,)``, filled with the mean confidence of what is seen of each, 0 to 1; 0: nothing is.
    :return: the number of runs, and that of the parts.
    """
    smallest, most, every = limits
    count = _find_runs(labels, wanted, changes[0], changes[1], runs)
    found = _measure(runs, count, smallest, large, places)
    numbers = np.zeros(found, np.int32)
    kept = _choose(large[:found], most, numbers, table)
    _score(runs, count, places, numbers, table[:kept], every, confidence, covered, owners, scores)
    end = 0
    for part in range(kept):
        first = table[part, ROOT]
        end = table[part, END] = _follow(labels, runs[first, 1], runs[first, 0], points, end)
    return count, kept


@compiled
def mark(runs: Runs, count: int, flags: Pixels) -> None:
    """Mark the pixels of runs with 1, all others with 0.

    :param flags: as large as the map, filled.
    """
    flat, columns = flags.ravel(), flags.shape[1]
    for at in range(len(flat)):
        flat[at] = 0
    for run in range(count):
        first = runs[run, 0] * columns
        for pixel in range(np.uint64(first + runs[run, 1]), np.uint64(first + runs[run, 2])):
            flat[pixel] = 1


@compiled
def _find_runs(
    labels: Pixels, wanted: NDArray[np.bool_], changes: Pixels, words: NDArray[np.uint64], runs: Runs
) -> int:
    """Find the runs of wanted labels, row by row, and join those that touch. Give how many there are."""
    rows, columns = labels.shape
    lowest, span = _span(wanted)
    for at in range(len(changes)):
        changes[at] = 0
    changes[columns] = 1  # the row ends
    count = above = 0
    for row in range(rows if columns else 0):
        line, first, start = labels[row], count, 0
        for at in range(1, columns):  # many at a time; what is beside the span of what is wanted is all one
            one, other = np.uint8(line[at] - lowest), np.uint8(line[at - 1] - lowest)
            changes[at] = min(one, span) != min(other, span)
        for word in range(len(words)):
            left = words[word]
            while left:  # a bit of it is set where one of eight pixels is not as the one before
                lowest_bit = left & (~left + _ONE)
                left ^= lowest_bit
                at = 8 * word + int(np.int64((lowest_bit * _PLACES) >> _TOP))
                label = line[start]
                if wanted[label]:
                    runs[count, 0], runs[count, 1], runs[count, 2] = row, start, at
                    runs[count, 3], runs[count, 4] = count, label
                    count += 1
                start = at
        other_run = above
        for run in range(first, count):
            while other_run < first and runs[other_run, 2] < runs[run, 1]:
                other_run += 1
            near = other_run
            while near < first and runs[near, 1] <= runs[run, 2]:
                if runs[near, 4] == runs[run, 4]:
                    _join(runs, run, near)
                near += 1
        above = first
    for run in range(count):  # a run's first one comes before it, and is settled
        runs[run, 3] = runs[runs[run, 3], 3]
    return count


@compiled
def _span(wanted: NDArray[np.bool_]) -> tuple[np.uint8, np.uint8]:
    """Give the lowest label that is wanted, and how far above it the first is from which on none is."""
    lowest = end = 0
    for label in range(len(wanted)):
        if wanted[label]:
            lowest = label if end == 0 else lowest
            end = label + 1
    return np.uint8(lowest), np.uint8(min(end - lowest, _LABELS - 1))


@compiled
def _measure(runs: Runs, count: int, smallest: float, table: Table, places: NDArray[np.int32]) -> int:
    """Measure the parts that are large enough, in the order of their first pixels, and give how many there are.

    :param places: filled with the place in the table of the part of each run; -1: none.
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
            table[found, LABEL], table[found, LEFT], table[found, TOP] = runs[run, 4], start, row
            table[found, WIDTH], table[found, HEIGHT] = end, row + 1  # as the ends, until all is known
            table[found, SEEN], table[found, ROOT] = 0, run
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
def _choose(large: Table, most: int, numbers: NDArray[np.int32], table: Table) -> int:
    """Choose the parts that are kept, and give how many there are.

    :param numbers: as many as there are large parts, all 0; filled with what they are known by where they are kept.
    """
    best = np.empty((_LABELS, most), np.int64)  # places of the largest of each label, in order
    have = np.zeros(_LABELS, np.int64)
    for place in range(len(large)):
        label, box = large[place, LABEL], large[place, WIDTH] * large[place, HEIGHT]
        at = have[label]
        while at > 0 and box > large[best[label, at - 1], WIDTH] * large[best[label, at - 1], HEIGHT]:
            if at < most:
                best[label, at] = best[label, at - 1]
            at -= 1
        if at < most:
            best[label, at] = place
            have[label] = min(have[label] + 1, most)
    kept = 0
    for label in range(_LABELS):
        for at in range(min(int(have[label]), len(table) - kept)):
            place = best[label, at]
            for column in range(COLUMNS):
                table[kept, column] = large[place, column]
            kept += 1
            numbers[place] = kept
    return kept


@compiled
def _score(
    runs: Runs,
    count: int,
    places: NDArray[np.int32],
    numbers: NDArray[np.int32],
    table: Table,
    every: int,
    confidence: Pixels,
    covered: Pixels,
    owners: Pixels,
    scores: NDArray[np.float64],
) -> None:
    """Tell whose each pixel is, how many of a part are seen, and what the network thinks of them."""
    flat, hides, sure = owners.ravel(), covered.ravel(), confidence.ravel()
    for at in range(len(flat)):
        flat[at] = 0
    columns = confidence.shape[1]
    hiding = np.zeros(len(confidence), np.uint8)  # whether anything of a row is covered
    for row in range(len(covered)):
        for column in range(columns):
            hiding[row] |= covered[row, column]
    asked, total = np.zeros(len(table), np.int64), np.zeros(len(table), np.int64)
    asks = np.zeros(len(confidence), np.bool_)
    for row in range(0, len(asks), every):
        asks[row] = True
    for run in range(count):
        place = places[run]
        if place < 0 or numbers[place] == 0:
            continue
        part, row = numbers[place] - 1, runs[run, 0]
        start, end = np.uint64(row * columns + runs[run, 1]), np.uint64(row * columns + runs[run, 2])
        if len(flat):
            number = np.uint8(numbers[place])
            for pixel in range(start, end):
                flat[pixel] = number
        hidden = 0
        if hiding[row]:
            for pixel in range(start, end):
                hidden += hides[pixel]
        seen = runs[run, 2] - runs[run, 1] - hidden
        table[part, SEEN] += seen
        if seen == 0 or not (asks[row] or asked[part] == 0 or table[part, HEIGHT] <= every * every):
            continue
        level = 0
        if hidden:
            for pixel in range(start, end):
                level += sure[pixel] * (1 - hides[pixel])
        else:
            for pixel in range(start, end):
                level += sure[pixel]
        asked[part] += seen
        total[part] += level
    for part in range(len(table)):
        scores[part] = total[part] / asked[part] / 255.0 if asked[part] else 0.0


@compiled
def _follow(labels: Pixels, column: int, row: int, points: NDArray[np.int32], at: int) -> int:
    """Follow one border from the leftmost pixel of its topmost row on, and give where its pixels end."""
    rows, columns = np.uint64(labels.shape[0]), np.uint64(labels.shape[1])
    left, top = np.uint64(column), np.uint64(row)  # without a sign, what is left of 0 is beyond the last column
    label = labels[top, left]
    x, y = left, top
    points[at, 0], points[at, 1] = x, y
    at += 1
    first = -1  # which neighbour it will come back from, found clockwise
    for turn in range(1, 8):
        way = (_WEST - turn) % 8
        u, v = x + _STEP_X[way], y + _STEP_Y[way]
        if u < columns and v < rows and labels[v, u] == label:
            first = way
            break
    if first < 0:
        return at  # it is a single pixel
    last_x, last_y = x + _STEP_X[first], y + _STEP_Y[first]
    came = first
    while True:
        way, u, v = came, x, y
        for _ in range(8):  # anticlockwise from where it came from
            way = (way + 1) & 7
            u, v = x + _STEP_X[way], y + _STEP_Y[way]
            if u < columns and v < rows and labels[v, u] == label:
                break
        if (u == left and v == top and x == last_x and y == last_y) or at == len(points):
            return at
        x, y = u, v
        came = way ^ 4
        points[at, 0], points[at, 1] = x, y
        at += 1


@compiled
def _join(runs: Runs, one: int, other: int) -> None:
    """Join two runs' parts; the first of their runs stands for all."""
    while runs[one, 3] != one:
        one = runs[one, 3]
    while runs[other, 3] != other:
        other = runs[other, 3]
    if one < other:
        runs[other, 3] = one
    else:
        runs[one, 3] = other
