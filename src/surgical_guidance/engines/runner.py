"""Runs an engine on the GPU of this host, raw: inputs in, outputs back. For ``verify`` and ``bench``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.engines.device import need_device
from surgical_guidance.engines.feeds import Feed
from surgical_guidance.engines.reference import Outputs
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.device_engine import DeviceEngine
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.gpu_host import GpuHost, join_host, leave_host
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.plan import Shape

Make = Callable[[Cuda, GpuHost, int], DeviceEngine]


class DeviceRunner:
    """An engine with memory of its own on both sides. All work is done by the thread that owns CUDA.

    :param make: makes the engine for a stream.
    :param join: gives the GPU, and :param leave: takes it back; for tests.
    :raises EngineError: if there is no GPU that works, or it cannot run the network.
    """

    def __init__(
        self, make: Make, join: Callable[[], GpuHost] = join_host, leave: Callable[[], None] = leave_host
    ) -> None:
        self._host, self._leave = join(), leave
        try:
            self._sides: _Sides = self._host.owner.call(lambda cuda: _Sides(cuda, self._host, make))
        except BaseException:
            leave()
            raise

    def __call__(self, feed: Feed) -> Outputs:
        """Run once."""
        for name, value in feed.items():
            np.copyto(self._sides.host[name], value)
        self.write()
        self.infer()
        return {name: value.copy() for name, value in self.read().items()}

    def fill(self) -> None:
        """Put random values into the inputs on the host."""
        rng = np.random.default_rng(0)
        for name, tensor in self._sides.engine.inputs.items():
            self._sides.host[name][...] = (rng.random(tensor.shape, np.float32) * 255.0).astype(tensor.dtype)

    def write(self) -> None:
        """Copy the inputs to the GPU."""
        self._host.owner.call(lambda _: self._sides.write())

    def infer(self) -> None:
        """Run on what lies there, and wait until it is done."""
        self._host.owner.call(lambda _: self._sides.infer())

    def read(self) -> Mapping[str, NDArray[Any]]:
        """Copy the results back; they hold until the next time."""
        self._host.owner.call(lambda _: self._sides.read())
        return {name: self._sides.host[name] for name in self._sides.engine.outputs}

    def describe(self) -> str:
        """Tell what runs it on what."""
        return self._host.owner.call(lambda cuda: f'{self._sides.engine.describe()} on {cuda.describe()}')

    def close(self) -> None:
        """Give everything back."""
        try:
            if not self._host.owner.lost:
                self._host.owner.call(lambda _: self._sides.close())
        finally:
            self._leave()


class _Sides:
    """The engine, its tensors on the host and on the device. For the thread of CUDA alone."""

    def __init__(self, cuda: Cuda, host: GpuHost, make: Make) -> None:
        self._cuda = cuda
        self._stream = cuda.stream()
        self._memory: list[NDArray[np.uint8]] = []
        self._device: dict[str, int] = {}
        self.host: dict[str, NDArray[Any]] = {}
        try:
            self.engine = make(cuda, host, self._stream)
        except BaseException:
            cuda.destroy_stream(self._stream)
            raise
        try:
            for tensor in (*self.engine.inputs.values(), *self.engine.outputs.values()):
                self._add(tensor)
        except BaseException:
            self.close()
            raise

    def _add(self, tensor: Tensor) -> None:
        size = max(int(np.prod(tensor.shape)) * tensor.dtype.itemsize, 1)
        memory = self._cuda.host_memory(size)
        self._memory.append(memory)
        self.host[tensor.name] = memory.view(tensor.dtype).reshape(tensor.shape)
        self._device[tensor.name] = self._cuda.allocate(size)
        self.engine.bind(tensor.name, self._device[tensor.name])

    def write(self) -> None:
        for name in self.engine.inputs:
            value = self.host[name]
            self._cuda.copy_in(self._device[name], value.ctypes.data, value.nbytes, self._stream)
        self._cuda.synchronise(self._stream)

    def infer(self) -> None:
        self.engine.enqueue(self._stream)
        self._cuda.synchronise(self._stream)

    def read(self) -> None:
        for name in self.engine.outputs:
            value = self.host[name]
            self._cuda.copy_out(value.ctypes.data, self._device[name], value.nbytes, self._stream)
        self._cuda.synchronise(self._stream)

    def close(self) -> None:
        self.engine.close()
        for address in self._device.values():
            self._cuda.free(address)
        self.host.clear()
        for memory in self._memory:
            self._cuda.free_host(memory)
        self._device.clear()
        self._memory.clear()
        self._cuda.destroy_stream(self._stream)


def plan_runner(path: Path, library: str, wanted: Mapping[str, Shape]) -> DeviceRunner:
    """Load a plan on the GPU of this host.

    :param wanted: shapes of open inputs.
    :raises GuidanceError: if it cannot run here.
    """
    from surgical_guidance.inference.tensorrt import TensorRtEngine
    from surgical_guidance.inference.trt_library import load

    need_device('running it')
    loaded = load(library)
    return DeviceRunner(
        lambda cuda, host, stream: TensorRtEngine(loaded, path, cuda, host.plans, host.scratch, stream, wanted)
    )


def provider_runner(kind: str, manifest: Manifest) -> DeviceRunner:
    """Load a network into a GPU provider of ONNX Runtime.

    :raises GuidanceError: if it cannot run here.
    """
    from surgical_guidance.inference.onnxruntime_gpu import OnnxRuntimeGpuEngine

    need_device('running it')
    return DeviceRunner(lambda _cuda, _host, stream: OnnxRuntimeGpuEngine(kind, manifest, stream))
