"""A slow thread of the watchdog: looks at the host, the memory of the processes and the litter of dead ones.

Sensors and a full disk may take their time; the thread that watches only reads what was found last.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from surgical_guidance.watchdog.growth import Growth
from surgical_guidance.watchdog.host import Host, HostFacts, own_mb
from surgical_guidance.watchdog.litter import sweep

LOOK_EVERY_S: Final = 1.0
FIRST_SWEEP: Final = 1
"""Look at which litter is searched for the first time: everybody has had the time to start."""

AFTER_DEATH: Final = 15
"""Looks after a death until litter is searched for again: what is younger than 10 s is left alone."""

SWEEP_EVERY: Final = 300
"""Looks until it is searched for in any case."""


class Surveyor:
    """Keeps what it found last in ``host`` and ``growth``.

    :param names: tells the processes of the guidance and what each hosts.
    :param tell: gets one line for the log.
    """

    def __init__(
        self,
        host: Host,
        growth: Growth,
        names: Callable[[], Mapping[int, Iterable[str]]],
        tell: Callable[[str], None],
    ) -> None:
        self.host: HostFacts | None = None
        self.growth = ''
        self._host = host
        self._growth = growth
        self._names = names
        self._tell = tell
        self._until_sweep = FIRST_SWEEP
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name='surveyor', daemon=True)
        self._thread.start()

    def process_ended(self) -> None:
        """Search for litter soon. Any thread may call it."""
        self._until_sweep = min(self._until_sweep, AFTER_DEATH)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        try:
            while not self._stop.wait(LOOK_EVERY_S):
                self._look()
                self._until_sweep -= 1
                if self._until_sweep <= 0:
                    self._until_sweep = SWEEP_EVERY
                    self._sweep()
        finally:
            self._host.close()

    def _look(self) -> None:
        self.host = self._host.look()
        names = self._names()
        memory = {pid: own_mb(pid) for pid in {*names, os.getpid()}}
        self.growth = self._growth.look({pid: mb for pid, mb in memory.items() if mb is not None}, names)

    def _sweep(self) -> None:
        try:
            removed, freed = sweep()
        except OSError as error:
            self._tell(f'what dead processes left in shared memory cannot be removed ({error.strerror})')
            return
        if removed:
            self._tell(f'removed {len(removed)} files of dead processes from shared memory, {freed >> 20} MiB')
