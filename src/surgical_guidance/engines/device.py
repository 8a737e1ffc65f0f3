"""Which GPU this host has, as far as a build depends on it."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from surgical_guidance.errors import HostError

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_...
_NAME_BYTES = 256


class Device(NamedTuple):
    """The first GPU.

    :param capability: as in ``sm86``.
    """

    name: str
    capability: str


def device() -> Device | None:
    """Ask the driver for the first GPU; None where there is no driver or no GPU."""
    try:
        driver = ctypes.CDLL('libcuda.so.1')
    except OSError:
        return None
    number, name = ctypes.c_int(), ctypes.create_string_buffer(_NAME_BYTES)
    major, minor = ctypes.c_int(), ctypes.c_int()
    asked = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(number), 0)
        or driver.cuDeviceGetName(name, _NAME_BYTES, number)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, number)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, number)
    )
    return None if asked else Device(name.value.decode(), f'sm{major.value}{minor.value}')


def need_device(what: str) -> Device:
    """Give the first GPU.

    :param what: needs it, for the error.
    :raises HostError: if there is none.
    """
    found = device()
    if found is None:
        raise HostError(
            f'{what} needs an NVIDIA GPU and its driver, and here is none',
            remedy='do it on the device, or build with TensorRT-RTX (pip install tensorrt-rtx), which needs none',
        )
    return found
