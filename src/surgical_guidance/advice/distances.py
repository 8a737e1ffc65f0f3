"""How near tools are to structures: in millimetres where there is a scale, else as a share of the picture's height.

``<tool>.<structure>.distance_mm`` and ``<tool>.<structure>.distance_share``; of one pair at most one is known.
Conditions on millimetres are tested on d - 2 sigma: an uncertain distance counts as the shortest that it may well be.
``<tool>.<structure>.measured_mm`` is the same number tested as measured, for "it is there" rather than "keep away".
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

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
_BLOOD, _ARTERY = 'blood', 'cystic_artery'
TUBE_CLASSES = ('cystic_duct', _ARTERY)
"""Structures that look like the ones that are to be divided."""

MM, SHARE, MEASURED = 'distance_mm', 'distance_share', 'measured_mm'
_Names = tuple[tuple[str, ...], ...]  # wanted of one pair, in millimetres, as a share, as measured; or nothing
_Kind = tuple[str, bool]  # class of a structure, and whether somebody has confirmed it
NAMES = frozenset(
    f'{tool}.{structure}.{kind}'
    for tool in TOOLS
    for structure in (*STRUCTURE_CLASSES, *_GROUPS)
    for kind in (MM, SHARE, MEASURED)
)


class Distances:
    """Finds the distances that are wanted.

    :param wanted: names of features; others are let go.
    :param energy_tool: instrument class that carries energy.
    """

    def __init__(self, wanted: Collection[str], energy_tool: str) -> None:
        self._wanted = frozenset(wanted)
        self._energy_tool = energy_tool
        self._pairs: dict[tuple[str, bool], dict[_Kind, _Names]] = {}

    def add(self, scene: SceneState, found: Found) -> None:
        """Add the distances of a scene."""
        tools, structures = scene.instruments, scene.structures
        tables = [self._table(tool) for tool in tools]
        kinds = [(one.class_name, one.identified) for one in structures]
        for index, number, px, mm, sigma, _, x, y in scene.proximities:
            if number >= len(structures) or index >= len(tools):
                continue  # a message may say so; there is nothing that it could be about
            tool, kind = tools[index], kinds[number]
            names = tables[index].get(kind)
            if names is None:
                names = self._names(tool, *kind)
            if names:
                _add(names, mm, sigma, px, (x - tool.tip_x, y - tool.tip_y), tool, scene.height, found)
        for blood in scene.structures:
            if blood.class_name == _BLOOD and math.isfinite(blood.source_x) and math.isfinite(blood.source_y):
                self._add_source(scene, blood, found)

    def _add_source(self, scene: SceneState, blood: Structure, found: Found) -> None:
        """Measure from the tips to where blood seems to come from, with the scale at the tip."""
        for tool in scene.instruments:
            names = self._names(tool, BLEEDING_SOURCE, False)
            if names:
                at = blood.source_x - tool.tip_x, blood.source_y - tool.tip_y
                px = math.hypot(*at)
                _add(names, px * tool.mm_per_px, px * tool.mm_per_px_sigma, px, at, tool, scene.height, found)

    def _table(self, tool: Instrument) -> dict[_Kind, _Names]:
        """Give what was named of tools like this one."""
        return self._pairs.setdefault((tool.class_name, tool.energised is Energy.OFF), {})

    def _names(self, tool: Instrument, structure: str, identified: bool) -> _Names:
        """Name the features that are wanted of a tool and a structure."""
        table = self._table(tool)
        names = table.get((structure, identified))
        if names is None:
            pairs = [
                f'{one}.{other}'
                for one in tool_names(tool, self._energy_tool)
                for other in _names_of(structure, identified)
            ]
            kinds = tuple(
                tuple(name for name in (f'{pair}.{kind}' for pair in pairs) if name in self._wanted)
                for kind in (MM, SHARE, MEASURED)
            )
            names = table[structure, identified] = kinds if any(kinds) else ()
        return names


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


def _names_of(structure: str, identified: bool) -> Iterator[str]:
    yield structure
    if structure in TUBE_CLASSES:
        yield TUBE
        if not identified:
            yield UNIDENTIFIED_TUBE
            if structure == _ARTERY:
                yield SUSPECTED_ARTERY


def _add(
    names: _Names,
    mm: float,
    sigma: float,
    px: float,
    towards: tuple[float, float],
    tool: Instrument,
    height: int,
    found: Found,
) -> None:
    if math.isfinite(mm) and math.isfinite(sigma) and sigma >= 0.0:
        for name in names[0]:
            bound = mm - SIGMAS * sigma
            if found.may_be_nearer(name, bound):
                found.directed(Feature(name, mm, sigma, 'mm', bound, *towards, tool.tip_x, tool.tip_y))
        for name in names[2]:
            if found.may_be_nearer(name, mm):
                found.directed(Feature(name, mm, sigma, 'mm', mm, *towards, tool.tip_x, tool.tip_y))
    elif height:
        share = px / height
        for name in names[1]:
            if found.may_be_nearer(name, share):
                found.directed(Feature(name, share, NAN, '1', share, *towards, tool.tip_x, tool.tip_y))
