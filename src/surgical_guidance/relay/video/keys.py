"""Key frames on demand, but not more often than they help: one asked for by many is made once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from surgical_guidance.clock import NS_PER_S, monotonic_ns

DEBOUNCE_S = 0.5


class KeyRequests:
    """Passes requests on for one encoder. Belongs to the loop's thread.

    :param ask: makes the next picture a key frame.
    """

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._asked_ns: int | None = None
        self._later: asyncio.TimerHandle | None = None

    def need(self) -> None:
        """Somebody needs a key frame: now, or as soon as the last one is old enough."""
        if self._later is not None:
            return
        wait_s = 0.0
        if self._asked_ns is not None:
            wait_s = DEBOUNCE_S - (monotonic_ns() - self._asked_ns) / NS_PER_S
        if wait_s <= 0:
            self._go()
        else:
            self._later = asyncio.get_running_loop().call_later(wait_s, self._go)

    def close(self) -> None:
        """Forget what was asked for."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _go(self) -> None:
        self._later = None
        self._asked_ns = monotonic_ns()
        self._ask()
