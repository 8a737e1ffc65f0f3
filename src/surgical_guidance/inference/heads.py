"""Reads networks that give a few numbers for a picture: choices that exclude each other, or levels that do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.outputs import output_name
from surgical_guidance.inference.readings import Choice, Choices, Levels

_SLACK = 0.01  # by which rounding may miss 0, 1, or a sum of 1


class _Head:
    """One output, ``float32 (1, n)``, and the names of its numbers.

    :raises ModelError: if the engine's output is not that.
    """

    def __init__(self, manifest: Manifest, engine: Engine, own: str) -> None:
        self.names = manifest.heads[own]
        self._network_name = output_name(manifest, engine, own)
        tensor = engine.outputs[self._network_name]
        if tensor.dtype != np.float32 or tensor.shape != (1, len(self.names)):
            raise ModelError(
                f'{own} is {tensor.dtype} {tensor.shape} and has {len(self.names)} names',
                where=f'{manifest.path}: heads.{own}',
                remedy=f'export float32 (1, {len(self.names)}), or mend the names',
            )

    def read(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[dict[str, float], str]:
        """Give the numbers by name and what is wrong with them; '' where nothing is."""
        values = outputs[self._network_name][0]
        if not np.isfinite(values.sum()):  # one NaN or infinity makes the sum one
            return {}, 'the network gave NaN'
        if values.min() < -_SLACK or values.max() > 1.0 + _SLACK:
            return {}, f'the network gave {values.min():.3g} to {values.max():.3g}, not 0 to 1'
        return dict(zip(self.names, values.tolist(), strict=True)), ''


def _heads(manifest: Manifest, engine: Engine) -> dict[str, _Head]:
    if not manifest.heads:
        raise ModelError('this field is missing', where=f'{manifest.path}: heads', remedy=f'{manifest.task} needs it')
    return {own: _Head(manifest, engine, own) for own in manifest.heads}


class Classification:
    """For each head the probabilities of names that exclude each other.

    :raises ModelError: if the engine's outputs are not that.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        self._heads = _heads(manifest, engine)

    def read(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[Choices | None, str]:
        """Give the choice of each head."""
        choices = {}
        for own, head in self._heads.items():
            probabilities, problem = head.read(outputs)
            if problem:
                return None, problem
            if abs(sum(probabilities.values()) - 1.0) > _SLACK:
                return None, f'the probabilities of {own} do not sum to 1'
            name = max(probabilities, key=probabilities.__getitem__)
            choices[own] = Choice(name, probabilities[name], probabilities)
        return Choices(choices), ''

    def forget(self) -> None:
        """Do nothing: each reading is of its own outputs alone."""


class Multilabel:
    """Levels of things that may be there at the same time, and which of them are going on.

    :raises ModelError: if the engine's outputs are not that.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        self._heads = _heads(manifest, engine)
        self._begin = manifest.thresholds.event_level
        self._end = manifest.thresholds.event_end_level
        self._active: frozenset[str] = frozenset()

    def read(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[Levels | None, str]:
        """Give the levels of all heads."""
        levels: dict[str, float] = {}
        for head in self._heads.values():
            found, problem = head.read(outputs)
            if problem:
                return None, problem
            levels |= found
        self._active = frozenset(
            name for name, level in levels.items() if level >= (self._end if name in self._active else self._begin)
        )
        return Levels(levels, self._active), ''

    def forget(self) -> None:
        """Let nothing be going on."""
        self._active = frozenset()
