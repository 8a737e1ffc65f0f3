"""What models can be for, one class a task, and whether a model fits what its manifest says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.heads import Classification, Multilabel
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.readings import Reading
from surgical_guidance.inference.segmentation import SemanticSegmentation


class Task(Protocol):
    """Reads the outputs of one engine."""

    def read(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[Reading | None, str]:
        """Give the meaning of the outputs and ``''``, or None and why they cannot be believed."""

    def forget(self) -> None:
        """Forget earlier results: another scene begins."""


TASKS: Mapping[str, Callable[[Manifest, Engine], Task]] = {
    'semantic_segmentation': SemanticSegmentation,
    'classification': Classification,
    'multilabel': Multilabel,
}


def make_task(manifest: Manifest, engine: Engine) -> Task:
    """Make the reader of a model's outputs.

    :raises ModelError: if there is no such task, or the engine does not fit what the manifest says.
    """
    if manifest.task not in TASKS:
        raise ModelError(
            f'there is no task {manifest.task!r}', where=f'{manifest.path}: task', remedy=f'use {", ".join(TASKS)}'
        )
    _check_input(manifest, engine)
    return TASKS[manifest.task](manifest, engine)


def _check_input(manifest: Manifest, engine: Engine) -> None:
    spec = manifest.input
    tensor = engine.inputs.get(spec.name)
    if tensor is None or engine.inputs.keys() != {spec.name, *manifest.memory}:
        raise ModelError(
            f'the network takes {", ".join(engine.inputs)}',
            where=f'{manifest.path}: input.name',
            remedy=f'it must take {", ".join((spec.name, *manifest.memory))} and nothing else, '
            'or the manifest must say their names in input and memory',
        )
    if tensor.shape != spec.shape or tensor.dtype != np.dtype(spec.dtype):
        raise ModelError(
            f'the network takes {tensor.dtype} {tensor.shape}, the manifest says {spec.dtype} {spec.shape}',
            where=f'{manifest.path}: input',
            remedy='mend width, height, layout or normalisation',
        )
