"""What killed processes leave in ``/dev/shm``: frame rings and the shared-memory segments of Fast DDS.

Fast DDS makes groups of files there: a segment or port ``X``, its lock ``X_el`` or ``X_sl``, and for ports
``sem.X_mutex``. A living participant holds a ``flock`` on the lock file, exclusive or shared; the kernel drops it
however the process ends. So a group is litter when nobody holds its lock *and* no process has it mapped *and* it is not
new: between making a lock file and locking it a process needs a moment. Files of other users are left alone, since
whether those users' processes map them cannot be seen.

A process that is killed leaves a group of 0.5 MiB and, if it was the camera, its ring; hundreds once held 6 GB.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from surgical_guidance.frames import remove_dead_rings
from surgical_guidance.frames.ring import SHM

SETTLED_S: Final = 10.0
"""A group younger than this is left alone: its maker may not hold the lock yet [s]."""

_NAME: Final = re.compile(r'(?:sem\.)?((?:fastrtps|fastdds)_(?:port\d{1,5}|[0-9a-f]{16}))(_el|_sl|_mutex)?')


def sweep(*, settled_s: float = SETTLED_S) -> tuple[list[str], int]:
    """Remove what dead processes left; name what was removed, and tell the bytes it held.

    :param settled_s: how old a group of Fast DDS must be [s].
    """
    free_before = _free()
    removed = remove_dead_rings() + remove_dead_segments(settled_s=settled_s)
    return removed, max(0, _free() - free_before) if removed else 0


def remove_dead_segments(folder: Path = SHM, *, settled_s: float = SETTLED_S) -> list[str]:
    """Remove the segments and ports of Fast DDS whose processes are dead; name the files that were removed.

    :param folder: where POSIX shared-memory objects are.
    """
    candidates = {base: files for base, files in _groups(folder).items() if _is_free(files, settled_s)}
    if not candidates:
        return []
    mapped = _mapped(folder)  # costly: it reads the maps of every process
    removed = []
    for base, files in candidates.items():
        if base in mapped:
            continue
        with _locked(files) as ours:
            for path in files if ours else ():
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
                    removed.append(path.name)
    return sorted(removed)


def _groups(folder: Path) -> dict[str, list[Path]]:
    """Gather the files of this user by what they belong to."""
    groups: dict[str, list[Path]] = defaultdict(list)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match is not None:
                groups[match[1]].append(Path(entry.path))
    return groups


def _is_free(files: list[Path], settled_s: float) -> bool:
    """Whether a group is ours, not new, and locked by nobody."""
    now = time.time()
    try:
        stats = [path.stat() for path in files]
    except FileNotFoundError:
        return False  # it is just being taken down
    if any(stat.st_uid != os.geteuid() or now - stat.st_ctime < settled_s for stat in stats):
        return False
    with _locked(files) as ours:
        return ours


@contextlib.contextmanager
def _locked(files: list[Path]) -> Iterator[bool]:
    """Hold the locks of a group; False if somebody else holds one of them."""
    held = []
    try:
        for path in files:
            if path.name.endswith(('_el', '_sl')):
                held.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
                fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        for fd in held:
            os.close(fd)


def _mapped(folder: Path) -> set[str]:
    """Name the segments that some process has mapped, as far as this user can see."""
    found = set()
    for maps in Path('/proc').glob('[0-9]*/maps'):
        with contextlib.suppress(OSError):
            for line in maps.read_text(encoding='utf-8', errors='replace').splitlines():
                _, _, name = line.partition(f'{folder}/')
                match = _NAME.fullmatch(name)
                if match is not None:
                    found.add(match[1])
    return found


def _free() -> int:
    try:
        stat = os.statvfs(SHM)
    except OSError:
        return 0
    return stat.f_bavail * stat.f_frsize
