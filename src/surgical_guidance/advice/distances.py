"""How near tools are to structures: in millimetres where there is a scale, else as a share of the picture's height.

``<tool>.<structure>.distance_mm`` and ``<tool>.<structure>.distance_share``; of one pair at most one is known.
Conditions on millimetres are tested on d - 2 sigma: an uncertain distance counts as the shortest that it may well be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from surgical_guidance.advice.feature import SIGMAS, Feature, Found
from surgical_guidance.contract import INSTRUMENT_CLASSES, STRUCTURE_CLASSES
from surgical_guidance.scene.state import NAN, Energy, Instrument, SceneState, Structure

ANY_TOOL, ENERGY_TOOL, ENERGISED_TOOL, DIVIDING_TOOL = 'instrument', 'energy_tool', 'energised', 'dividing'
TOOLS = (*INSTRUMENT_CLASSES, ANY_TOOL, ENERGY_TOOL, ENERGISED_TOOL, DIVIDING_TOOL)
DIVIDING_CLASSES = ('clipper', 'scissors')
"""Instruments that divide; no class of the contract is called scissors yet, a model that has it may say so."""

TUBE, UNIDENTIFIED_TUBE = 'tube', 'unidentified_tube'
SUSPECTED_ARTERY, BLEEDING_SOURCE = 'suspected_artery', 'bleeding_source'
_GROUPS = (TUBE, UNIDENTIFIED_TUBE, SUSPECTED_ARTERY, BLEEDING_SOURCE)
_ARTERY = 'cystic_artery'
TUBE_CLASSES = ('cystic_duct', _ARTERY)
"""Structures that look like the ones that are to be divided."""

MM, SHARE = 'distance_mm', 'distance_share'
NAMES = frozenset(
    f'{tool}.{structure}.{kind}'
    for tool in TOOLS
    for structure in (*STRUCTURE_CLASSES, *_GROUPS)
    for kind in (MM, SHARE)
)


def add(scene: SceneState, energy_tool: str, found: Found) -> None:
    """Add the distances of a scene."""
    for near in scene.proximities:
        if near.structure >= len(scene.structures) or near.instrument >= len(scene.instruments):
            continue  # a message may say so; there is nothing that it could be about
        tool = scene.instruments[near.instrument]
        dx, dy = near.nearest_x - tool.tip_x, near.nearest_y - tool.tip_y
        for structure in _names_of(scene.structures[near.structure]):
            for name in tool_names(tool, energy_tool):
                pair = f'{name}.{structure}'
                if math.isfinite(near.distance_mm) and math.isfinite(near.sigma_mm) and near.sigma_mm >= 0.0:
                    _add_mm(pair, near.distance_mm, near.sigma_mm, (dx, dy), tool, found)
                elif scene.height:
                    _add_share(pair, near.distance_px / scene.height, (dx, dy), tool, found)
    if any(found.wants(f'{DIVIDING_TOOL}.{BLEEDING_SOURCE}.{kind}') for kind in (MM, SHARE)):
        _add_sources(scene, energy_tool, found)


def tool_names(tool: Instrument, energy_tool: str) -> Iterator[str]:
    """Name all that an instrument is called in features."""
    yield tool.class_name
    yield ANY_TOOL
    if tool.class_name in DIVIDING_CLASSES:
        yield DIVIDING_TOOL
    if tool.class_name == energy_tool:
        yield ENERGY_TOOL
        if tool.energised is not Energy.OFF:
            yield ENERGISED_TOOL


def _names_of(structure: Structure) -> Iterator[str]:
    yield structure.class_name
    if structure.class_name in TUBE_CLASSES:
        yield TUBE
        if not structure.identified:
            yield UNIDENTIFIED_TUBE
            if structure.class_name == _ARTERY:
                yield SUSPECTED_ARTERY


def _add_sources(scene: SceneState, energy_tool: str, found: Found) -> None:
    """Measure from the tips to where blood seems to come from, with the scale at the tip."""
    for blood in scene.structures:
        if blood.class_name != 'blood':
            continue
        for tool in scene.instruments:
            dx, dy = blood.source_x - tool.tip_x, blood.source_y - tool.tip_y
            px = math.hypot(dx, dy)
            mm, sigma = px * tool.mm_per_px, px * tool.mm_per_px_sigma
            for name in tool_names(tool, energy_tool):
                pair = f'{name}.{BLEEDING_SOURCE}'
                if math.isfinite(mm) and math.isfinite(sigma) and sigma >= 0.0:
                    _add_mm(pair, mm, sigma, (dx, dy), tool, found)
                elif scene.height:
                    _add_share(pair, px / scene.height, (dx, dy), tool, found)


def _add_mm(
    pair: str, mm: float, sigma: float, towards: tuple[float, float], tool: Instrument, found: Found
) -> None:  # fmt: skip
    bound = mm - SIGMAS * sigma
    found.nearest(Feature(f'{pair}.{MM}', mm, sigma, 'mm', bound, *towards, tool.tip_x, tool.tip_y))


def _add_share(pair: str, share: float, towards: tuple[float, float], tool: Instrument, found: Found) -> None:
    found.nearest(Feature(f'{pair}.{SHARE}', share, NAN, '1', share, *towards, tool.tip_x, tool.tip_y))
