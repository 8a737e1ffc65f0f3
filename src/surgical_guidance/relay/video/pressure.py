"""How short of processors this host is: the share of the time in which something that could run had to wait.

Linux tells it (pressure stall information, ``Documentation/accounting/psi.rst`` of the kernel). On a host of many cores
something always waits somewhere; on one of few it is the camera, the models, the encoder or the page that shows it all.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

FILE = Path('/proc/pressure/cpu')
FEW_CORES = 4
NS_PER_US = 1000


class Pressure:
    """Tells it from one look to the next. Belongs to one thread.

    :param file: in the kernel's form.
    :param cores: of this host; None: as many as this process may use.
    """

    def __init__(self, file: Path = FILE, cores: int | None = None) -> None:
        self._file = file
        self._few = (len(os.sched_getaffinity(0)) if cores is None else cores) <= FEW_CORES
        self._before = (0, 0)

    def look(self, now_ns: int) -> float:
        """Give the share since the look before; 0 where nobody tells, or there are many cores."""
        waited_us = 0
        if self._few:
            with contextlib.suppress(OSError, ValueError, IndexError):
                waited_us = int(self._file.read_text(encoding='ascii').split('total=')[1].split()[0])
        (then_us, then_ns), self._before = self._before, (waited_us, now_ns)
        if not then_ns or now_ns <= then_ns:
            return 0.0
        return (waited_us - then_us) * NS_PER_US / (now_ns - then_ns)
