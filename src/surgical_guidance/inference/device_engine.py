"""What runs a network on a device that has its own memory and streams of work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from surgical_guidance.inference.engine import Tensor


class DeviceEngine(Protocol):
    """A network on the GPU. Used by the thread of CUDA; its inputs and outputs lie where :meth:`bind` says.

    ``capturable``: all it does can be recorded in a graph together with what comes before and after.
    """

    capturable: bool

    @property
    def inputs(self) -> Mapping[str, Tensor]:
        """The inputs by name."""

    @property
    def outputs(self) -> Mapping[str, Tensor]:
        """The outputs by name."""

    def bind(self, name: str, address: int) -> None:
        """Say where in device memory an input or output lies. All must be bound before the first run."""

    def enqueue(self, stream: int) -> None:
        """Give one run to a stream; it may be the one the engine was made for only.

        :raises EngineError: if it cannot.
        """

    def describe(self) -> str:
        """Tell in one line what runs it."""

    def close(self) -> None:
        """Give everything back."""
