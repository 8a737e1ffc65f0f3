"""Closed outlines: with fewer points, and what they enclose."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled


@compiled
def simplify(
    points: NDArray[np.int32], ends: NDArray[np.int64], tolerance: float, sx: float, sy: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Leave out points that lie within a tolerance of what those that stay draw (Ramer, Douglas and Peucker).

    An outline is cut in two at the point furthest from its first one, and each half drawn with as few points as do.

    :param points: ``(n, 2)``, outlines one after another [label pixels].
    :param ends: where each ends.
    :param tolerance: [label pixels].
    :param sx: width of a label pixel [px of the picture].
    :param sy: height of one.
    :return: the outlines with what stays [px of the picture], and where each ends; the rest is not to be looked at.
    """
    kept = np.empty((len(points), 2), np.float32)
    kept_ends = np.empty(len(ends), np.int64)
    xs, ys = np.empty(len(points) + 1), np.empty(len(points) + 1)
    stay = np.empty(len(points) + 1, np.bool_)
    stack = np.empty((len(points) + 2, 2), np.int64)
    count = first = 0
    for number in range(len(ends)):
        turns = _turns(points[first : ends[number]], xs, ys)
        first = ends[number]
        furthest, most = 0, 0.0
        for at in range(turns):
            stay[at] = False
            apart = (xs[at] - xs[0]) ** 2 + (ys[at] - ys[0]) ** 2
            if apart > most:
                furthest, most = at, apart
        stay[0] = stay[furthest] = True
        stack[0, 0], stack[0, 1] = 0, furthest
        stack[1, 0], stack[1, 1] = furthest, turns
        open_ends = 2 if furthest > 0 else 0
        while open_ends:
            open_ends -= 1
            a, b = stack[open_ends]
            where = _furthest(xs[a : b + 1], ys[a : b + 1], tolerance)
            if where > 0:
                stay[a + where] = True
                stack[open_ends, 0], stack[open_ends, 1] = a, a + where
                stack[open_ends + 1, 0], stack[open_ends + 1, 1] = a + where, b
                open_ends += 2
        for at in range(turns):
            if stay[at]:
                kept[count, 0] = xs[at] * sx + (0.5 * sx - 0.5)
                kept[count, 1] = ys[at] * sy + (0.5 * sy - 0.5)
                count += 1
        kept_ends[number] = count
    return kept, kept_ends


@compiled
def _turns(points: NDArray[np.int32], xs: NDArray[np.float64], ys: NDArray[np.float64]) -> int:
    """Give the points of one outline at which it turns, and its first: what lies between is never the furthest.

    :param xs: filled with their places, at the end once more the first.
    :return: how many there are, the last one not counted.
    """
    count, end = 0, len(points)
    step_x, step_y = points[0, 0] - points[end - 1, 0], points[0, 1] - points[end - 1, 1]
    for at in range(end):
        onwards = at + 1 if at + 1 < end else 0
        next_x, next_y = points[onwards, 0] - points[at, 0], points[onwards, 1] - points[at, 1]
        if at == 0 or next_x != step_x or next_y != step_y:
            xs[count], ys[count] = points[at, 0], points[at, 1]
            count += 1
        step_x, step_y = next_x, next_y
    xs[count], ys[count] = xs[0], ys[0]
    return count


@compiled
def _furthest(xs: NDArray[np.float64], ys: NDArray[np.float64], tolerance: float) -> int:
    """Give which point is furthest from the line between the first and the last; 0 where all are near enough."""
    end = len(xs) - 1
    x, y = xs[0], ys[0]
    along_x, along_y = xs[end] - x, ys[end] - y
    square = along_x * along_x + along_y * along_y
    length = math.sqrt(square)
    off, where = tolerance * length, 0
    for at in range(1, end):
        u, v = xs[at] - x, ys[at] - y
        ahead = u * along_x + v * along_y
        if ahead < 0.0:  # a spike that goes out and back over an end lies on the line, and far from it
            apart = math.sqrt(u * u + v * v) * length
        elif ahead > square:
            apart = math.sqrt((u - along_x) ** 2 + (v - along_y) ** 2) * length
        else:
            apart = abs(v * along_x - u * along_y)
        if apart > off:
            off, where = apart, at
    return where


@compiled
def enclosed_by(points: NDArray[np.int32], ends: NDArray[np.int64], shapes: NDArray[np.float64]) -> None:
    """Give what each of some outlines encloses, as :func:`enclosed` does.

    :param points: outlines one after another.
    :param ends: where each ends.
    :param shapes: ``(outlines, 6)``, filled.
    """
    first = 0
    for number in range(len(ends)):
        area, x, y, xx, xy, yy = enclosed(points[first : ends[number]])
        shapes[number, 0], shapes[number, 1], shapes[number, 2] = area, x, y
        shapes[number, 3], shapes[number, 4], shapes[number, 5] = xx, xy, yy
        first = ends[number]


@compiled
def enclosed(points: NDArray[np.int32]) -> tuple[float, float, float, float, float, float]:
    """Give what a closed outline encloses, by Green's theorem; where that is nothing, what its points are.

    :param points: ``(n, 2)``, at least one.
    :return: area, middle (x, y), and second central moments over the area (xx, xy, yy), in pixels of the map. The area
        is 0 where the outline encloses nothing.
    """
    count = len(points)
    left, top = points[0, 0], points[0, 1]  # seen from there, as large numbers would cancel
    area = mx = my = xx = xy = yy = 0.0
    x0, y0 = float(points[count - 1, 0] - left), float(points[count - 1, 1] - top)
    for at in range(count):
        x1, y1 = float(points[at, 0] - left), float(points[at, 1] - top)
        cross = x0 * y1 - x1 * y0
        area += cross
        mx += cross * (x0 + x1)
        my += cross * (y0 + y1)
        xx += cross * (x0 * (x0 + x1) + x1 * x1)
        yy += cross * (y0 * (y0 + y1) + y1 * y1)
        xy += cross * (x0 * (2.0 * y0 + y1) + x1 * (y0 + 2.0 * y1))
        x0, y0 = x1, y1
    if area != 0.0:
        x, y = mx / (3.0 * area), my / (3.0 * area)
        return (
            abs(area) / 2.0, left + x, top + y,
            xx / (6.0 * area) - x * x, xy / (12.0 * area) - x * y, yy / (6.0 * area) - y * y,
        )  # fmt: skip
    for at in range(count):
        mx += points[at, 0] - left
        my += points[at, 1] - top
    x, y = mx / count, my / count
    xx = xy = yy = 0.0
    for at in range(count):
        dx, dy = points[at, 0] - left - x, points[at, 1] - top - y
        xx += dx * dx
        xy += dx * dy
        yy += dy * dy
    return 0.0, left + x, top + y, xx / count, xy / count, yy / count
