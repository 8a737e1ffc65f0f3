"""How near tools are to structures: in millimetres where there is a scale, else as a share of the picture's height.

``<tool>.<structure>.distance_mm`` and ``<tool>.<structure>.distance_share``; of one pair at most one is known.
Conditions on millimetres are tested on d - 2 sigma: an uncertain distance counts as the shortest that it may well be.
``<tool>.<structure>.measured_mm`` is the same number tested as measured, for "it is there" rather than "keep away".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple

from surgical_guidance.advice.feature import SIGMAS, Feature, Found
from surgical_guidance.contract import INSTRUMENT_CLASSES, STRUCTURE_CLASSES
from surgical_guidance.scene.state import NAN, Energy, Instrument, Proximity, SceneState, Structure

ANY_TOOL, ENERGY_TOOL, ENERGISED_TOOL, DIVIDING_TOOL = 'instrument', 'energy_tool', 'energised', 'dividing'
TOOLS = (*INSTRUMENT_CLASSES, ANY_TOOL, ENERGY_TOOL, ENERGISED_TOOL, DIVIDING_TOOL)
DIVIDING_CLASSES = ('clipper', 'scissors')
"""Instruments that divide; no class of the contract is called scissors yet, a model that has it may say so."""

_OFF = Energy.OFF  # looked up once: in Python 3.11 each time takes 0.2 us

TUBE, UNIDENTIFIED_TUBE = 'tube', 'unidentified_tube'
SUSPECTED_ARTERY, BLEEDING_SOURCE = 'suspected_artery', 'bleeding_source'
_GROUPS = (TUBE, UNIDENTIFIED_TUBE, SUSPECTED_ARTERY, BLEEDING_SOURCE)
_BLOOD, _ARTERY = 'blood', 'cystic_artery'
TUBE_CLASSES = ('cystic_duct', _ARTERY)
"""Structures that look like the ones that are to be divided."""

MM, SHARE, MEASURED = 'distance_mm', 'distance_share', 'measured_mm'
ToolKind = tuple[str, bool]  # class of an instrument, and whether it may be energised
_Kind = tuple[str, bool]  # class of a structure, and whether somebody has confirmed it
NAMES = frozenset(
    f'{tool}.{structure}.{kind}'
    for tool in TOOLS
    for structure in (*STRUCTURE_CLASSES, *_GROUPS)
    for kind in (MM, SHARE, MEASURED)
)


class _Names(NamedTuple):
    """What is wanted of a tool and a structure.

    :param in_mm: in millimetres, and how many sigmas less each is tested.
    :param as_share: as a share of the picture's height.
    """

    in_mm: list[tuple[str, float]]
    as_share: list[str]


class Distances:
    """Finds the distances that are wanted, few of all that a scene tells.

    :param wanted: names of features; others are let go.
    :param energy_tool: instrument class that carries energy.
    """

    def __init__(self, wanted: Set[str], energy_tool: str) -> None:
        self._wanted = wanted
        self._energy_tool = energy_tool
        self._pairs: dict[tuple[ToolKind, _Kind], _Names | None] = {}
        self._tools: tuple[ToolKind, ...] = ()  # of the last scene
        self._structures: tuple[_Kind, ...] = ()
        self._rows: list[list[_Names | None]] = []  # what is wanted of each of these tools and each of these structures
        self._asked: set[int] = set()  # structures of which anything is
        self._to_source: list[tuple[int, _Names]] = []  # tools of which the distance to where blood comes from is

    def add(self, scene: SceneState, tools: tuple[ToolKind, ...], found: Found) -> None:
        """Add the distances of a scene.

        :param tools: kinds of its instruments.
        """
        structures = tuple([(one.class_name, one.identified) for one in scene.structures])
        if tools != self._tools or structures != self._structures:  # most scenes have those of the one before
            self._expect(tools, structures)
        for near in scene.proximities:
            if near.structure not in self._asked or near.instrument >= len(tools):
                continue  # a message may name what is not there
            if names := self._rows[near.instrument][near.structure]:
                _add(names, near, scene.instruments[near.instrument], scene.height, found)
        if self._to_source:
            for number, blood in enumerate(scene.structures):
                if blood.class_name == _BLOOD:
                    self._add_source(scene, number, blood, found)

    def _add_source(self, scene: SceneState, number: int, blood: Structure, found: Found) -> None:
        """Measure from the tips to where blood seems to come from, with the scale at the tip."""
        for index, names in self._to_source:
            tool = scene.instruments[index]
            x, y = blood.source_x, blood.source_y
            px = math.hypot(x - tool.tip_x, y - tool.tip_y)
            mm, sigma = px * tool.mm_per_px, px * tool.mm_per_px_sigma
            near = Proximity(index, number, px, mm, sigma, '', x, y)
            _add(names, near, tool, scene.height, found)

    def _expect(self, tools: tuple[ToolKind, ...], structures: tuple[_Kind, ...]) -> None:
        """Find what is wanted of such tools and structures."""
        self._tools, self._structures = tools, structures
        rows = {tool: [self._names(tool, structure) for structure in structures] for tool in set(tools)}
        self._rows = [rows[tool] for tool in tools]
        self._asked = {number for row in rows.values() for number, names in enumerate(row) if names}
        to_source = [self._names(tool, (BLEEDING_SOURCE, False)) for tool in tools]
        self._to_source = [(index, names) for index, names in enumerate(to_source) if names]

    def _names(self, tool: ToolKind, structure: _Kind) -> _Names | None:
        """Name the features that are wanted of a tool and a structure; None where none is."""
        if (tool, structure) not in self._pairs:
            pairs = [
                f'{one}.{other}' for one in tool_names(*tool, self._energy_tool) for other in _names_of(*structure)
            ]
            tested = [(f'{pair}.{MM}', SIGMAS) for pair in pairs] + [(f'{pair}.{MEASURED}', 0.0) for pair in pairs]
            in_mm = [(name, sigmas) for name, sigmas in tested if name in self._wanted]
            as_share = [name for name in (f'{pair}.{SHARE}' for pair in pairs) if name in self._wanted]
            self._pairs[tool, structure] = _Names(in_mm, as_share) if in_mm or as_share else None
        return self._pairs[tool, structure]


def kinds_of(tools: Iterable[Instrument]) -> tuple[ToolKind, ...]:
    """Give the kinds of instruments."""
    return tuple([(tool.class_name, tool.energised is not _OFF) for tool in tools])


def tool_names(class_name: str, may_be_on: bool, energy_tool: str) -> tuple[str, ...]:
    """Name all that an instrument is called in features."""
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


def _add(names: _Names, near: Proximity, tool: Instrument, height: int, found: Found) -> None:
    """Take in a distance where it may well be shorter than the one that was found of the same name."""
    mm, sigma = near.distance_mm, near.sigma_mm
    if math.isfinite(mm) and 0.0 <= sigma < math.inf:
        for name, sigmas in names.in_mm:
            bound = mm - sigmas * sigma
            if bound < found.bounds.get(name, math.inf):
                found.told(Feature(name, mm, sigma, 'mm', bound, *_place(near, tool)))
    elif height:
        share = near.distance_px / height
        for name in names.as_share:
            if share < found.bounds.get(name, math.inf):
                found.told(Feature(name, share, NAN, '1', share, *_place(near, tool)))


def _place(near: Proximity, tool: Instrument) -> tuple[float, float, float, float]:
    x, y = tool.tip_x, tool.tip_y
    return near.nearest_x - x, near.nearest_y - y, x, y
