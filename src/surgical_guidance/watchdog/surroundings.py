"""What is known besides the stages and their topics: picture, clock, host, the watchdog itself; and its alarms."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from surgical_guidance.watchdog.alarm_table import (
    ALARM_LOG,
    CLOCK_STEPPED,
    DISK_LOW,
    MEMORY_GROWTH,
    MEMORY_LOW,
    OVERHEATED,
    SHM_LOW,
    WATCHDOG_RESTARTED,
)
from surgical_guidance.watchdog.host import DISK_LOW_MB, MEMORY_LOW_MB, SHM_LOW_MB, HostFacts
from surgical_guidance.watchdog.picture import PictureFacts

HOST_ALARMS: Final = (OVERHEATED, MEMORY_LOW, SHM_LOW, DISK_LOW, MEMORY_GROWTH)
"""What the host itself has to do with."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All of it at one moment. Texts are one line each, and '' where nothing is wrong.

    :param host: None before the first look.
    :param growth: which process takes ever more memory.
    :param clock: that the system clock was set.
    :param log: why the alarm log cannot be written.
    :param restarted: that the watchdog died and was started again.
    """

    picture: PictureFacts = field(default_factory=PictureFacts)
    host: HostFacts | None = None
    growth: str = ''
    clock: str = ''
    log: str = ''
    restarted: str = ''

    @property
    def conditions(self) -> dict[str, str]:
        """The alarms whose condition holds, by id; those of the picture depend on more than this."""
        conditions = {
            MEMORY_GROWTH: self.growth,
            CLOCK_STEPPED: self.clock,
            ALARM_LOG: self.log,
            WATCHDOG_RESTARTED: self.restarted,
        }
        host = self.host
        if host is not None:
            conditions |= {
                OVERHEATED: host.hot,
                MEMORY_LOW: _below(host.memory_mb, MEMORY_LOW_MB, 'of memory'),
                SHM_LOW: _below(host.shm_mb, SHM_LOW_MB, 'in /dev/shm'),
                DISK_LOW: _below(host.disk_mb, DISK_LOW_MB, f'for {host.disk}'),
            }
        return {alarm: detail for alarm, detail in conditions.items() if detail}


NOTHING_KNOWN: Final = Surroundings()


def _below(left_mb: float, limit_mb: float, of: str) -> str:
    if math.isnan(left_mb) or left_mb >= limit_mb:
        return ''
    return f'{left_mb:.0f} MiB {of} are left, the limit is {limit_mb:.0f} MiB'
