"""The machine under it all: Python, shared memory and what others left in it, ports, disk."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil

from surgical_guidance.doctor.finding import Finding
from surgical_guidance.frames.ring import PREFIX, SHM, lock_is_held

PYTHON = (3, 11)
SLOTS = 8  # frames in a ring, as the camera's default
RING_1080P = SLOTS * 1920 * 1080 * 3  # bytes
RING_4K = 4 * RING_1080P
CONSOLE_PORT = 8080
DISK = 2**30  # bytes that should be free


def python() -> Finding:
    """Tell whether this Python is new enough."""
    version = platform.python_version()
    if sys.version_info < PYTHON:
        return Finding('Python', 'problem', version, 'use Python {}.{} or newer'.format(*PYTHON))
    return Finding('Python', 'ok', f'{version} in {sys.prefix}')


def shared_memory() -> Finding:
    """Look for room for a ring of frames."""
    try:
        facts = os.statvfs(SHM)
    except OSError as error:
        return Finding('shared memory', 'problem', f'{SHM}: {error.strerror}', f'mount a tmpfs at {SHM}')
    free = facts.f_bavail * facts.f_frsize
    detail = f'{_mib(free)} of {_mib(facts.f_blocks * facts.f_frsize)} free'
    enlarge = f'mount -o remount,size=512m {SHM} (docker run --shm-size=512m), or lower the camera parameter ring_slots'
    if not os.access(SHM, os.W_OK):
        return Finding('shared memory', 'problem', f'{SHM} may not be written', f'chmod 1777 {SHM}')
    if free < RING_1080P:
        return Finding('shared memory', 'problem', f'{detail}; 1080p frames need {_mib(RING_1080P)}', enlarge)
    if free < RING_4K:
        return Finding('shared memory', 'missing', f'{detail}: enough for 1080p, but 4K needs {_mib(RING_4K)}', enlarge)
    return Finding('shared memory', 'ok', f'{detail}; 1080p frames need {_mib(RING_1080P)}, 4K {_mib(RING_4K)}')


def dead_rings() -> Finding:
    """Look for frames that a killed camera left behind."""
    dead = [path for path in SHM.glob(f'{PREFIX}.*') if lock_is_held(path) is False]
    return _litter('frame rings', dead, dead, 'the next camera in that domain and namespace removes them')


def fast_dds_litter() -> Finding:
    """Look for segments that killed ROS processes left behind; a living owner holds a lock beside each."""
    locks = [
        path for prefix in ('fastrtps', 'fastdds') for path in SHM.glob(f'{prefix}_*_el') if lock_is_held(path) is False
    ]
    segments = [path.with_name(path.name.removesuffix('_el')) for path in locks]
    return _litter('Fast DDS segments', segments, [*segments, *locks], 'fastdds shm clean, or remove these files')


def _litter(name: str, dead: Sequence[Path], files: Iterable[Path], remedy: str) -> Finding:
    """Tell of files that their dead owners left.

    :param dead: one path for each thing left.
    :param files: all that belongs to them.
    """
    if not dead:
        return Finding(name, 'ok', 'none left behind by processes that were killed')
    size = 0
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            size += path.stat().st_size
    shown = ', '.join(sorted(path.name for path in dead)[:3]) + (', …' if len(dead) > 3 else '')
    return Finding(name, 'missing', f'{len(dead)} left in {SHM} by killed processes, {_mib(size)}: {shown}', remedy)


def console_port() -> Finding:
    """Tell whether the relay can serve the console where the user looks for it."""
    name = f'port {CONSOLE_PORT}'
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', CONSOLE_PORT))
        except OSError as error:
            detail = f'{error.strerror}{_holder(CONSOLE_PORT)}: the console cannot be served there'
            return Finding(name, 'problem', detail, "end that program, or set the relay's parameter port")
    return Finding(name, 'ok', f'free: the console will be at http://127.0.0.1:{CONSOLE_PORT}')


def _holder(port: int) -> str:
    """Name the process that listens on a port, as far as this user may know."""
    for connection in psutil.net_connections('tcp'):
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
            with contextlib.suppress(psutil.Error):
                return (
                    f' by {psutil.Process(connection.pid).name()} (process {connection.pid})' if connection.pid else ''
                )
    return ''


def disk() -> Finding:
    """Look for room for what a run writes."""
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    detail = f'{free / 2**30:.1f} GiB free in {here}'
    if free < DISK:
        return Finding('disk', 'missing', f'{detail}: summaries and recordings may not fit', 'make room')
    return Finding('disk', 'ok', detail)


def _mib(size: int) -> str:
    return f'{size / 2**20:.0f} MiB'


CHECKS: Sequence[Callable[[], Finding]] = (python, shared_memory, dead_rings, fast_dds_litter, console_port, disk)
