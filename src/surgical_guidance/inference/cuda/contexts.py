"""The device's primary context and its memory: by PyCUDA, or by the driver API alone."""

from __future__ import annotations

import ctypes
import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.cuda.driver import Call
from surgical_guidance.inference.cuda.faults import OUT_OF_MEMORY, CudaError


class PyCudaContext:
    """Context and memory by PyCUDA. See :class:`surgical_guidance.inference.cuda.driver.Context`.

    :param ordinal: of the device.
    :param driver: in place of the module ``pycuda.driver``; for tests.
    :raises EngineError: if PyCUDA does not load or finds no device.
    """

    def __init__(self, ordinal: int, driver: Any = None) -> None:
        if driver is None:
            try:
                driver = importlib.import_module('pycuda.driver')
            except ImportError as error:  # also where libcuda is not there
                raise EngineError(
                    f'PyCUDA does not load ({error})', where='GPU', remedy='pip install pycuda'
                ) from error
        self._driver = driver
        try:
            driver.init()
            self._context = driver.Device(ordinal).retain_primary_context()
            self._context.push()
        except driver.Error as error:
            raise EngineError(f'PyCUDA finds no GPU ({error})', where='GPU', remedy='look at nvidia-smi') from error
        version = getattr(driver, 'get_version', lambda: ())()
        self.name = f'PyCUDA, CUDA {".".join(map(str, version[:2]))}'
        self._device_memory: dict[int, Any] = {}

    def allocate(self, size: int) -> int:
        """Take device memory [bytes]."""
        try:
            memory = self._driver.mem_alloc(size)
        except self._driver.MemoryError as error:
            raise CudaError('mem_alloc', OUT_OF_MEMORY, f'{size >> 20} MiB: {error}') from error
        self._device_memory[int(memory)] = memory
        return int(memory)

    def free(self, address: int) -> None:
        """Give device memory back."""
        self._device_memory.pop(address).free()

    def host_memory(self, size: int) -> NDArray[np.uint8]:
        """Take page-locked host memory [bytes]."""
        memory: NDArray[np.uint8] = self._driver.pagelocked_empty(size, np.uint8)
        return memory

    def free_host(self, memory: NDArray[np.uint8]) -> None:
        """Give page-locked host memory back."""
        memory.base.free()  # type: ignore[union-attr]

    def close(self) -> None:
        """Take the context from this thread: one that ends with it ends the process."""
        self._device_memory.clear()
        self._context.pop()
        self._context.detach()


class DriverContext:
    """Context and memory by the driver API. See :class:`surgical_guidance.inference.cuda.driver.Context`.

    :param call: the driver API.
    :param ordinal: of the device.
    :raises EngineError: if there is no such device.
    """

    def __init__(self, call: Call, ordinal: int) -> None:
        self._call = call
        self.name = call.name
        call('cuInit', 0)
        self._device = call('cuDeviceGet', ordinal)
        call('cuCtxPushCurrent', call('cuDevicePrimaryCtxRetain', self._device))

    def allocate(self, size: int) -> int:
        """Take device memory [bytes]."""
        return int(self._call('cuMemAlloc', size))

    def free(self, address: int) -> None:
        """Give device memory back."""
        self._call('cuMemFree', address)

    def host_memory(self, size: int) -> NDArray[np.uint8]:
        """Take page-locked host memory [bytes]."""
        address = self._call('cuMemHostAlloc', size, 0)
        return np.frombuffer(memoryview((ctypes.c_uint8 * size).from_address(address)), np.uint8)

    def free_host(self, memory: NDArray[np.uint8]) -> None:
        """Give page-locked host memory back."""
        self._call('cuMemFreeHost', memory.ctypes.data)

    def close(self) -> None:
        """Take the context from this thread and let it go."""
        self._call('cuCtxPopCurrent')
        self._call('cuDevicePrimaryCtxRelease', self._device)
