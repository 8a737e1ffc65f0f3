"""What runs a network, whatever it is made of."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.frames import Frame
from surgical_guidance.inference.manifest import Manifest

ENGINES = (
    'auto',
    'tensorrt',
    'tensorrt-rtx',
    'onnxruntime-tensorrt',
    'onnxruntime-tensorrt-rtx',
    'onnxruntime-cuda',
    'openvino',
    'onnxruntime',
)
"""What can be asked for. ``auto`` takes the best that this host really runs; :mod:`.selection` tells how."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a network, as the engine itself tells it."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class Engine(Protocol):
    """A loaded network. Used by one thread."""

    passed_over: tuple[tuple[str, str], ...]
    """Better engines that ``auto`` did not take, each with the reason."""

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


@runtime_checkable
class Looks(Protocol):
    """An engine that takes a whole frame itself, pre-processing included: those on a GPU do.

    ``reads_as``: the manifest of what comes back, where work on the outputs is done there as well.
    """

    reads_as: Manifest

    def start(self, frame: Frame) -> None:
        """Begin to look at a frame; returns before it is done. The slot may be overwritten only after :meth:`finish`.

        :raises EngineError: if it cannot.
        """

    def finish(self) -> tuple[Mapping[str, NDArray[Any]], str]:
        """Give the outputs of what was begun, which hold until the next start, and what is wrong with them, or ``''``.

        :raises EngineError: if the engine failed.
        """


def make_engine(kind: str, manifest: Manifest, threads: int = 2) -> Engine:
    """Load a model into an engine.

    :param kind: one of :data:`ENGINES`.
    :param threads: processor threads it may use.
    :raises EngineError: if there is no such engine here, or it cannot load the model.
    """
    from surgical_guidance.inference.selection import choose

    return choose(kind, manifest, threads).engine


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
