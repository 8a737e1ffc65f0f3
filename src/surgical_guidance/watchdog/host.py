"""What the machine has left: memory, `/dev/shm`, disk, and whether it is too hot.

Read from the kernel's own files by ``psutil`` and from sysfs, which is also where a Jetson tells of its sensors. All of
it is read by a thread that may be slow (:mod:`.surveyor`), never by the one that watches.
"""

from __future__ import annotations

import contextlib
import math
import resource
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from surgical_guidance.watchdog.gpu import Gpu, GpuFacts, find_gpu

SHM: Final = Path('/dev/shm')  # noqa: S108  (where Linux keeps POSIX shared-memory objects)
MIB: Final = 2**20
PAGE: Final = resource.getpagesize()

MEMORY_LOW_MB: Final = 300.0
SHM_LOW_MB: Final = 8.0  # the ring of a camera is allocated at its start and safe; a process of Fast DDS takes 0.5
DISK_LOW_MB: Final = 500.0
NEAR_LIMIT_C: Final = 3.0  # below the temperature at which the host begins to slow itself down
HOT_C: Final = 95.0  # where a sensor does not say what is too hot for it


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What the machine has left, at one moment.

    :param memory_mb: that can be had without swapping.
    :param temperature_c: of the hottest sensor; NaN where there is none.
    :param hot: what is too hot, or slows itself down because of it; '' where nothing is.
    """

    memory_mb: float
    shm_mb: float
    disk_mb: float
    disk: str
    temperature_c: float
    hot: str
    gpu: GpuFacts | None


class Host:
    """Reads the machine's state.

    :param disk: folder whose disk is watched.
    :param root: of the file system that sysfs is looked for in.
    :param gpu: None: the one this machine has.
    """

    def __init__(self, disk: Path, root: Path = Path('/'), gpu: Gpu | None = None) -> None:
        self._disk = disk
        self._gpu = gpu if gpu is not None else find_gpu(root)
        self._throttle_files = sorted(root.glob('sys/devices/system/cpu/cpu*/thermal_throttle/package_throttle_count'))
        self._throttled = self._throttle_count()

    def look(self) -> HostFacts:
        """Read everything now. What cannot be read counts as plenty."""
        temperature_c, hot = hottest()
        count = self._throttle_count()
        if count > self._throttled:
            hot = hot or f'the processor slowed itself down {count - self._throttled} times since the last look'
        self._throttled = count
        gpu = self._gpu.look()
        if gpu is not None and gpu.hot:
            hot = hot or gpu.hot
        return HostFacts(
            memory_mb=psutil.virtual_memory().available / MIB,
            shm_mb=_free_mb(SHM),
            disk_mb=_free_mb(self._disk),
            disk=str(self._disk),
            temperature_c=temperature_c,
            hot=hot,
            gpu=gpu,
        )

    def close(self) -> None:
        """Give the GPU's library back."""
        self._gpu.close()

    def _throttle_count(self) -> int:
        total = 0
        for file in self._throttle_files:
            with contextlib.suppress(OSError, ValueError):
                total += int(file.read_text(encoding='ascii'))
        return total


def hottest() -> tuple[float, str]:
    """Give the temperature of the hottest sensor [deg C], NaN where there is none; and what is too hot, or ''."""
    highest, hot = -math.inf, ''
    try:
        sensors = psutil.sensors_temperatures()
    except (OSError, ValueError, AttributeError):  # a sensor that was pulled out meanwhile; not Linux
        sensors = {}
    for chip, entries in sensors.items():
        for entry in entries:
            if not -50.0 < entry.current < 200.0:  # nonsense, or NaN
                continue
            highest = max(highest, entry.current)
            limit_c = (entry.critical or entry.high or HOT_C + NEAR_LIMIT_C) - NEAR_LIMIT_C
            if entry.current >= max(limit_c, 60.0) and not hot:  # some sensors say nonsense such as a limit of 0
                hot = f'{chip} {entry.label}'.strip() + f' has {entry.current:.0f} °C, the limit is {limit_c:.0f} °C'
    return highest if math.isfinite(highest) else math.nan, hot


def own_mb(pid: int) -> float | None:
    """Give the memory that a process has to itself [MiB]; None where it is gone.

    What it shares is not its own: a frame ring is 50 MiB in every process that looks into it.
    """
    try:
        _, resident, shared, *_ = map(int, Path(f'/proc/{pid}/statm').read_text(encoding='ascii').split())
    except (OSError, ValueError, IndexError):
        return None
    return (resident - shared) * PAGE / MIB


def _free_mb(path: Path) -> float:
    """Give what is free there [MiB]; of a folder that is not there yet, of the one it will be in."""
    for folder in (path, *path.parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(folder).free / MIB
    return math.inf
