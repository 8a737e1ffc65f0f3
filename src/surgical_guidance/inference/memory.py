"""What a network remembers from one picture to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest

FORGET_S = 5.0
"""A recording that jumps by more than this, or back, is another scene: nothing is remembered over it [s]."""


class Memory:
    """Carries outputs of a network over to its inputs. Of a network without a memory it does nothing.

    :raises ModelError: if the engine has not the inputs and outputs that the manifest says.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        self._pairs: list[tuple[NDArray[Any], str]] = []
        self._last_ns: int | None = None
        for taken, given in manifest.memory.items():
            source, target = engine.outputs.get(given), engine.inputs.get(taken)
            if source is None or target is None or (source.shape, source.dtype) != (target.shape, target.dtype):
                raise ModelError(
                    f'{given} cannot be remembered as {taken}',
                    where=f'{manifest.path}: memory',
                    remedy='name an input, and the output of the same shape and type that holds its next value',
                )
            self._pairs.append((engine.input(taken), given))
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._last_ns = None
        for memory, _ in self._pairs:
            memory.fill(0)

    def at(self, stamp_ns: int) -> None:
        """Tell when the next picture was taken [ns]; what was long before or after is forgotten."""
        if self._last_ns is not None and not 0 <= stamp_ns - self._last_ns <= FORGET_S * NS_PER_S:
            self.clear()
        self._last_ns = stamp_ns

    def keep(self, outputs: Mapping[str, NDArray[Any]]) -> None:
        """Remember what the network gave."""
        for memory, given in self._pairs:
            np.copyto(memory, outputs[given])
