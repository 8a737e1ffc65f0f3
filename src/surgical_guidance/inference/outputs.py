"""Where in an engine a task finds its outputs, and its classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import BACKGROUND
from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine, Tensor
from surgical_guidance.inference.manifest import Manifest


def output_name(manifest: Manifest, engine: Engine, own: str) -> str:
    """Give the network's name of an output that a task calls ``own``.

    :raises ModelError: if the manifest or the network does not have it.
    """
    name = manifest.outputs.get(own)
    if name is None:
        raise ModelError(
            'this field is missing',
            where=f'{manifest.path}: outputs.{own}',
            remedy=f'name the output: the network has {", ".join(engine.outputs)}',
        )
    if name not in engine.outputs:
        raise ModelError(
            f'the network has no output {name!r}',
            where=f'{manifest.path}: outputs.{own}',
            remedy=f'it has {", ".join(engine.outputs)}',
        )
    return name


class FloatOutput:
    """An output of floats, read as ``float32``; a narrower one is widened into memory that is there already.

    :param own: what the task calls it.
    :raises ModelError: if it is not there, or not of floats.
    """

    def __init__(self, manifest: Manifest, engine: Engine, own: str) -> None:
        self.name = output_name(manifest, engine, own)
        self.tensor: Tensor = engine.outputs[self.name]
        self.where = f'{manifest.path}: outputs.{own}'
        if self.tensor.dtype not in (np.float32, np.float16):
            raise ModelError(
                f'{own} is {self.tensor.dtype}', where=self.where, remedy='export it as float32 or float16'
            )
        self._wide = np.empty(self.tensor.shape, np.float32) if self.tensor.dtype == np.float16 else None

    def __call__(self, outputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Give the values; they hold until the engine's next run."""
        values = outputs[self.name]
        if self._wide is None:
            return values
        np.copyto(self._wide, values)
        return self._wide


class ClassNames:
    """The network's classes under the contract's names: each of these once, the background first.

    :param names: the contract's names.
    :param table: index of the network -> index into ``names``, ``uint8 (256,)``.
    :raises ModelError: if the manifest names no classes.
    """

    def __init__(self, manifest: Manifest, least: int) -> None:
        self.count = len(manifest.classes)
        if not least <= self.count <= 256:
            raise ModelError(
                'this field is missing' if not self.count else f'there are {self.count}',
                where=f'{manifest.path}: classes',
                remedy=f'name {least} classes or more, up to 256',
            )
        ours = manifest.contract_classes
        self.names = (BACKGROUND, *dict.fromkeys(name for name in ours if name != BACKGROUND))
        self.table = np.zeros(256, np.uint8)
        self.table[: self.count] = [self.names.index(name) for name in ours]
        self.changed = self.names != ours


def assumed_confidence(manifest: Manifest, missing: str) -> int:
    """Give the confidence, times 255, of pixels of which the network tells none.

    :param missing: the field of the manifest that would make it needless.
    :raises ModelError: if the manifest does not say it.
    """
    if manifest.assumed_confidence is None:
        raise ModelError(
            'this field is missing',
            where=f'{manifest.path}: {missing}',
            remedy='or set assumed_confidence: what is to be taken for the probability where the network tells none',
        )
    return round(manifest.assumed_confidence * 255)
