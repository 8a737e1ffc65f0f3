"""Opens CUDA in the way this host has: PyCUDA first, cuda-bindings second."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.cuda.bindings import CudaBindings
from surgical_guidance.inference.cuda.contexts import DriverContext, PyCudaContext
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.libcuda import LibCuda

CHOICE = 'SURGICAL_GUIDANCE_CUDA'
"""Environment variable: ``pycuda`` or ``cuda-bindings`` takes that one alone."""


def _by_pycuda(ordinal: int) -> Cuda:
    context = PyCudaContext(ordinal)
    try:
        return Cuda(LibCuda(), context, ordinal)
    except BaseException:
        context.close()
        raise


def _by_bindings(ordinal: int) -> Cuda:
    call = CudaBindings()
    context = DriverContext(call, ordinal)
    try:
        return Cuda(call, context, ordinal)
    except BaseException:
        context.close()
        raise


SEAMS: Mapping[str, Callable[[int], Cuda]] = {'pycuda': _by_pycuda, 'cuda-bindings': _by_bindings}
"""The ways to drive a GPU, the first that works is taken."""


def open_cuda(ordinal: int = 0, choice: str | None = None, seams: Mapping[str, Callable[[int], Cuda]] = SEAMS) -> Cuda:
    """Open CUDA on a device, in this thread, which must close it.

    :param choice: one of :data:`SEAMS`; None: what the environment says, else the first that works.
    :raises EngineError: why none works here.
    """
    choice = choice if choice is not None else os.environ.get(CHOICE) or None
    if choice is not None and choice not in seams:
        raise EngineError(f'there is no way {choice!r} to drive a GPU', where=CHOICE, remedy=f'use {", ".join(seams)}')
    reasons = []
    for name in [choice] if choice is not None else seams:
        try:
            return seams[name](ordinal)
        except EngineError as error:
            reasons.append(error)
    raise EngineError(
        '; '.join(dict.fromkeys(error.what for error in reasons)), where='GPU', remedy=reasons[-1].remedy
    ) from reasons[-1]
