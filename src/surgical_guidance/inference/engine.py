"""What runs a network, whatever it is made of."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.manifest import Manifest

ENGINES = ('auto', 'onnxruntime', 'tensorrt')
"""What can be asked for. ``auto`` takes the best one this host has."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a network, as the engine itself tells it."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class Engine(Protocol):
    """A loaded network. Used by one thread."""

    @property
    def inputs(self) -> Mapping[str, Tensor]:
        """The inputs by name."""

    @property
    def outputs(self) -> Mapping[str, Tensor]:
        """The outputs by name."""

    def input(self, name: str) -> NDArray[Any]:
        """Give the memory of an input, always the same: write the next picture there."""

    def infer(self) -> Mapping[str, NDArray[Any]]:
        """Run on what lies in the inputs; the outputs hold until the next run.

        :raises EngineError: if it cannot.
        """

    def describe(self) -> str:
        """Tell in one line what runs it and on what."""

    def close(self) -> None:
        """Give everything back. It cannot run any more."""


def make_engine(kind: str, manifest: Manifest, threads: int = 2) -> Engine:
    """Load a model into an engine.

    :param kind: one of :data:`ENGINES`.
    :param threads: processor threads it may use.
    :raises EngineError: if there is no such engine here, or it cannot load the model.
    """
    if kind == 'tensorrt':
        raise EngineError('TensorRT is not in this version', where='engine', remedy='use auto or onnxruntime')
    if kind not in ENGINES:
        raise EngineError(f'there is no engine {kind!r}', where='engine', remedy='use auto or onnxruntime')
    from surgical_guidance.inference.onnxruntime import OnnxRuntimeEngine

    shapes = {manifest.input.name: manifest.input.shape}
    return OnnxRuntimeEngine(manifest.model_path, manifest.sha256, threads, shapes)


def warm_up(engine: Engine, runs: int) -> float:
    """Run an engine until it has its memory and its pace; give the median time of the later half of the runs [ms].

    The first runs allocate and choose kernels, and are many times slower than the rest.

    :raises EngineError: if it cannot run.
    """
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        engine.infer()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times[runs // 2 :])
