"""Reads networks that tell levels of things that may be there at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.heads import heads_of, sigmoid
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.placement import Placement
from surgical_guidance.inference.readings import Levels
from surgical_guidance.inference.task import task


@task('multilabel')
class Multilabel:
    """The levels, and which of them are going on by the manifest's thresholds.

    :raises ModelError: if the engine's outputs are not that.
    """

    segments = False
    needs_content = False

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        self._heads = heads_of(manifest, engine, sigmoid, max)
        self._begin = manifest.thresholds.event_level
        self._end = manifest.thresholds.event_end_level
        self._active: frozenset[str] = frozenset()

    def read(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> tuple[Levels | None, str]:
        """Give the levels of all heads."""
        levels: dict[str, float] = {}
        for head in self._heads.values():
            found, problem = head.read(outputs)
            if problem:
                return None, problem
            levels |= found
        levels.pop('', None)  # numbers that the manifest says are of no interest
        self._active = frozenset(
            name for name, level in levels.items() if level >= (self._end if name in self._active else self._begin)
        )
        return Levels(levels, self._active), ''

    def forget(self) -> None:
        """Let nothing be going on."""
        self._active = frozenset()
