"""Where the tools are: in the picture, in the zones, and against the line that nobody dissects below."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.advice.distances import TOOLS, tool_names
from surgical_guidance.advice.feature import FAR, SIGMAS, Feature, Found
from surgical_guidance.contract import LANDMARKS
from surgical_guidance.scene.state import NAN, Instrument, Landmark, SceneState, Zone

OFF_CENTRE = 'instruments.off_centre'
COUNT = 'instruments.count'
SEEN, OPENING, NO_GO, SAFE = 'seen', 'opening', 'in_no_go', 'in_safe'
BELOW_LINE = 'below_line'
NAMES = frozenset({OFF_CENTRE, COUNT, *(f'{tool}.{what}' for tool in TOOLS for what in (
    SEEN, OPENING, NO_GO, SAFE, BELOW_LINE))})  # fmt: skip

_NO_GO_KIND, _SAFE_KIND = 'no_go', 'safe'


class _Names(NamedTuple):
    """What is wanted of a tool."""

    seen: tuple[str, ...]
    opening: tuple[str, ...]
    no_go: tuple[str, ...]
    safe: tuple[str, ...]
    below_line: tuple[str, ...]


class Tools:
    """Tells what is wanted of the tools.

    :param wanted: names of features; others are let go.
    :param energy_tool: instrument class that carries energy.
    """

    def __init__(self, wanted: Set[str], energy_tool: str) -> None:
        self._wanted = wanted
        self._energy_tool = energy_tool
        self._seen = [name for name in _features(TOOLS, SEEN) if name in wanted]
        self._kinds: dict[tuple[str, ...], _Names] = {}  # by all that a tool is called

    def add(self, scene: SceneState, found: Found) -> None:
        """Add what is known of the tools of a scene."""
        if found.wants(OFF_CENTRE):
            _off_centre(scene, found)
        if found.wants(COUNT):
            found.number(COUNT, float(sum(tool.tip_visible for tool in scene.instruments)))
        no_go, safe = list(_regions(scene.zones, _NO_GO_KIND)), list(_regions(scene.zones, _SAFE_KIND))
        seen = dict.fromkeys(self._seen, 0)
        for tool in scene.instruments:
            names = self._names(tool)
            _largest(names.opening, tool.opening, tool, found)
            if tool.tip_visible:
                for name in names.seen:
                    seen[name] += 1
            if _has_tip(tool):
                _inside(no_go, names.no_go, tool, found)
                _inside(safe, names.safe, tool, found)
                if names.below_line:
                    _below_line(scene, tool, names.below_line, found)
        for name, count in seen.items():
            found.number(name, float(count))

    def _names(self, tool: Instrument) -> _Names:
        """Name what is wanted of a tool."""
        called = tool_names(tool, self._energy_tool)
        names = self._kinds.get(called)
        if names is None:
            kinds = (SEEN, OPENING, NO_GO, SAFE, BELOW_LINE)
            names = self._kinds[called] = _Names(
                *(tuple(name for name in _features(called, what) if name in self._wanted) for what in kinds)
            )
        return names


def _features(called: Iterable[str], what: str) -> Iterator[str]:
    return (f'{name}.{what}' for name in called)


def _largest(names: Iterable[str], value: float, tool: Instrument, found: Found) -> None:
    """Take in a number of one tool; of several tools of one name the largest counts."""
    for name in names:
        if name not in found or value > found.bounds[name]:
            found.told(Feature(name, value, NAN, '1', value, x=tool.tip_x, y=tool.tip_y))


def _inside(regions: Sequence[NDArray[np.float32]], names: Sequence[str], tool: Instrument, found: Found) -> None:
    """Take in whether a tip is in one of the regions; where there is none nothing is known."""
    if regions and names:
        at = tool.tip_x, tool.tip_y
        inside = any(cv2.pointPolygonTest(region, at, False) >= 0 for region in regions)
        _largest(names, float(inside), tool, found)


def _has_tip(tool: Instrument) -> bool:
    return tool.tip_visible and abs(tool.tip_x) < FAR and abs(tool.tip_y) < FAR


def _regions(zones: tuple[Zone, ...], kind: str) -> Iterator[NDArray[np.float32]]:
    for zone in zones:
        if zone.kind == kind and len(zone.contour) > 2 and bool(np.isfinite(zone.contour).all()):
            yield np.ascontiguousarray(zone.contour, np.float32)


def _below_line(scene: SceneState, tool: Instrument, names: Iterable[str], found: Found) -> None:
    """How far the tip is below the line through the two landmarks, as a share of the picture's height."""
    ends: list[Landmark] = []
    for name in LANDMARKS:
        ends += [landmark for landmark in scene.landmarks if landmark.name == name][:1]
    if len(ends) < len(LANDMARKS) or not scene.height:
        return
    along_x, along_y = ends[1].x - ends[0].x, ends[1].y - ends[0].y
    length = math.hypot(along_x, along_y)
    roll = scene.roll if math.isfinite(scene.roll) else 0.0
    if not 0.0 < length < math.inf:
        return
    normal_x, normal_y = -along_y / length, along_x / length
    if normal_x * math.sin(roll) + normal_y * math.cos(roll) < 0.0:  # downwards in the room
        normal_x, normal_y = -normal_x, -normal_y
    px = (tool.tip_x - ends[0].x) * normal_x + (tool.tip_y - ends[0].y) * normal_y
    sigma = max((end.sigma_px for end in ends if math.isfinite(end.sigma_px)), default=0.0)
    share, spread = px / scene.height, sigma / scene.height
    for name in names:
        found.told(
            Feature(name, share, spread, '1', share - SIGMAS * spread, -normal_x * px, -normal_y * px,
                    tool.tip_x, tool.tip_y)
        )  # fmt: skip


def _off_centre(scene: SceneState, found: Found) -> None:
    """Where the tools are: the mean of their tips; where no tip is seen, of the middles of their outlines."""
    places = [(tool.tip_x, tool.tip_y) for tool in scene.instruments if tool.tip_visible]
    if not places:
        places = [_middle(tool.contour) for tool in scene.instruments if len(tool.contour)]
    if not places or not scene.height:
        return
    x, y = (scene.width - 1) / 2, (scene.height - 1) / 2
    dx = sum([px for px, _ in places]) / len(places) - x
    dy = sum([py for _, py in places]) / len(places) - y
    share = math.hypot(dx, dy) / scene.height
    found.told(Feature(OFF_CENTRE, share, NAN, '1', share, dx, dy, x, y))


def _middle(contour: NDArray[np.float32]) -> tuple[float, float]:
    low, high = contour.min(axis=0).tolist(), contour.max(axis=0).tolist()
    return (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
