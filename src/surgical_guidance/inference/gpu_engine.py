"""A network on the GPU, for threads that know nothing of CUDA: every call is done by the thread that owns it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import EngineError
from surgical_guidance.frames import Frame
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.faults import DeviceLost
from surgical_guidance.inference.device_engine import DeviceEngine
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.gpu_host import GpuHost, join_host, leave_host
from surgical_guidance.inference.gpu_path import GpuPath
from surgical_guidance.inference.manifest import Manifest

MakeDeviceEngine = Callable[[Cuda, GpuHost, int], DeviceEngine]
"""Makes an engine for a stream, in the thread of CUDA."""


class GpuEngine:
    """A network and the whole way of a frame around it. See :class:`Engine` and :class:`Looks`.

    :param manifest: what the model is.
    :param make: makes the engine.
    :param join: gives the GPU, and :param leave: takes it back; for tests.
    :raises EngineError: if there is no GPU that works, or it cannot run the network.
    :raises ModelError: if manifest and network do not fit together.
    """

    def __init__(
        self,
        manifest: Manifest,
        make: MakeDeviceEngine,
        join: Callable[[], GpuHost] = join_host,
        leave: Callable[[], None] = leave_host,
    ) -> None:
        self.passed_over: tuple[tuple[str, str], ...] = ()
        self._where = str(manifest.model_path)
        self._leave = leave
        host = join()
        self._host: GpuHost | None = host
        try:
            self.path = host.owner.call(
                lambda cuda: GpuPath(
                    cuda,
                    host.kernels,
                    host.frames,
                    host.streams,
                    manifest,
                    lambda stream: make(cuda, host, stream),
                    first=manifest.safety_relevant,
                )
            )
        except BaseException:
            self._host = None
            leave()
            raise
        self.inputs: Mapping[str, Tensor] = self.path.inputs
        self.outputs: Mapping[str, Tensor] = self.path.outputs
        self.reads_as = self.path.manifest
        self._described = host.owner.call(lambda cuda: f'{self.path.engine.describe()} on {cuda.describe()}')

    def input(self, name: str) -> NDArray[Any]:
        """Give the host's image of an input, for :meth:`infer`; a frame that is looked at does not go that way."""
        return self.path.input(name)

    def infer(self) -> Mapping[str, NDArray[Any]]:
        """Run on what lies in the inputs.

        :raises EngineError: if the engine or the GPU fails, or the outputs are not what they must be.
        """
        outputs, problem = self._open().owner.call(self._run_raw)
        if problem:
            raise EngineError(problem, where=self._where)
        return outputs

    def start(self, frame: Frame) -> None:
        """Begin to look at a frame; returns before it is done. :meth:`finish` must follow."""
        self._open().owner.call(lambda _: self.path.start(frame.image, frame.encoding, (frame.ring, frame.sequence)))

    def finish(self) -> tuple[Mapping[str, NDArray[Any]], str]:
        """Give the outputs of what was begun, and what is wrong with them; '' where nothing is."""
        return self._open().owner.call(lambda _: self.path.finish())

    def look(self, frame: Frame) -> tuple[Mapping[str, NDArray[Any]], str]:
        """Look at a frame; give the outputs, which hold until the next one, and what is wrong with them.

        :raises EngineError: if the engine or the GPU fails.
        """
        return self._open().owner.call(lambda _: self._look(frame))

    def describe(self) -> str:
        """Tell in one line what runs it and on what."""
        return f'{self._described}, {"one graph a frame" if self.path.graphed else "no graph"}'

    def close(self) -> None:
        """Give everything back. Twice is as good as once."""
        host, self._host = self._host, None
        if host is None:
            return
        try:
            if not host.owner.lost:
                host.owner.call(lambda _: self.path.close())
        except DeviceLost:
            pass  # nothing is left that could be given back
        finally:
            self._leave()

    def _open(self) -> GpuHost:
        if self._host is None:
            raise EngineError('the engine is closed', where=self._where)
        return self._host

    def _run_raw(self, _: Cuda) -> tuple[Mapping[str, NDArray[Any]], str]:
        self.path.start_raw()
        return self.path.finish()

    def _look(self, frame: Frame) -> tuple[Mapping[str, NDArray[np.generic]], str]:
        self.path.start(frame.image, frame.encoding, (frame.ring, frame.sequence))
        return self.path.finish()
