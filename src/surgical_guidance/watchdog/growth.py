"""Does a process take ever more memory? Held against what it had when it had settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

SETTLE_LOOKS: Final = 5
"""Looks at a new process before its memory is taken for what it needs: loading is over by then."""


@dataclass(slots=True)
class _Known:
    looks: int = 0
    settled_mb: float = 0.0


class Growth:
    """Compares the memory of processes, look by look.

    :param limit_mb: growth that is too much [MiB].
    """

    def __init__(self, limit_mb: float) -> None:
        self._limit_mb = limit_mb
        self._known: dict[int, _Known] = {}

    def look(self, resident_mb: Mapping[int, float], names: Mapping[int, Iterable[str]]) -> str:
        """Take what processes have now; tell which has grown too much, or ''.

        :param resident_mb: by process [MiB].
        :param names: what each hosts, for people.
        """
        self._known = {pid: self._known.get(pid, _Known()) for pid in resident_mb}
        told = []
        for pid, now_mb in resident_mb.items():
            known = self._known[pid]
            known.looks += 1
            if known.looks <= SETTLE_LOOKS:
                known.settled_mb = now_mb
            elif now_mb - known.settled_mb > self._limit_mb:
                who = ', '.join(names.get(pid, ())) or 'process'
                told.append(f'{who} ({pid}) has {now_mb:.0f} MiB, {now_mb - known.settled_mb:.0f} more than at first')
        return '; '.join(told)
