"""How near tools are to structures: in millimetres where there is a scale, else as a share of the picture's height.

``<tool>.<structure>.distance_mm`` and ``<tool>.<structure>.distance_share``; of one pair at most one is known.
Conditions on millimetres are tested on d - 2 sigma: an uncertain distance counts as the shortest that it may well be.
``<tool>.<structure>.measured_mm`` is the same number tested as measured, for "it is there" rather than "keep away".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Set
from functools import lru_cache

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
    """Finds the distances that are wanted, few of all that a scene tells.

    :param wanted: names of features; others are let go.
    :param energy_tool: instrument class that carries energy.
    """

    def __init__(self, wanted: Set[str], energy_tool: str) -> None:
        self._wanted = wanted
        self._structures = {name.split('.')[1] for name in wanted & NAMES}
        self._energy_tool = energy_tool
        self._pairs: dict[tuple[str, bool, str, bool], _Names] = {}
        self._kinds: tuple[_Kind, ...] = ()  # of the structures of the last scene
        self._asked: set[int] = set()  # numbers of those that something wanted is about
        self._rows: dict[tuple[str, bool], list[_Names]] = {}  # what is wanted of all of them, by kinds of tools

    def add(self, scene: SceneState, found: Found) -> None:
        """Add the distances of a scene."""
        kinds = tuple([(one.class_name, one.identified) for one in scene.structures])
        if kinds != self._kinds:  # most scenes have the structures of the one before
            self._kinds, self._rows = kinds, {}
            self._asked = {
                number for number, kind in enumerate(kinds) if not self._structures.isdisjoint(_names_of(*kind))
            }
        tools, asked = scene.instruments, self._asked
        rows = [self._row(tool) for tool in tools]
        for near in scene.proximities:
            if near.structure not in asked or near.instrument >= len(rows):  # a message may name what is not there
                continue
            if names := rows[near.instrument][near.structure]:
                tool = tools[near.instrument]
                at = near.nearest_x - tool.tip_x, near.nearest_y - tool.tip_y
                _add(names, near.distance_mm, near.sigma_mm, near.distance_px, at, tool, scene.height, found)
        if BLEEDING_SOURCE in self._structures:
            for blood in scene.structures:
                if blood.class_name == _BLOOD:
                    self._add_source(scene, blood, found)

    def _add_source(self, scene: SceneState, blood: Structure, found: Found) -> None:
        """Measure from the tips to where blood seems to come from, with the scale at the tip."""
        for tool in scene.instruments:
            names = self._names(tool, BLEEDING_SOURCE, False)
            if names:
                at = blood.source_x - tool.tip_x, blood.source_y - tool.tip_y
                px = math.hypot(*at)
                _add(names, px * tool.mm_per_px, px * tool.mm_per_px_sigma, px, at, tool, scene.height, found)

    def _row(self, tool: Instrument) -> list[_Names]:
        """Name the features that are wanted of a tool and each of the structures."""
        kind = (tool.class_name, tool.energised is Energy.OFF)
        row = self._rows.get(kind)
        if row is None:
            row = self._rows[kind] = [self._names(tool, *one) for one in self._kinds]
        return row

    def _names(self, tool: Instrument, structure: str, identified: bool) -> _Names:
        """Name the features that are wanted of a tool and a structure."""
        pair = (tool.class_name, tool.energised is Energy.OFF, structure, identified)
        names = self._pairs.get(pair)
        if names is None:
            pairs = [
                f'{one}.{other}'
                for one in tool_names(tool, self._energy_tool)
                for other in _names_of(structure, identified)
            ]
            kinds = tuple(
                tuple(name for name in (f'{two}.{kind}' for two in pairs) if name in self._wanted)
                for kind in (MM, SHARE, MEASURED)
            )
            names = self._pairs[pair] = kinds if any(kinds) else ()
        return names


def tool_names(tool: Instrument, energy_tool: str) -> tuple[str, ...]:
    """Name all that an instrument is called in features."""
    return _called(tool.class_name, tool.energised is not Energy.OFF, energy_tool)


@lru_cache(maxsize=64)
def _called(class_name: str, may_be_on: bool, energy_tool: str) -> tuple[str, ...]:
    names = [class_name, ANY_TOOL]
    if class_name in DIVIDING_CLASSES:
        names.append(DIVIDING_TOOL)
    if class_name == energy_tool:
        names += [ENERGY_TOOL, ENERGISED_TOOL] if may_be_on else [ENERGY_TOOL]
    return tuple(dict.fromkeys(names))  # a model may call a class as a group is called


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
                found.told(Feature(name, mm, sigma, 'mm', bound, *towards, tool.tip_x, tool.tip_y))
        for name in names[2]:
            if found.may_be_nearer(name, mm):
                found.told(Feature(name, mm, sigma, 'mm', mm, *towards, tool.tip_x, tool.tip_y))
    elif height:
        share = px / height
        for name in names[1]:
            if found.may_be_nearer(name, share):
                found.told(Feature(name, share, NAN, '1', share, *towards, tool.tip_x, tool.tip_y))
