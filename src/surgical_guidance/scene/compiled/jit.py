"""The compiler: as every loop here is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec('P')
R = TypeVar('R')


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first call, or take what an earlier process has compiled.

    It lets go of the interpreter while it runs; a division by zero gives what NumPy's does. To keep compiling short,
    loops are written out: an array operation takes longer to compile than a loop, a slice that is assigned ten times as
    long. Where neither the folder of its file nor the user's cache folder can be
    written to, every process compiles it anew.
    """
    try:
        return numba.njit(cache=True, nogil=True, error_model='numpy')(function)
    except RuntimeError:  # Numba has found no place to keep it
        return numba.njit(nogil=True, error_model='numpy')(function)
