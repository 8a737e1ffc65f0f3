"""What the tissue shows: how much of each structure there is, blood and its growth, the critical view of safety."""

from __future__ import annotations

import math

from surgical_guidance.advice.feature import Feature, Found
from surgical_guidance.contract import STRUCTURE_CLASSES
from surgical_guidance.scene.state import NAN, SceneState

BLOOD = 'blood'
GROWTH = 'blood.growth'
CRITICAL_VIEW = 'critical_view.met'
NAMES = frozenset({GROWTH, CRITICAL_VIEW, *(f'{name}.area' for name in STRUCTURE_CLASSES)})

_MET = 0.75  # of a criterion [I]
_CRITERIA = ('C1', 'C2', 'C3')


def add(scene: SceneState, found: Found) -> None:
    """Add what is known of the tissue of a scene.

    Where no blood is seen its area is 0; of other structures that are not seen nothing is known.
    """
    areas: dict[str, float] = {BLOOD: 0.0}
    for structure in scene.structures:
        areas[structure.class_name] = areas.get(structure.class_name, 0.0) + structure.area
    for name, area in areas.items():
        found.number(f'{name}.area', area)
    growths = [structure.growth for structure in scene.structures if structure.class_name == BLOOD]
    known = [growth for growth in growths if math.isfinite(growth)]
    if known:
        found.number(GROWTH, sum(known), '1/s')
    if found.wants(CRITICAL_VIEW) and any(math.isfinite(level) for level in scene.critical_view):
        missing = [
            name for name, level in zip(_CRITERIA, scene.critical_view, strict=False) if not level >= _MET
        ]  # what nobody can tell is not proven
        met = float(len(_CRITERIA) - len(missing))
        found.directed(Feature(CRITICAL_VIEW, met, NAN, '1', met, detail=', '.join(missing)))
