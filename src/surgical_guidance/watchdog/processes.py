"""Notices the end of a process at once, without waiting for its next heartbeat to fail to come.

Heartbeats give the process id of every stage. On Linux a process file descriptor becomes readable the moment its
process ends, by whatever cause, and never means another process that got the same id later (``pidfd_open(2)``). One
that is stopped (``SIGSTOP``) is readable as such in the ``stat`` of its first thread, held open (for that of the whole
process the kernel would add up all its threads). A stage on another host, or on a kernel without these, is watched by
its heartbeat alone.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Container
from pathlib import Path
from typing import Final

MOST: Final = 64
"""Processes that are followed at a time: heartbeats that make numbers up must not use up all file descriptors."""

OURS: Final = (b'surgical_guidance', b'guidance_container')
"""What stands in the command line of every process of ours."""


class Processes:
    """Sleeps until a process that it follows ends, or somebody wakes it."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._pid_of: dict[int, int] = {}
        self._stat: dict[int, int] = {}  # descriptor of its stat, by process
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll.register(self._wake, select.EPOLLIN)

    def follow(self, pid: int) -> None:
        """Follow a process from now on. One that is not on this host, or cannot be followed, is passed over."""
        if pid in self._pid_of.values() or len(self._pid_of) >= MOST:
            return
        try:
            descriptor = os.pidfd_open(pid)
        except (OSError, OverflowError):  # not a process of this host, or a kernel without it: the heartbeat remains
            return
        self._pid_of[descriptor] = pid
        with contextlib.suppress(OSError):
            self._stat[pid] = os.open(f'/proc/{pid}/task/{pid}/stat', os.O_RDONLY | os.O_CLOEXEC)
        self._poll.register(descriptor, select.EPOLLIN)

    @property
    def followed(self) -> frozenset[int]:
        """The processes whose end will be noticed."""
        return frozenset(self._pid_of.values())

    def stopped(self, stirred: Container[int] = ()) -> frozenset[int]:
        """Give the followed processes that are stopped now. A debugger's stop does not count.

        :param stirred: those that have just done something are not asked for.
        """
        return frozenset(
            pid for pid, descriptor in self._stat.items() if pid not in stirred and _state(descriptor) == b'T'
        )

    def wait(self, timeout_s: float) -> tuple[int, ...]:
        """Sleep up to a time [s]; give the processes that have ended. Returns early on an end or :meth:`wake`."""
        ended = []
        for descriptor, _ in self._poll.poll(max(0.0, timeout_s)):
            if descriptor == self._wake:
                os.eventfd_read(self._wake)
                continue
            self._poll.unregister(descriptor)
            os.close(descriptor)
            pid = self._pid_of.pop(descriptor)
            if pid in self._stat:
                os.close(self._stat.pop(pid))
            ended.append(pid)
        return tuple(ended)

    def wake(self) -> None:
        """Let :meth:`wait` return now. Any thread may call it."""
        if self._wake >= 0:
            os.eventfd_write(self._wake, 1)

    def kill(self, pid: int) -> bool:
        """End a followed process that hangs; False if it is none of ours, whatever a heartbeat said, or is gone."""
        descriptor = next((fd for fd, followed in self._pid_of.items() if followed == pid), None)
        if descriptor is None or pid == os.getpid() or not _is_ours(pid):
            return False
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Follow nothing any more."""
        wake, self._wake = self._wake, -1
        self._poll.close()
        for descriptor in (*self._pid_of, *self._stat.values(), *((wake,) if wake >= 0 else ())):
            os.close(descriptor)
        self._pid_of.clear()
        self._stat.clear()


def _state(descriptor: int) -> bytes:
    try:
        stat = os.pread(descriptor, 256, 0)
    except OSError:  # it has just ended
        return b''
    return stat[stat.rfind(b')') + 2 :][:1]  # after the name, which may hold anything


def _is_ours(pid: int) -> bool:
    try:
        command = Path(f'/proc/{pid}/cmdline').read_bytes()
    except OSError:
        return False
    return any(name in command for name in OURS)
