"""Does a process take ever more memory? Held against what it had when it had settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

SETTLE_LOOKS: Final = 5
"""So many looks in a row without growth, and a new process has loaded what it needs."""
SETTLE_MB: Final = 1.0
"""Less than this from look to look is no growth: compiling the frame path takes some 7 MiB a second [MiB]."""
SETTLE_LOOKS_MOST: Final = 60
"""It has settled by then at the latest: loading does not last for minutes, and a leak must be told."""


@dataclass(slots=True)
class _Known:
    looks: int = 0
    quiet: int = 0
    base_mb: float = 0.0

    def look(self, now_mb: float) -> float:
        """Take what a process has now; give how much more that is than when it had settled, 0 while it loads [MiB]."""
        if self.quiet >= SETTLE_LOOKS or self.looks >= SETTLE_LOOKS_MOST:
            return now_mb - self.base_mb
        self.looks += 1
        self.quiet = self.quiet + 1 if now_mb - self.base_mb < SETTLE_MB else 0
        self.base_mb = now_mb
        return 0.0


class Growth:
    """Compares the memory of processes, look by look.

    :param limit_mb: growth that is too much [MiB].
    """

    def __init__(self, limit_mb: float) -> None:
        self._limit_mb = limit_mb
        self._known: dict[int, _Known] = {}

    def look(self, own_mb: Mapping[int, float], names: Mapping[int, Iterable[str]]) -> str:
        """Take what processes have now; tell which has grown too much, or ''.

        :param own_mb: by process [MiB].
        :param names: what each hosts, for people.
        """
        self._known = {pid: self._known.get(pid, _Known()) for pid in own_mb}
        told = []
        for pid, now_mb in own_mb.items():
            more_mb = self._known[pid].look(now_mb)
            if more_mb > self._limit_mb:
                who = ', '.join(names.get(pid, ())) or 'process'
                told.append(f'{who} ({pid}) has {now_mb:.0f} MiB, {more_mb:.0f} more than at first')
        return '; '.join(told)
