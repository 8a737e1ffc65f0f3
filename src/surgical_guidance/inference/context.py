"""What models said, now or a few looks ago, as the context of every frame; until it is too old."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import CONDITIONS
from surgical_guidance.errors import ModelError
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.memory import FORGET_S
from surgical_guidance.inference.readings import Choices, Levels, Reading
from surgical_guidance.scene.state import NAN, NOTHING_ELSE, Condition, Context

HEADS = {'phase': 'phase', 'verb': 'action', 'action': 'action'}
"""Heads of a classifier that a scene has a place for -> the place."""
CRITERIA = ('C1', 'C2', 'C3')
"""Levels of a multilabel model that are the criteria of the critical view of safety; any other is a condition."""

HOLD_LOOKS = 3
"""What a model said holds for so many intervals of its looks,"""
SHORTEST_HOLD_S = 0.5
"""but at least for this long [s]; and never longer than a model remembers,
:data:`surgical_guidance.inference.memory.FORGET_S`."""


def check_levels(manifest: Manifest) -> None:
    """Make sure that a scene has a place for what a multilabel model tells.

    :raises ModelError: if it tells something that the contract does not know.
    """
    for head, names in manifest.contract_heads.items() if manifest.task == 'multilabel' else ():
        for name in names:
            if name and name not in (*CONDITIONS, *CRITERIA):
                raise ModelError(
                    f'{name!r} is not a condition of the contract ({", ".join((*CONDITIONS, *CRITERIA))})',
                    where=f'{manifest.path}: heads.{head}',
                    remedy="name in class_map which it is, or '' to leave it out",
                )


class ContextKeeper:
    """Holds what each model said last. Used by one thread."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[int, dict[str, Any]]] = {}

    def note(self, model: str, stamp_ns: int, reading: Reading) -> None:
        """Note what a model says of the frame with this stamp; a segmentation has nothing for the context."""
        if isinstance(reading, Choices):
            self._said[model] = (stamp_ns, _of_choices(reading))
        elif isinstance(reading, Levels):
            self._said[model] = (stamp_ns, _of_levels(reading))

    def at(self, stamp_ns: int, intervals_s: Mapping[str, float]) -> Context:
        """Give what holds at a frame.

        :param stamp_ns: of the frame [ns].
        :param intervals_s: from one look of a model to its next, by model [s].
        """
        given: dict[str, Any] = {}
        for model, (said_ns, fields) in self._said.items():
            hold_s = min(max(SHORTEST_HOLD_S, HOLD_LOOKS * intervals_s.get(model, 0.0)), FORGET_S)
            if 0 <= stamp_ns - said_ns <= hold_s * NS_PER_S:
                conditions = given.get('conditions', ()) + fields.get('conditions', ())
                given |= fields
                given['conditions'] = conditions
        return dataclasses.replace(NOTHING_ELSE, **given)

    def clear(self) -> None:
        """Forget everything: another scene begins."""
        self._said.clear()


def _of_choices(reading: Choices) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for head, choice in reading.heads.items():
        if head in HEADS:
            fields[HEADS[head]] = choice.name
            fields[f'{HEADS[head]}_probability'] = choice.probability
    return fields


def _of_levels(reading: Levels) -> dict[str, Any]:
    conditions = tuple(
        Condition(name, level, name in reading.active) for name, level in reading.levels.items() if name not in CRITERIA
    )
    fields: dict[str, Any] = {'conditions': conditions} if conditions else {}
    if any(name in reading.levels for name in CRITERIA):
        fields['critical_view'] = tuple(reading.levels.get(name, NAN) for name in CRITERIA)
    return fields
