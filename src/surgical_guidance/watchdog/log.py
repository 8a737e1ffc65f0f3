"""The alarm log: one JSON object a line, appended and forced to the disk one by one, never rewritten.

A slow or full disk must not hold up the one who watches: a thread of its own writes. When it cannot write, that is told
once; when it can again, the log itself says how many entries are missing.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import HostError
from surgical_guidance.watchdog.alarms import Change

FILE_NAME: Final = 'alarms.jsonl'
_KEPT: Final = 1024  # entries that wait for a slow disk; more are counted as lost


def state_directory() -> Path:
    """Give where a user's programs keep such things: ``$XDG_STATE_HOME``, by default ``~/.local/state``.

    :raises HostError: if there is no home directory.
    """
    base = os.environ.get('XDG_STATE_HOME', '')
    try:
        return (Path(base) if base else Path('~/.local/state').expanduser()) / 'surgical-guidance'
    except RuntimeError as error:
        raise HostError(
            'there is no home directory to keep the alarm log in',
            remedy='set XDG_STATE_HOME or the log_directory parameter',
        ) from error


def entry(change: Change, stamp_ns: int) -> dict[str, Any]:
    """Give what the log says of a change."""
    alarm = change.alarm
    return {
        'at': _text(stamp_ns),
        'event': change.event.value,
        'id': alarm.definition.id,
        'priority': alarm.priority.name.lower(),
        'detail': alarm.detail,
        'active': alarm.active,
        'acknowledged_by': alarm.acknowledged_by,
        'count': alarm.count,
    }


def pause_entry(paused: bool, by: str, stamp_ns: int, seconds: float = 0.0) -> dict[str, Any]:
    """Give what the log says of the alarm sounds: paused, or on again; ``by`` is who or what did it."""
    event = 'audio_paused' if paused else 'audio_on'
    return {'at': _text(stamp_ns), 'event': event, 'by': by, 'seconds': round(seconds, 3)}


def _text(stamp_ns: int) -> str:
    return datetime.fromtimestamp(stamp_ns / NS_PER_S, tz=UTC).isoformat(timespec='milliseconds')


class AlarmLog:
    """Appends to ``alarms.jsonl`` in a directory, which is made if it is not there.

    :param directory: where.
    :param problem: is told, from the writing thread, when the log cannot be written: once, until it could again.
    """

    def __init__(self, directory: Path, problem: Callable[[str], None]) -> None:
        self.path = directory / FILE_NAME
        self._problem = problem
        self._sound = True
        self._overflowed = 0  # counted by the one who writes entries
        self._failed = 0  # counted by the thread
        self._waiting: queue.Queue[str | Callable[[], None] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._write_all, name='alarm_log', daemon=True)
        self._thread.start()

    def write(self, entry: Mapping[str, Any]) -> None:
        """Hand an entry to the writer; returns at once."""
        if self._waiting.qsize() >= _KEPT:
            self._overflowed += 1
            return
        self._waiting.put(json.dumps(entry, ensure_ascii=False))

    def also(self, write: Callable[[], None]) -> None:
        """Let the writing thread do something else that may take its time. An ``OSError`` counts as one of the log."""
        if self._waiting.qsize() < _KEPT:
            self._waiting.put(write)

    @property
    def sound(self) -> bool:
        """Whether the last entry could be written."""
        return self._sound

    @property
    def lost(self) -> int:
        """Entries that could not be written since start."""
        return self._overflowed + self._failed

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what waits, for at most a while [s]."""
        self._waiting.put(None)
        self._thread.join(timeout_s)

    def _write_all(self) -> None:
        noted = 0
        while (line := self._waiting.get()) is not None:
            if not isinstance(line, str):
                self._do(line)
                continue
            lost = self.lost
            gap = [json.dumps({'event': 'gap', 'lost': lost - noted})] if lost > noted else []
            try:
                self._append([*gap, line])
            except OSError as error:
                self._failed += 1
                self._tell(error)
            else:
                noted = lost
                self._sound = True

    def _do(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._tell(error)

    def _append(self, lines: list[str]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open('a+b') as file:
            file.write(_end_of_torn_line(file) + ''.join(f'{line}\n' for line in lines).encode())
            file.flush()
            os.fsync(file.fileno())

    def _tell(self, error: OSError) -> None:
        if self._sound:
            self._sound = False
            self._problem(f'{self.path}: the alarm log cannot be written: {error.strerror}; alarms go on without it')


def _end_of_torn_line(file: BinaryIO) -> bytes:
    """Give the line feed that is missing when the last writer died, or the disk was full, in the middle of a line."""
    if file.seek(0, os.SEEK_END) == 0:
        return b''
    file.seek(-1, os.SEEK_END)
    return b'' if file.read(1) == b'\n' else b'\n'
