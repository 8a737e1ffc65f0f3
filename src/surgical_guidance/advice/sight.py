"""How the view is, how the camera is turned, how far perception can be trusted, and what the surgeon does."""

from __future__ import annotations

import math

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
_PHASES = tuple((f'phase.{phase}', phase) for phase in PHASES)
_ACTIONS = tuple((f'action.{verb}', verb) for verb in VERBS)
NAMES = frozenset({ROLL, *_FIELDS, *(f'view.{name}' for name in CONDITIONS),
                   *(name for name, _ in (*_PHASES, *_ACTIONS))})  # fmt: skip


def add(scene: SceneState, found: Found) -> None:
    """Add what is known of the view of a scene, and of what is done."""
    for name, attribute in _FIELDS.items():
        found.number(name, getattr(scene, attribute))
    for condition in scene.conditions:
        found.number(f'view.{condition.name}', condition.level)
    for told, names in ((scene.phase, _PHASES), (scene.action, _ACTIONS)):
        if told:
            for name, value in names:
                if found.wants(name):
                    found.number(name, float(told == value))
    if found.wants(ROLL) and math.isfinite(scene.roll):
        degrees = abs(math.degrees(math.remainder(scene.roll, math.tau)))
        up_x, up_y = (
            -math.sin(scene.roll),
            -math.cos(scene.roll),
        )  # where up is: left of the picture's, if anticlockwise
        reach = scene.height / 4
        found.directed(
            Feature(ROLL, degrees, NAN, 'deg', degrees, up_x * reach, up_y * reach,
                    (scene.width - 1) / 2, (scene.height - 1) / 2)
        )  # fmt: skip
