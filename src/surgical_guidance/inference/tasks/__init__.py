"""What models can be for: a file a task. A new one is put beside the others, and is there."""

from __future__ import annotations

import importlib
import pkgutil

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.task import TASKS, Task

__all__ = ['TASKS', 'Task', 'make_task']

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f'{__name__}.{_module.name}')


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
    if tensor.shape != spec.shape or tensor.dtype not in spec.dtypes:
        raise ModelError(
            f'the network takes {tensor.dtype} {tensor.shape}, the manifest says {spec.dtypes[0]} {spec.shape}',
            where=f'{manifest.path}: input',
            remedy='mend width, height, layout or normalisation',
        )
