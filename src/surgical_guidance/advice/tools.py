"""Where the tools are: in the picture, in the zones, and against the line that nobody dissects below."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

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


def add(scene: SceneState, energy_tool: str, found: Found) -> None:
    """Add what is known of the tools of a scene."""
    if found.wants(OFF_CENTRE):
        _off_centre(scene, found)
    found.number(COUNT, float(sum(tool.tip_visible for tool in scene.instruments)))
    calls = [(tool, tool_names(tool, energy_tool)) for tool in scene.instruments]
    for name, feature in zip(TOOLS, _features(TOOLS, SEEN), strict=True):
        if found.wants(feature):
            found.number(feature, float(sum(name in called and tool.tip_visible for tool, called in calls)))
    regions = {kind: list(_regions(scene.zones, kind)) for kind in (_NO_GO_KIND, _SAFE_KIND)}
    for tool, called in calls:
        _largest(called, OPENING, tool.opening, tool, found)
        if not _has_tip(tool):
            continue
        for kind, what in ((_NO_GO_KIND, NO_GO), (_SAFE_KIND, SAFE)):
            if regions[kind] and any(map(found.wants, _features(called, what))):
                inside = any(
                    cv2.pointPolygonTest(region, (tool.tip_x, tool.tip_y), False) >= 0 for region in regions[kind]
                )
                _largest(called, what, float(inside), tool, found)
        if any(map(found.wants, _features(called, BELOW_LINE))):
            _below_line(scene, tool, called, found)


def _largest(called: tuple[str, ...], what: str, value: float, tool: Instrument, found: Found) -> None:
    """Take in a number of one tool; of several tools of one name the largest counts."""
    for feature in filter(found.wants, _features(called, what)):
        before = found.features.get(feature)
        if before is None or value > before.value:
            found.directed(Feature(feature, value, NAN, '1', value, x=tool.tip_x, y=tool.tip_y))


@lru_cache(maxsize=256)
def _features(called: tuple[str, ...], what: str) -> tuple[str, ...]:
    return tuple(f'{name}.{what}' for name in called)


def _has_tip(tool: Instrument) -> bool:
    return tool.tip_visible and _near(tool.tip_x, tool.tip_y)


def _near(x: float, y: float) -> bool:
    return abs(x) < FAR and abs(y) < FAR


def _regions(zones: tuple[Zone, ...], kind: str) -> Iterator[NDArray[np.float32]]:
    for zone in zones:
        if zone.kind == kind and len(zone.contour) > 2 and bool(np.isfinite(zone.contour).all()):
            yield np.ascontiguousarray(zone.contour, np.float32)


def _below_line(scene: SceneState, tool: Instrument, called: tuple[str, ...], found: Found) -> None:
    """How far the tip is below the line through the two landmarks, as a share of the picture's height."""
    placed = [landmark for landmark in scene.landmarks if _near(landmark.x, landmark.y)]
    ends: list[Landmark] = []
    for name in LANDMARKS:
        ends += [landmark for landmark in placed if landmark.name == name][:1]
    if len(ends) < len(LANDMARKS) or not scene.height:
        return
    along_x, along_y = ends[1].x - ends[0].x, ends[1].y - ends[0].y
    length = math.hypot(along_x, along_y)
    roll = scene.roll if math.isfinite(scene.roll) else 0.0
    if not length:
        return
    normal_x, normal_y = -along_y / length, along_x / length
    if normal_x * math.sin(roll) + normal_y * math.cos(roll) < 0.0:  # downwards in the room
        normal_x, normal_y = -normal_x, -normal_y
    px = (tool.tip_x - ends[0].x) * normal_x + (tool.tip_y - ends[0].y) * normal_y
    sigma = max((end.sigma_px for end in ends if math.isfinite(end.sigma_px)), default=0.0)
    share, spread = px / scene.height, sigma / scene.height
    for name in _features(called, BELOW_LINE):
        found.directed(
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
    dx = sum(px for px, _ in places) / len(places) - x
    dy = sum(py for _, py in places) / len(places) - y
    share = math.hypot(dx, dy) / scene.height
    found.directed(Feature(OFF_CENTRE, share, NAN, '1', share, dx, dy, x, y))


def _middle(contour: NDArray[np.float32]) -> tuple[float, float]:
    low, high = contour.min(axis=0).tolist(), contour.max(axis=0).tolist()
    return (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
