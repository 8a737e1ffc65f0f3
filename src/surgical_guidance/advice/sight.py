"""How the view is, how the camera is turned, how far perception can be trusted, and what the surgeon does."""

from __future__ import annotations

import math
from collections.abc import Set

from surgical_guidance.advice.feature import Feature, Found
from surgical_guidance.contract import CONDITIONS, PHASES, VERBS
from surgical_guidance.scene.state import NAN, SceneState

ROLL = 'view.roll_deg'
_FIELDS = {
    'view.sharpness': 'sharpness',
    'view.brightness': 'brightness',
    'perception.quality': 'quality',
    'phase.probability': 'phase_probability',
    'action.probability': 'action_probability',
}  # name -> field of SceneState
_CONDITIONS = {name: f'view.{name}' for name in CONDITIONS}
_PHASES = {f'phase.{phase}': phase for phase in PHASES}
_ACTIONS = {f'action.{verb}': verb for verb in VERBS}
NAMES = frozenset({ROLL, *_FIELDS, *_CONDITIONS.values(), *_PHASES, *_ACTIONS})


class Sight:
    """Tells what is wanted of the view, and of what is done.

    :param wanted: names of features; others are let go.
    """

    def __init__(self, wanted: Set[str]) -> None:
        self._fields = {name: field for name, field in _FIELDS.items() if name in wanted}
        self._conditions = {condition: name for condition, name in _CONDITIONS.items() if name in wanted}
        self._phases = {name: phase for name, phase in _PHASES.items() if name in wanted}
        self._actions = {name: verb for name, verb in _ACTIONS.items() if name in wanted}

    def add(self, scene: SceneState, found: Found) -> None:
        """Add what is known of a scene."""
        for name, field in self._fields.items():
            found.number(name, getattr(scene, field))
        for condition in scene.conditions:
            if condition.name in self._conditions:
                found.number(self._conditions[condition.name], condition.level)
        for told, names in ((scene.phase, self._phases), (scene.action, self._actions)):
            if told:
                for name, value in names.items():
                    found.number(name, float(told == value))
        if found.wants(ROLL) and math.isfinite(scene.roll):
            _add_roll(scene, found)


def _add_roll(scene: SceneState, found: Found) -> None:
    degrees = abs(math.degrees(math.remainder(scene.roll, math.tau)))
    up_x, up_y = -math.sin(scene.roll), -math.cos(scene.roll)  # where up is: left of the picture's, if anticlockwise
    reach = scene.height / 4
    found.told(
        Feature(ROLL, degrees, NAN, 'deg', degrees, up_x * reach, up_y * reach,
                (scene.width - 1) / 2, (scene.height - 1) / 2)
    )  # fmt: skip
