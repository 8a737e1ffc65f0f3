"""Tensors that travel together: one piece of device memory and one of page-locked host memory, copied in one go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.inference.cuda.driver import Cuda

_ALIGNMENT = 256  # bytes; what the driver's own allocations keep


class Block:
    """Device memory for some tensors and its image on the host. Used by the thread of CUDA.

    :param parts: name -> element type and shape.
    """

    def __init__(self, cuda: Cuda, parts: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]) -> None:
        self._cuda = cuda
        offsets, size = {}, 0
        for name, (dtype, shape) in parts.items():
            offsets[name] = size
            size += -(-dtype.itemsize * int(np.prod(shape)) // _ALIGNMENT) * _ALIGNMENT
        self.size = max(size, _ALIGNMENT)
        self._device = cuda.allocate(self.size)
        self._host = cuda.host_memory(self.size)
        self._host[:] = 0
        self.addresses = {name: self._device + offset for name, offset in offsets.items()}
        self.arrays: dict[str, NDArray[Any]] = {
            name: np.ndarray(shape, dtype, self._host.data, offsets[name]) for name, (dtype, shape) in parts.items()
        }

    def copy_in(self, stream: int) -> None:
        """Bring the host's image to the device."""
        self._cuda.copy_in(self._device, self._host.ctypes.data, self.size, stream)

    def copy_out(self, stream: int) -> None:
        """Bring the device's memory to the host's image."""
        self._cuda.copy_out(self._host.ctypes.data, self._device, self.size, stream)

    def clear(self, stream: int) -> None:
        """Set the device's memory to 0."""
        self._cuda.clear(self._device, self.size, stream)

    def close(self) -> None:
        """Give both back. The arrays are nobody's any more."""
        self._cuda.free(self._device)
        self.arrays.clear()
        self._cuda.free_host(self._host)
