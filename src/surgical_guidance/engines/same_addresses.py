"""Gives a process the same addresses each time it is started.

TensorRT-RTX numbers the inner names of a branching network in the order of addresses, which the kernel draws anew for
every process (address space layout randomisation). Without that, what is built anew is the same bit by bit.
"""

from __future__ import annotations

import ctypes
import os
import sys

_ASK = 0xFFFFFFFF
_ADDR_NO_RANDOMIZE = 0x0040000  # personality(2)


def start_again_with_the_same_addresses() -> None:
    """Put a process of the same command line in the place of this one, without randomisation.

    Does nothing where that is so already, or not allowed (some containers): then plans differ, in names alone.
    """
    try:
        personality = ctypes.CDLL(None).personality
    except (AttributeError, OSError):  # not Linux
        return
    now = personality(_ASK)
    if now < 0 or now & _ADDR_NO_RANDOMIZE or personality(now | _ADDR_NO_RANDOMIZE) < 0:
        return
    if not personality(_ASK) & _ADDR_NO_RANDOMIZE:  # taken without a word, and not done
        return
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  (this program, with its own arguments)
