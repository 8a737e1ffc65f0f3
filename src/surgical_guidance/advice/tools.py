"""Where the tools are: in the picture, in the zones, and against the line that nobody dissects below."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Set

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.advice.distances import TOOLS, ToolKind, tool_names
from surgical_guidance.advice.feature import FAR, SIGMAS, Feature, Found
from surgical_guidance.contract import LANDMARKS
from surgical_guidance.scene.state import NAN, Instrument, Landmark, SceneState, Zone

OFF_CENTRE = 'instruments.off_centre'
COUNT = 'instruments.count'
SEEN, OPENING, NO_GO, SAFE = 'seen', 'opening', 'in_no_go', 'in_safe'
BELOW_LINE = 'below_line'
_ASKED = (SEEN, OPENING, NO_GO, SAFE, BELOW_LINE)
NAMES = frozenset({OFF_CENTRE, COUNT, *(f'{tool}.{what}' for tool in TOOLS for what in _ASKED)})

_ZONES = {'no_go': NO_GO, 'safe': SAFE}  # by their kinds


_Wanted = list[tuple[int, list[str]]]  # of which instruments of a scene which features


class Tools:
    """Tells what is wanted of the tools.

    :param wanted: names of features; others are let go.
    :param energy_tool: instrument class that carries energy.
    """

    def __init__(self, wanted: Set[str], energy_tool: str) -> None:
        self._wanted = wanted
        self._energy_tool = energy_tool
        self._seen = [name for name in (f'{tool}.{SEEN}' for tool in TOOLS) if name in wanted]
        self._kinds: tuple[ToolKind, ...] = ()  # of the last scene
        self._of: dict[str, _Wanted] = {what: [] for what in _ASKED}  # of these

    def add(self, scene: SceneState, kinds: tuple[ToolKind, ...], found: Found) -> None:
        """Add what is known of the tools of a scene.

        :param kinds: of its instruments.
        """
        if kinds != self._kinds:
            self._expect(kinds)
        tools = scene.instruments
        if found.wants(OFF_CENTRE):
            _off_centre(scene, found)
        if found.wants(COUNT):
            found.number(COUNT, float(sum(tool.tip_visible for tool in tools)))
        seen = dict.fromkeys(self._seen, 0)
        for index, names in self._of[SEEN]:
            for name in names:
                seen[name] += tools[index].tip_visible
        for name, count in seen.items():
            found.number(name, float(count))
        for index, names in self._of[OPENING]:
            _largest(names, tools[index].opening, tools[index], found)
        for kind, what in _ZONES.items() if scene.zones else ():
            if regions := list(_regions(scene.zones, kind)):
                for index, names in self._of[what]:
                    _inside(regions, names, tools[index], found)
        if ends := _ends(scene):
            for index, names in self._of[BELOW_LINE]:
                _below_line(scene, ends, tools[index], names, found)

    def _expect(self, kinds: tuple[ToolKind, ...]) -> None:
        """Find what is wanted of such tools."""
        self._kinds = kinds
        called = [tool_names(*kind, self._energy_tool) for kind in kinds]
        for what in _ASKED:
            names = [[name for name in (f'{one}.{what}' for one in tool) if name in self._wanted] for tool in called]
            self._of[what] = [(index, some) for index, some in enumerate(names) if some]


def _largest(names: Iterable[str], value: float, tool: Instrument, found: Found) -> None:
    """Take in a number of one tool; of several tools of one name the largest counts."""
    for name in names:
        if value > found.bounds.get(name, -math.inf):
            found.told(Feature(name, value, NAN, '1', value, x=tool.tip_x, y=tool.tip_y))


def _inside(regions: Iterable[NDArray[np.float32]], names: Iterable[str], tool: Instrument, found: Found) -> None:
    if _has_tip(tool):
        at = tool.tip_x, tool.tip_y
        inside = any(cv2.pointPolygonTest(region, at, False) >= 0 for region in regions)
        _largest(names, float(inside), tool, found)


def _has_tip(tool: Instrument) -> bool:
    return tool.tip_visible and abs(tool.tip_x) < FAR and abs(tool.tip_y) < FAR


def _regions(zones: tuple[Zone, ...], kind: str) -> Iterator[NDArray[np.float32]]:
    for zone in zones:
        if zone.kind == kind and len(zone.contour) > 2 and bool(np.isfinite(zone.contour).all()):
            yield np.ascontiguousarray(zone.contour, np.float32)


def _ends(scene: SceneState) -> list[Landmark]:
    """Give the two ends of the line that nobody dissects below; nothing where one is not known."""
    first = {landmark.name: landmark for landmark in reversed(scene.landmarks)}
    ends = [first[name] for name in LANDMARKS if name in first]
    return ends if len(ends) == len(LANDMARKS) else []


def _below_line(
    scene: SceneState, ends: Sequence[Landmark], tool: Instrument, names: Iterable[str], found: Found
) -> None:
    """How far the tip is below the line through the two landmarks, as a share of the picture's height."""
    if not scene.height or not _has_tip(tool):
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
