"""What the stages of this host have sent, in shared memory, for the watchdog: no message, and nobody is woken up.

Every stage keeps a board of its own: a small file in ``/dev/shm`` with the last :data:`KEPT` pulses of each of its
topics. A pulse is what the watchdog needs of one message: when it was sent, some numbers, a line of text. There is one
writer and any number of readers; a pulse is written first and counted after, so a reader never believes half of one.
Like a frame ring the board is locked for as long as its writer lives, and swept away like one when it is dead.

:data:`PULSES` says what that is for each topic. The watchdog makes the same of a message that came from elsewhere.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import mmap
import os
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.contract import (
    FRAME,
    HEARTBEAT,
    INFERENCE_STATUS,
    PARTICIPANTS,
    SCENE,
    SUGGESTION,
    TIMED_STAGES,
    TIMING,
    TOPICS,
    Topic,
)
from surgical_guidance.frames.ring import PREFIX, SHM, lock_is_held, locked_object, name_object, ring_scope

KEPT: Final = 64
"""Pulses of a topic: at 30 Hz a reader may look away for two seconds."""

_MAGIC: Final = 0x31534C5550475353  # "SSGPULS1", little endian
_PULSE: Final = struct.Struct('@q8d504s')  # when [ns], numbers, text in UTF-8
_BEGIN: Final = 256  # magic, process, then a count for each topic; 8 bytes each
_FIRST_COUNT: Final = 2
_PAD: Final = (math.nan,) * 8

_boards = itertools.count(1)


class Pulse(NamedTuple):
    """What the watchdog needs of one message.

    :param at_ns: when it was sent, monotonic [ns].
    :param numbers: eight; NaN where there is none.
    :param text: one line; at most 504 bytes are kept.
    """

    at_ns: int
    numbers: tuple[float, ...]
    text: str


def _of_timing(message: Any) -> tuple[tuple[float, ...], str]:
    took = {stage.stage: stage.duration_ms for stage in message.stages}
    return (message.captured, message.dropped, *(took.get(stage, math.nan) for stage in TIMED_STAGES)), ''


PULSES: Final[dict[str, Callable[[Any], tuple[tuple[float, ...], str]]]] = {
    HEARTBEAT.name: lambda m: ((m.pid, m.state, m.done), f'{m.stage} {m.detail}'),
    FRAME.name: lambda m: ((m.sequence, m.nominal_rate), m.ring),
    SCENE.name: lambda m: ((m.valid,), m.problem),
    TIMING.name: _of_timing,
    SUGGESTION.name: lambda m: ((m.status, m.priority, m.sequence), f'{m.rule_id} {m.reason}'),
    INFERENCE_STATUS.name: lambda _: ((), ''),  # that it came is all there is to know
    PARTICIPANTS.name: lambda _: ((), ''),
}
"""The numbers and the text of a message, by topic."""


def pulse_of(topic: Topic, message: Any, at_ns: int) -> Pulse:
    """Give what the watchdog needs of a message."""
    numbers, text = PULSES[topic.name](message)
    return Pulse(at_ns, numbers, text)


def topics_of(stage: str) -> tuple[Topic, ...]:
    """Give the topics on the board of a stage: its heartbeat, and what it sends at a promised rate."""
    return HEARTBEAT, *(topic for topic in TOPICS if topic.name in PULSES and topic.publisher == stage)


def _scope(namespace: str, domain: str) -> str:
    return f'{PREFIX}.pulses{ring_scope(namespace, domain).removeprefix(PREFIX)}'  # no domain is called pulses


def _offset(topic: int, count: int) -> int:
    return _BEGIN + (topic * KEPT + count % KEPT) * _PULSE.size


class Board:
    """The board of one stage. Any of its threads may write.

    :param namespace: of the stage's node; with the ROS domain it says which watchdog it is for.
    :raises OSError: if there is no room for it.
    """

    def __init__(self, namespace: str, domain: str, stage: str) -> None:
        self._topics = {topic.name: number for number, topic in enumerate(topics_of(stage))}
        self.name = f'{_scope(namespace, domain)}.{stage}.{os.getpid()}.{next(_boards)}'
        size = _offset(len(self._topics), 0)
        self._lock = threading.Lock()
        self._fd = locked_object(size)
        self._memory = mmap.mmap(self._fd, size)
        self._counts = memoryview(self._memory)[:_BEGIN].cast('Q')  # one store each, never torn
        self._counts[0], self._counts[1] = _MAGIC, os.getpid()
        name_object(self._fd, self.name)

    def write(self, topic: Topic, message: Any) -> None:
        """Note that a message is sent now."""
        numbers, text = PULSES[topic.name](message)
        number = self._topics[topic.name]
        with self._lock:
            count = self._counts[_FIRST_COUNT + number]
            padded = (*numbers, *_PAD[len(numbers) :])
            _PULSE.pack_into(self._memory, _offset(number, count), monotonic_ns(), *padded, text.encode()[:504])
            self._counts[_FIRST_COUNT + number] = count + 1

    def close(self) -> None:
        """Remove the board. Who has it mapped can still read the last pulses."""
        if self._fd >= 0:
            (SHM / self.name).unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


class BoardReader:
    """Reads the board of one stage from now on, and what is kept of the time before.

    :param name: of the board.
    :raises OSError: if it is gone, or is none of this version.
    """

    def __init__(self, name: str, stage: str) -> None:
        self.name = name
        self._topics = topics_of(stage)
        size = _offset(len(self._topics), 0)
        with (SHM / name).open('rb') as file:
            if os.fstat(file.fileno()).st_size != size:
                raise OSError(f'{name} is no board of this version')
            self._memory = mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)
        self._counts = memoryview(self._memory)[:_BEGIN].cast('Q')
        if self._counts[0] != _MAGIC:
            raise OSError(f'{name} is no board of this version')
        self.pid = self._counts[1]
        """The process that writes it."""
        self._seen = [0] * len(self._topics)

    def take(self) -> Iterator[tuple[Topic, Pulse]]:
        """Give what was written since the last time."""
        for number, topic in enumerate(self._topics):
            count = self._counts[_FIRST_COUNT + number]
            if count == self._seen[number]:
                continue
            for index in range(max(self._seen[number], count - KEPT), count):
                found = _PULSE.unpack_from(self._memory, _offset(number, index))
                if self._counts[_FIRST_COUNT + number] - index < KEPT:  # else it was being written over meanwhile
                    yield topic, Pulse(found[0], found[1:9], found[9].rstrip(b'\0').decode('utf-8', 'ignore'))
            self._seen[number] = count


def living_boards(namespace: str, domain: str, stages: Sequence[str]) -> dict[str, str]:
    """Name the board of each stage whose writer lives; where it has several, the one made last."""
    scope = _scope(namespace, domain)
    found: dict[str, tuple[int, str]] = {}
    for path in SHM.glob(f'{scope}.*'):
        stage = path.name.removeprefix(f'{scope}.').partition('.')[0]
        if stage in stages and lock_is_held(path):
            with contextlib.suppress(OSError):  # it is just being removed
                found[stage] = max(found.get(stage, (0, '')), (path.stat().st_ctime_ns, path.name))
    return {stage: name for stage, (_, name) in found.items()}
