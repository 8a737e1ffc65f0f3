"""What the tissue shows: how much of each structure there is, blood and its growth, the critical view of safety."""

from __future__ import annotations

import math
from collections.abc import Set

from surgical_guidance.advice.feature import Feature, Found
from surgical_guidance.contract import STRUCTURE_CLASSES
from surgical_guidance.scene.state import NAN, SceneState

BLOOD = 'blood'
GROWTH = 'blood.growth'
CRITICAL_VIEW = 'critical_view.met'
_AREAS = {name: f'{name}.area' for name in STRUCTURE_CLASSES}
NAMES = frozenset({GROWTH, CRITICAL_VIEW, *_AREAS.values()})

_MET = 0.75  # of a criterion [I]
_CRITERIA = ('C1', 'C2', 'C3')


class Anatomy:
    """Tells what is wanted of the tissue.

    :param wanted: names of features; others are let go.
    """

    def __init__(self, wanted: Set[str]) -> None:
        self._areas = {structure: name for structure, name in _AREAS.items() if name in wanted}

    def add(self, scene: SceneState, found: Found) -> None:
        """Add what is known of a scene.

        Where no blood is seen its area is 0; of other structures that are not seen nothing is known.
        """
        areas = {BLOOD: 0.0}
        growths = []
        for structure in scene.structures:
            name = structure.class_name
            if name in self._areas:
                areas[name] = areas.get(name, 0.0) + structure.area
            if name == BLOOD and math.isfinite(structure.growth):
                growths.append(structure.growth)
        for name, area in areas.items():
            found.number(_AREAS[name], area)
        if growths:
            growth = sum(growths)
            found.told(Feature(GROWTH, growth, NAN, '1/s', growth))
        if found.wants(CRITICAL_VIEW) and any(map(math.isfinite, scene.critical_view)):
            missing = [
                name for name, level in zip(_CRITERIA, scene.critical_view, strict=False) if not level >= _MET
            ]  # what nobody can tell is not proven
            met = float(len(_CRITERIA) - len(missing))
            found.told(Feature(CRITICAL_VIEW, met, NAN, '1', met, detail=', '.join(missing)))
