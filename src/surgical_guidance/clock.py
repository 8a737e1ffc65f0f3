"""Time: the monotonic clock that ages are measured with, and the ROS stamps that frames carry.

Ages, deadlines and latencies use ``CLOCK_MONOTONIC``, which is one clock for all processes of a host and never steps.
Stamps are ROS time, since that is what bags and other nodes speak. :class:`StampClock` ties the two together once, so
that a step of the system clock during an operation cannot make a frame look old or new.
"""

from __future__ import annotations

import mmap
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from builtin_interfaces.msg import Time

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
_EARLIEST_NS, _LATEST_NS = -(2**31) * NS_PER_S, 2**31 * NS_PER_S - 1  # of a ``Time``, whose seconds are an int32

monotonic_ns = time.monotonic_ns
"""Now on ``CLOCK_MONOTONIC`` [ns]."""


SHIFT = 'SURGICAL_GUIDANCE_CLOCK_SHIFT'
"""Environment variable: a file of 8 bytes that hold what is added to the system clock, little endian [ns]. Only
for trying what a step of the clock does (`surgical-guidance bench faults`): the real clock is not ours to set."""


def _shift() -> memoryview | None:
    path = os.environ.get(SHIFT, '')
    if not path:
        return None
    with open(path, 'rb') as file:  # noqa: PTH123  (kept mapped: whoever tries steps writes into the file)
        return memoryview(mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)).cast('q')


_shifted = _shift()


def wall_ns() -> int:
    """Now on the system clock [ns]; it may step at any time."""
    return time.time_ns() + (_shifted[0] if _shifted is not None else 0)


@dataclass(frozen=True, slots=True)
class StampClock:
    """Turns monotonic time into ROS stamps with an offset taken once, when the clock is made.

    :param offset_ns: ROS time minus monotonic time [ns].
    """

    offset_ns: int

    @classmethod
    def from_system(cls) -> StampClock:
        """Take the offset from the system clock, as ROS time without simulation does."""
        return cls(wall_ns() - monotonic_ns())

    def stamp_ns(self, at_monotonic_ns: int) -> int:
        """Give the ROS stamp of a monotonic instant [ns]."""
        return at_monotonic_ns + self.offset_ns


def elapsed_ms(since_monotonic_ns: int) -> float:
    """Milliseconds from a monotonic instant until now."""
    return (monotonic_ns() - since_monotonic_ns) / NS_PER_MS


def to_time(stamp_ns: int) -> Time:
    """Give a stamp in nanoseconds as ``builtin_interfaces/Time``; one beyond its range as the end of that."""
    from builtin_interfaces.msg import Time  # here: the thinking rooms import this module on hosts without ROS

    stamp_ns = min(max(stamp_ns, _EARLIEST_NS), _LATEST_NS)
    return Time(sec=stamp_ns // NS_PER_S, nanosec=stamp_ns % NS_PER_S)


def from_time(stamp: Time) -> int:
    """Give a ``builtin_interfaces/Time`` in nanoseconds."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)
