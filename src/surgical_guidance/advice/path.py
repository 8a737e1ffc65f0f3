"""A way for the tool towards its target that keeps clear of what must not be touched.

A* (pyastar2d) on a coarse grid, 96 cells across the picture. Structures that must not be touched and no-go zones are
closed, and so is a margin around them; only out of the margin, where the tool is in it already, the way may lead. Where
no such way exists there is none, nor for a tip that touches what is closed. A way is kept from frame to frame as long
as it is still clear, still starts near the tip and still leads to the target: it must not flutter. Where none was
found, none is looked for in the next 0.2 s: a search in vain is the longest of all. Of the libraries compared pyastar2d
is the smallest (0.1 MB); that of scikit-image brings 190 MB with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import pyastar2d
from numpy.typing import NDArray

from surgical_guidance.advice import lines
from surgical_guidance.scene.regions import plain
from surgical_guidance.scene.state import Instrument, SceneState

NO_TOUCH = ('cystic_artery', 'cystic_duct', 'hepatic_vein', 'gastrointestinal_tract')
"""Structures that no way leads over [I]."""

MARGIN_SHARE = 0.03
"""How far a way keeps from them, as a share of the picture's height [I]; about 3 mm at the usual distance."""

_COLUMNS = 96
_NEAR_CELLS = 2.0  # a way is kept while tip and target have moved by less
_FAR = 1e5  # px; no picture is larger
_AGAIN_NS = 200_000_000  # after a search in vain [ns]
_NO_WAY = np.empty((0, 2))
_STEP = 4.0  # places are told in quarters of a pixel, which float32 holds exactly

Points = NDArray[np.float32]
Places = NDArray[np.float64]
Place = tuple[float, float]
Way = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Grid:
    """The picture in cells. ``closed``: not to be touched; ``margin``: too near to it."""

    cell: float
    closed: NDArray[np.bool_]
    margin: NDArray[np.bool_]

    def index(self, point: Place) -> tuple[int, int]:
        """Give row and column of a point [px]."""
        rows, columns = self.closed.shape
        x, y = point
        column, row = math.floor((x + 0.5) / self.cell), math.floor((y + 0.5) / self.cell)
        return min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)


class PathPlanner:
    """Plans ways, scene after scene, to one structure at a time. Not for two threads at once."""

    def __init__(self, energy_tool: str) -> None:
        self._energy_tool = energy_tool
        self._target = ''
        lines.warm_up()
        self._way: Places = _NO_WAY
        self._in_vain_ns: int | None = None  # stamp of the last search, where it found nothing

    def forget(self) -> None:
        """Forget the last way."""
        self._target = ''
        self._way = _NO_WAY
        self._in_vain_ns = None

    def plan(self, scene: SceneState, target: str) -> Way:
        """Give a way from the tool's tip to a structure, ``x0, y0, x1, y1, ...`` [px]; empty where none is clear.

        :param target: class of the structure.
        """
        vain_ns = self._in_vain_ns
        if target == self._target and vain_ns is not None and 0 <= scene.stamp_ns - vain_ns < _AGAIN_NS:
            return ()
        goal = _middle_of(scene, target)
        tip = self._tip(scene, goal)
        if tip is None or goal is None:
            self.forget()
            return ()
        last = self._way if target == self._target else _NO_WAY
        self._target, self._way = target, _found(scene, target, tip, goal, last)
        self._in_vain_ns = None if len(self._way) else scene.stamp_ns
        if len(self._way) < 2:
            return ()
        places = (tip, *self._way[1:].tolist())
        return tuple([round(value * _STEP, 0) / _STEP for place in places for value in place])

    def _tip(self, scene: SceneState, goal: Place | None) -> Place | None:
        """Give the tip that is to be led: the energy tool's, else that nearest to the target."""
        if goal is None:
            return None
        tools = [tool for tool in scene.instruments if _has_tip(tool, scene)]
        chosen = min(
            tools,
            key=lambda tool: (
                tool.class_name != self._energy_tool,
                math.hypot(tool.tip_x - goal[0], tool.tip_y - goal[1]),
            ),
            default=None,
        )
        return None if chosen is None else (float(chosen.tip_x), float(chosen.tip_y))  # compiled loops know floats


def _found(scene: SceneState, target: str, tip: Place, goal: Place, last: Places) -> Places:
    """Give the last way where it still holds, else another; no point where none is clear."""
    obstacles = list(_obstacles(scene, target))
    if any(cv2.pointPolygonTest(contour, tip, False) >= 0 for contour in obstacles):
        return _NO_WAY
    grid = _grid(scene, obstacles, tip)
    kept = _continued(grid, tip, goal, last)
    return kept if len(kept) else _searched(grid, tip, goal)


def _continued(grid: _Grid, tip: Place, goal: Place, way: Places) -> Places:
    """Give a way less what the tip has passed of it; no point where it does not hold any more."""
    if len(way) < 2:
        return _NO_WAY
    near = _NEAR_CELLS * grid.cell
    while len(way) > 2 and math.dist(way[1], tip) < near:
        way = way[1:]
    if _apart(tip, way[0], way[1]) > near or math.dist(way[-1], goal) > near:
        return _NO_WAY
    return way if _clear(grid, np.vstack([tip, way[1:]])) else _NO_WAY


def _has_tip(tool: Instrument, scene: SceneState) -> bool:
    return tool.tip_visible and 0.0 <= tool.tip_x < scene.width and 0.0 <= tool.tip_y < scene.height


def _middle_of(scene: SceneState, class_name: str) -> Place | None:
    """Give the middle of the largest part of a structure, inside the picture [px]."""
    parts = [one for one in scene.structures if one.class_name == class_name]
    outlines = [(outline, one.area) for one in parts if (outline := _usable(one.contour)) is not None]
    if not outlines or not scene.width or not scene.height:
        return None
    largest, _ = max(outlines, key=lambda one: one[1] if math.isfinite(one[1]) else 0.0)
    x, y = lines.middle(largest)
    return min(max(x, 0.0), scene.width - 1.0), min(max(y, 0.0), scene.height - 1.0)


def _usable(contour: Points) -> Points | None:
    """Give a contour as what is compiled takes it; None where it is none, or its places are none of a picture."""
    outline = plain(contour)
    return outline if len(outline) > 2 and lines.within(outline, _FAR) else None


def _grid(scene: SceneState, obstacles: Sequence[Points], tip: Place) -> _Grid:
    """Lay a grid over obstacles, none of which the tip touches."""
    cell = max(scene.width / _COLUMNS, scene.height / _COLUMNS)
    rows, columns = math.ceil(scene.height / cell), math.ceil(scene.width / cell)
    mask = np.zeros((rows, columns), np.uint8)
    for contour in obstacles:
        cv2.fillPoly(mask, [lines.cells(contour, cell)], (1,))  # with the cells that its border lies in
    reach = math.ceil(MARGIN_SHARE * scene.height / cell)
    near = cv2.dilate(mask, _disc(reach))
    grid = _Grid(cell, mask.view(np.bool_), near.view(np.bool_))
    grid.closed[grid.index(tip)] = False  # it would be closed only because cells are coarse
    np.greater(near, mask, out=grid.margin)  # what is closed is no margin
    return grid


@lru_cache(maxsize=4)
def _disc(reach: int) -> NDArray[np.uint8]:
    size = 2 * reach + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _obstacles(scene: SceneState, target: str) -> Iterator[Points]:
    closed = [one.contour for one in scene.structures if one.class_name in NO_TOUCH and one.class_name != target]
    closed += [zone.contour for zone in scene.zones if zone.kind == 'no_go']
    return (outline for contour in closed if (outline := _usable(contour)) is not None)


def _searched(grid: _Grid, tip: Place, goal: Place) -> Places:
    """Search a way; no point where none is clear."""
    start, end = grid.index(tip), grid.index(goal)
    if start == end or grid.closed[start] or grid.closed[end]:
        return _NO_WAY
    cells = pyastar2d.astar_path(lines.costs(grid.closed, grid.margin), start, end, allow_diagonal=True)
    if cells is None:
        return _NO_WAY
    way = lines.straightened(grid.closed, grid.margin, cells, tip, goal, grid.cell)
    return way if _clear(grid, way) else _NO_WAY


def _clear(grid: _Grid, way: Places) -> bool:
    """Whether a way touches nothing that is closed, and the margin only where it starts."""
    return lines.clear(grid.closed, grid.margin, way, 0, len(way) - 1, True, grid.cell)


def _apart(point: Place, a: Places, b: Places) -> float:
    """Give the distance of a point from a line between two others [px]."""
    along = b - a
    length = float(along @ along)
    share = min(max(float((np.array(point) - a) @ along) / length, 0.0), 1.0) if length else 0.0
    return math.dist(a + share * along, point)
