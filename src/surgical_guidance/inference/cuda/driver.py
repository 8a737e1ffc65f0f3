"""What the frame path needs of CUDA, for one device, in the thread that opened it.

Streams, events, memory, graphs and kernels are plain integers: the handles and addresses of the driver API. So engines
of any make can be given them.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.inference.cuda import graphs
from surgical_guidance.inference.cuda.faults import HOST_MEMORY_ALREADY_REGISTERED, CudaError
from surgical_guidance.inference.cuda.graphs import Graph

_CAPABILITY_MAJOR, _CAPABILITY_MINOR, _HOST_REGISTER, _READ_ONLY_REGISTER = 75, 76, 99, 113  # CUdevice_attribute
_NON_BLOCKING_STREAM = 1  # it does not wait for the default stream
_NO_TIMING = 2  # of an event: cheaper
_REGISTER_READ_ONLY = 8
_CAPTURE_THREAD_LOCAL = 1  # others' calls neither join the capture nor break it


class Call(Protocol):
    """Calls functions of the driver API: PyCUDA has not all of them, so there are two ways."""

    name: str

    def __call__(self, name: str, *arguments: Any) -> Any:
        """Call a function; give what it gives: nothing, a number, or several.

        :raises CudaError: if it fails.
        """

    def device_name(self, device: int) -> str:
        """Name a device."""

    def graph_order(self, graph: int) -> list[int]:
        """Give a graph's pieces of work, each after all those it waits for.

        :raises EngineError: if the driver does not tell them.
        """


class Context(Protocol):
    """The device's primary context, current in this thread, and memory in it."""

    name: str

    def allocate(self, size: int) -> int:
        """Take device memory [bytes]; give its address."""

    def free(self, address: int) -> None:
        """Give device memory back."""

    def host_memory(self, size: int) -> NDArray[np.uint8]:
        """Take page-locked host memory [bytes]."""

    def free_host(self, memory: NDArray[np.uint8]) -> None:
        """Give page-locked host memory back; nobody may look at it any more."""

    def close(self) -> None:
        """Take the context from this thread and let it go."""


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU.

    :param capability: compute capability, major and minor.
    :param registers: memory that lies elsewhere already can be page-locked.
    :param registers_read_only: also memory that may only be read.
    """

    name: str
    capability: tuple[int, int]
    registers: bool
    registers_read_only: bool


class Cuda:
    """CUDA of one device. Used by the one thread that made it.

    :param call: the driver API.
    :param context: current in this thread.
    :param ordinal: of the device.
    """

    def __init__(self, call: Call, context: Context, ordinal: int) -> None:
        self._call = call
        self._context = context
        self.allocate = context.allocate
        self.free = context.free
        self.host_memory = context.host_memory
        self.free_host = context.free_host
        handle = call('cuDeviceGet', ordinal)
        attribute = {
            which: call('cuDeviceGetAttribute', which, handle)
            for which in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR, _HOST_REGISTER, _READ_ONLY_REGISTER)
        }
        self.device = Device(
            call.device_name(handle),
            (attribute[_CAPABILITY_MAJOR], attribute[_CAPABILITY_MINOR]),
            bool(attribute[_HOST_REGISTER]),
            bool(attribute[_READ_ONLY_REGISTER]),
        )
        self._lowest, self._highest = call('cuCtxGetStreamPriorityRange')
        self._launch_arguments: dict[int, tuple[Any, Any]] = {}

    def describe(self) -> str:
        """Tell in one line which device it is and how it is driven."""
        return f'{self.device.name} ({self.device.capability[0]}.{self.device.capability[1]}) by {self._context.name}'

    def close(self) -> None:
        """Let the context go. Everything made in it must be gone before."""
        self._context.close()

    def memory(self) -> tuple[int, int]:
        """Give the device's free memory and all of it [bytes]."""
        free, total = self._call('cuMemGetInfo')
        return free, total

    # Streams and events

    def stream(self, *, first: bool = False) -> int:
        """Make a stream; ``first``: where both have work, its work goes before that of the others."""
        priority = self._highest if first else self._lowest
        return int(self._call('cuStreamCreateWithPriority', _NON_BLOCKING_STREAM, priority))

    def destroy_stream(self, stream: int) -> None:
        """Give a stream back."""
        self._call('cuStreamDestroy', stream)

    def synchronise(self, stream: int) -> None:
        """Wait until a stream has done its work."""
        self._call('cuStreamSynchronize', stream)

    def event(self, *, timing: bool = False) -> int:
        """Make an event."""
        return int(self._call('cuEventCreate', 0 if timing else _NO_TIMING))

    def destroy_event(self, event: int) -> None:
        """Give an event back."""
        self._call('cuEventDestroy', event)

    def record(self, event: int, stream: int) -> None:
        """Let an event happen when the work given to a stream so far is done."""
        self._call('cuEventRecord', event, stream)

    def wait(self, stream: int, event: int) -> None:
        """Let a stream wait for an event."""
        self._call('cuStreamWaitEvent', stream, event, 0)

    def wait_here(self, event: int) -> None:
        """Wait for an event."""
        self._call('cuEventSynchronize', event)

    def elapsed_ms(self, start: int, end: int) -> float:
        """Give the time between two events that have happened [ms]."""
        return float(self._call('cuEventElapsedTime', start, end))

    # Memory

    def lock(self, memory: NDArray[np.uint8], *, read_only: bool = False) -> bool:
        """Page-lock memory that is there already, so that it is read by DMA; give whether it is locked by this call.

        It must be unlocked before it is unmapped.
        """
        if not self.device.registers or (read_only and not self.device.registers_read_only):
            return False
        flags = _REGISTER_READ_ONLY if read_only else 0
        try:
            self._call('cuMemHostRegister', memory.ctypes.data, memory.nbytes, flags)
        except CudaError as error:
            if error.device_lost:
                raise
            # Already locked by another: as good. Anything else: copies are slower, which is no reason to stop.
            return error.code == HOST_MEMORY_ALREADY_REGISTERED
        return True

    def unlock(self, memory: NDArray[np.uint8]) -> None:
        """Undo :meth:`lock`."""
        self._call('cuMemHostUnregister', memory.ctypes.data)

    def copy_in(self, address: int, host: int, size: int, stream: int) -> None:
        """Copy from host to device [bytes]; from page-locked memory it does not wait."""
        self._call('cuMemcpyHtoDAsync', address, host, size, stream)

    def copy_out(self, host: int, address: int, size: int, stream: int) -> None:
        """Copy from device to host [bytes]; to page-locked memory it does not wait."""
        self._call('cuMemcpyDtoHAsync', host, address, size, stream)

    def clear(self, address: int, size: int, stream: int) -> None:
        """Set device memory to 0 [bytes]."""
        self._call('cuMemsetD8Async', address, 0, size, stream)

    # Kernels

    def load_module(self, image: bytes) -> int:
        """Load compiled kernels: a fatbin, a cubin or PTX."""
        buffer = ctypes.create_string_buffer(image)  # ends with a zero, as PTX must
        return int(self._call('cuModuleLoadData', ctypes.addressof(buffer)))

    def unload_module(self, module: int) -> None:
        """Unload kernels."""
        self._call('cuModuleUnload', module)

    def function(self, module: int, name: str) -> int:
        """Find a kernel."""
        return int(self._call('cuModuleGetFunction', module, name.encode()))

    def launch(
        self,
        function: int,
        grid: tuple[int, int],
        block: tuple[int, int],
        stream: int,
        argument: ctypes.Structure,
    ) -> None:
        """Run a kernel that takes one structure, by value."""
        arguments = (ctypes.c_void_p * 1)(ctypes.addressof(argument))
        where = ctypes.addressof(arguments)
        self._call('cuLaunchKernel', function, grid[0], grid[1], 1, block[0], block[1], 1, 0, stream, where, 0)

    # Graphs

    def begin_capture(self, stream: int) -> None:
        """Record what is given to a stream from now on, instead of doing it."""
        self._call('cuStreamBeginCapture', stream, _CAPTURE_THREAD_LOCAL)

    def end_capture(self, stream: int) -> Graph:
        """End the recording; give it as a graph that can be launched."""
        graph = self._call('cuStreamEndCapture', stream)
        try:
            return graphs.instantiate(self._call, graph)
        finally:
            self._call('cuGraphDestroy', graph)

    def launch_graph(self, graph: Graph, stream: int) -> None:
        """Do all of a recording."""
        for part in graph:
            self._call('cuGraphLaunch', part, stream)

    def destroy_graph(self, graph: Graph) -> None:
        """Give a graph back."""
        graphs.destroy(self._call, graph)
