"""A way for the tool towards its target that keeps clear of what must not be touched.

A* (pyastar2d) on a coarse grid, 96 cells across the picture. Structures that must not be touched and no-go zones are
closed, and so is a margin around them; only out of the margin, where the tool is in it already, the way may lead. Where
no such way exists there is none. A way is kept from frame to frame as long as it is still clear, still starts near the
tip and still leads to the target: it must not flutter. Where none was found, none is looked for in the next
0.2 s: a search in vain is the longest of all. Of the libraries compared pyastar2d is the smallest (0.1 MB);
that of scikit-image brings 190 MB with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import pyastar2d
from numpy.typing import NDArray

from surgical_guidance.advice import lines
from surgical_guidance.scene.state import Instrument, SceneState

NO_TOUCH = ('cystic_artery', 'cystic_duct', 'hepatic_vein', 'gastrointestinal_tract')
"""Structures that no way leads over [I]."""

MARGIN_SHARE = 0.03
"""How far a way keeps from them, as a share of the picture's height [I]; about 3 mm at the usual distance."""

_COLUMNS = 96
_MARGIN_COST = 1000.0  # of a cell of the margin: the shortest way out of it is taken
_VERGE_COST = 20.0  # of a cell beside it: a line between two clear cells may cut the corner of a third
_NEAR_CELLS = 2.0  # a way is kept while tip and target have moved by less
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_FAR = 1e5  # px; no picture is larger
_AGAIN_NS = 200_000_000  # after a search in vain [ns]
_STEP = 4.0  # places are told in quarters of a pixel, which float32 holds exactly

Points = NDArray[np.float32]
Way = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Grid:
    """The picture in cells. ``closed``: not to be touched; ``margin``: too near to it."""

    cell: float
    closed: NDArray[np.bool_]
    margin: NDArray[np.bool_]

    def index(self, point: NDArray[np.float64]) -> tuple[int, int]:
        """Give row and column of a point [px]."""
        rows, columns = self.closed.shape
        column, row = np.floor((point + 0.5) / self.cell).astype(int)
        return min(max(int(row), 0), rows - 1), min(max(int(column), 0), columns - 1)


class PathPlanner:
    """Plans ways, scene after scene, to one structure at a time. Not for two threads at once."""

    def __init__(self, energy_tool: str) -> None:
        self._energy_tool = energy_tool
        self._target = ''
        lines.warm_up()
        self._way: NDArray[np.float64] = np.empty((0, 2))
        self._in_vain_ns: int | None = None  # stamp of the last search, where it found nothing

    def forget(self) -> None:
        """Forget the last way."""
        self._target = ''
        self._way = np.empty((0, 2))
        self._in_vain_ns = None

    def plan(self, scene: SceneState, target: str) -> Way:
        """Give a way from the tool's tip to a structure, ``x0, y0, x1, y1, ...`` [px]; empty where none is clear.

        :param target: class of the structure.
        """
        goal = _middle_of(scene, target)
        tip = self._tip(scene, goal)
        if tip is None or goal is None:
            self.forget()
            return ()
        vain_ns = self._in_vain_ns
        if target == self._target and vain_ns is not None and 0 <= scene.stamp_ns - vain_ns < _AGAIN_NS:
            return ()
        grid = _grid(scene, target, tip)
        if target != self._target or not self._continues(grid, tip, goal):
            self._target, self._way = target, _searched(grid, tip, goal)
            self._in_vain_ns = None if len(self._way) else scene.stamp_ns
        if len(self._way) < 2:
            return ()
        way = np.vstack([tip, self._way[1:]])
        return tuple(float(value) for value in (np.rint(way * _STEP) / _STEP).ravel())

    def _tip(self, scene: SceneState, goal: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
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
        return None if chosen is None else np.array([chosen.tip_x, chosen.tip_y])

    def _continues(self, grid: _Grid, tip: NDArray[np.float64], goal: NDArray[np.float64]) -> bool:
        """Whether the last way still holds; what the tip has passed of it is left behind."""
        if len(self._way) < 2:
            return False
        near = _NEAR_CELLS * grid.cell
        while len(self._way) > 2 and math.dist(self._way[1], tip) < near:
            self._way = self._way[1:]
        if _apart(tip, self._way[0], self._way[1]) > near or math.dist(self._way[-1], goal) > near:
            return False
        return _clear(grid, np.vstack([tip, self._way[1:]]))


def _has_tip(tool: Instrument, scene: SceneState) -> bool:
    return tool.tip_visible and 0.0 <= tool.tip_x < scene.width and 0.0 <= tool.tip_y < scene.height


def _middle_of(scene: SceneState, class_name: str) -> NDArray[np.float64] | None:
    """Give the middle of the largest part of a structure, inside the picture [px]."""
    parts = [one for one in scene.structures if one.class_name == class_name and _usable(one.contour)]
    if not parts or not scene.width or not scene.height:
        return None
    middle = max(parts, key=lambda one: one.area if math.isfinite(one.area) else 0.0).contour.mean(axis=0)
    x, y = middle.tolist()
    return np.array([min(max(x, 0.0), scene.width - 1.0), min(max(y, 0.0), scene.height - 1.0)])


def _usable(contour: Points) -> bool:
    return len(contour) > 2 and bool((np.abs(contour) < _FAR).all())  # NaN is not


def _grid(scene: SceneState, target: str, tip: NDArray[np.float64]) -> _Grid:
    cell = max(scene.width / _COLUMNS, scene.height / _COLUMNS)
    rows, columns = math.ceil(scene.height / cell), math.ceil(scene.width / cell)
    mask = np.zeros((rows, columns), np.uint8)
    touching = False
    for contour in _obstacles(scene, target):
        touching |= cv2.pointPolygonTest(contour, (float(tip[0]), float(tip[1])), False) >= 0
        outline = np.floor((contour + np.float32(0.5)) / np.float32(cell)).astype(np.int32)
        cv2.fillPoly(mask, [outline], (1,))
        cv2.polylines(mask, [outline], True, (1,))
    reach = math.ceil(MARGIN_SHARE * scene.height / cell)
    near = np.asarray(cv2.dilate(mask, _disc(reach)), np.uint8)
    grid = _Grid(cell, mask.view(np.bool_), near.view(np.bool_))
    if not touching:  # the cell of the tip is closed only because cells are coarse
        grid.closed[grid.index(tip)] = False
    grid.margin[grid.closed] = False
    return grid


@lru_cache(maxsize=4)
def _disc(reach: int) -> NDArray[np.uint8]:
    size = 2 * reach + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _obstacles(scene: SceneState, target: str) -> Iterator[Points]:
    for structure in scene.structures:
        if structure.class_name in NO_TOUCH and structure.class_name != target and _usable(structure.contour):
            yield np.ascontiguousarray(structure.contour, np.float32)
    for zone in scene.zones:
        if zone.kind == 'no_go' and _usable(zone.contour):
            yield np.ascontiguousarray(zone.contour, np.float32)


def _searched(grid: _Grid, tip: NDArray[np.float64], goal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Search a way; no point where none is clear."""
    near = np.logical_or(grid.closed, grid.margin).view(np.uint8)
    weights = np.ones(grid.closed.shape, np.float32)
    weights[np.greater(cv2.dilate(near, _NEIGHBOURS), near)] = _VERGE_COST
    weights[grid.margin] = _MARGIN_COST
    weights[grid.closed] = np.inf
    start, end = grid.index(tip), grid.index(goal)
    if start == end or not (np.isfinite(weights[start]) and np.isfinite(weights[end])):
        return np.empty((0, 2))
    cells = pyastar2d.astar_path(weights, start, end, allow_diagonal=True)
    if cells is None:
        return np.empty((0, 2))
    places = (cells[:, ::-1] + 0.5) * grid.cell - 0.5
    places[0], places[-1] = tip, goal
    way = _straightened(grid, places)
    return way if _clear(grid, way) else np.empty((0, 2))


def _straightened(grid: _Grid, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out what lies on the straight line between two places, as far as that line is clear."""
    kept = np.empty(len(places), np.int64)
    return places[kept[: lines.straighten(grid.closed, grid.margin, places, grid.cell, kept)]]


def _clear(grid: _Grid, way: NDArray[np.float64]) -> bool:
    """Whether a way touches nothing that is closed, and the margin only where it starts."""
    return lines.clear(grid.closed, grid.margin, way, 0, len(way) - 1, True, grid.cell)


def _apart(point: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Give the distance of a point from a line between two others [px]."""
    along = b - a
    length = float(along @ along)
    share = min(max(float((point - a) @ along) / length, 0.0), 1.0) if length else 0.0
    return math.dist(a + share * along, point)
