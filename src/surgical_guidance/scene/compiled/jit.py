"""The compiler: as every loop here is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec('P')
R = TypeVar('R')


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first call, or take what an earlier process has compiled.

    It lets go of the interpreter while it runs. Where neither the folder of its file nor the user's cache folder can be
    written to, every process compiles it anew.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # Numba has found no place to keep it
        return numba.njit(nogil=True)(function)
