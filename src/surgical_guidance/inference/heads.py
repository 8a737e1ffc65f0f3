"""An output that is a few numbers with names, as classifiers give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.outputs import FloatOutput

SLACK = 0.01
"""By which rounding may miss 0, 1, or a sum of 1."""

Activation = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Merge = Callable[[float, float], float]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn logits of names that exclude each other into their probabilities."""
    powers: NDArray[np.float32] = np.exp(logits - logits.max())
    return powers / powers.sum()


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn logits of names that do not exclude each other into probabilities, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * logits))


def no_probabilities(lowest: float, highest: float) -> str:
    """Tell what is wrong with numbers that shall be probabilities; '' where nothing is."""
    if lowest < -SLACK or highest > 1.0 + SLACK:
        return f'the network gave {lowest:.3g} to {highest:.3g}, not 0 to 1'
    return ''


class Head:
    """One output, floats ``(1, n)`` or ``(n,)``, and the names of its numbers.

    :param own: what the manifest calls it.
    :param activation: what makes probabilities of logits, where the manifest says that the network gives these.
    :param merge: what makes one number of two that have the same name in the manifest's ``class_map``.
    :raises ModelError: if the engine's output is not that.
    """

    def __init__(self, manifest: Manifest, engine: Engine, own: str, activation: Activation, merge: Merge) -> None:
        self.names = manifest.contract_heads[own]
        self._own = own
        self._output = FloatOutput(manifest, engine, own)
        self._merge = merge
        self._activation = activation if manifest.scores == 'logits' else None
        tensor = self._output.tensor
        if tensor.shape not in ((1, len(self.names)), (len(self.names),)):
            raise ModelError(
                f'{own} is {tensor.dtype} {tensor.shape} and has {len(self.names)} names',
                where=f'{manifest.path}: heads.{own}',
                remedy=f'export float32 (1, {len(self.names)}), or mend the names',
            )

    def read(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[dict[str, float], str]:
        """Give the probabilities by name and what is wrong with them; '' where nothing is."""
        values = self._output(outputs).reshape(-1)
        if self._activation is not None:
            values = self._activation(values)
        problem = no_probabilities(float(values.min()), float(values.max()))
        named: dict[str, float] = {}
        for name, value in zip(self.names, values.tolist(), strict=True):
            named[name] = self._merge(named[name], value) if name in named else value
        return named, problem


def heads_of(manifest: Manifest, engine: Engine, activation: Activation, merge: Merge) -> dict[str, Head]:
    """Give all heads of a model by what the manifest calls them.

    :raises ModelError: if it names none, or one is not an output of the engine.
    """
    if not manifest.heads:
        raise ModelError('this field is missing', where=f'{manifest.path}: heads', remedy=f'{manifest.task} needs it')
    return {own: Head(manifest, engine, own, activation, merge) for own in manifest.heads}
