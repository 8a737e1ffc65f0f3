"""The audit log: who did what, when, to what, and what came of it. No payload, no token, no ticket, no SDP.

Records are written by a thread of its own, so that no disk can hold the relay up; a full or broken disk is told and
what could not be written is counted in the next record that can. The same thing done again within a second by the same
one is one record with ``times``: a flood must not fill the disk. The form is in ``audit_chain.py``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from surgical_guidance.errors import HostError
from surgical_guidance.relay.security.audit_chain import LONGEST, Head, chained, head_file, read_head
from surgical_guidance.relay.security.principal import Principal

WAITING = 4096  # records that may wait for the disk
LONGEST_TEXT = 200  # characters of a target or an outcome: both may come from a stranger
DIFFERENT = 256  # records within a second that are kept in full
AGAIN_S = 1.0  # within which the same is counted and not written
END_S = 2.0  # for the disk to take what waits when the relay stops

Key = tuple[str, ...]


class Audit:
    """Writes records from :meth:`start` to :meth:`stop`; :meth:`record` is for any thread and returns at once.

    :param path: the log; None: nothing is written.
    :param on_problem: gets what is wrong with it, and ``''`` when it can be written again; called by its thread.
    """

    def __init__(self, path: Path | None, on_problem: Callable[[str], None] | None = None) -> None:
        self.path = path
        self._on_problem = on_problem or (lambda _problem: None)
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._head: Head | None = None
        self._size = -1
        self._inode = -1
        self._lost = 0
        self._told = ''
        self._repeated: dict[Key, tuple[float, int, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()

    def start(self) -> None:
        """Begin to write."""
        if self.path is not None and self._thread is None:
            self._thread = threading.Thread(target=self._run, name='relay audit', daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write what waits; a disk that does not take it in time is left behind."""
        if self._thread is None:
            return
        self._ending.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)  # wakes it at once; a full queue does so anyway
        self._thread.join(END_S)
        self._thread = None

    @property
    def head(self) -> Head:
        """The last record that was written."""
        return self._head or Head()

    @property
    def lost(self) -> int:
        """Records that could not be written, and are not accounted for in the log yet."""
        with self._lock:
            return self._lost

    def record(
        self, op: str, outcome: str, *, who: Principal | None = None, address: str = '', target: str = ''
    ) -> None:
        """Take a record.

        :param op: what was done or asked for.
        :param outcome: ``allowed``, or ``refused`` and why.
        :param who: who did it; None: nobody who was let in.
        :param address: where from.
        :param target: topic, service, track, path or person; never what is in it.
        """
        if self.path is None:
            return
        record: dict[str, Any] = {'at': datetime.now(UTC).isoformat(timespec='milliseconds'), 'op': _short(op)}
        if who is not None:
            record |= {'who': who.name, 'role': who.role.value, 'connection': who.connection}
            if who.token:
                record['token'] = who.token  # its number, which is not the token
        if address:
            record['address'] = address
        if target:
            record['target'] = _short(target)
        record['outcome'] = _short(outcome)
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            with self._lock:
                self._lost += 1

    def _run(self) -> None:
        ends = False
        while not ends:
            batch = self._wait()
            ends = self._ending.is_set()
            now_s = time.monotonic()
            ready = [record for record in batch if self._is_new(record, now_s)]
            ready += self._repetitions(now_s, everything=ends)
            if ready or self.lost:  # what was lost is told as soon as there is room, asked for or not
                self._write(ready)

    def _wait(self) -> list[dict[str, Any]]:
        """Give the records that wait, soon even if there are none."""
        batch = []
        try:
            record = self._queue.get(timeout=AGAIN_S / 2)
            while record is not None:
                batch.append(record)
                record = self._queue.get_nowait()
        except queue.Empty:
            pass
        return batch

    def _is_new(self, record: dict[str, Any], now_s: float) -> bool:
        """Tell whether a record is to be written now; one that repeats another is counted."""
        if len(self._repeated) >= DIFFERENT:  # a flood of different things: what they were about is not kept
            record.pop('target', None)
            record.pop('connection', None)
        key = tuple(str(record.get(name, '')) for name in ('op', 'connection', 'address', 'target', 'outcome'))
        if key not in self._repeated:
            self._repeated[key] = (now_s, 0, record)
            return True
        since_s, times, _ = self._repeated[key]
        self._repeated[key] = (since_s, times + 1, record)
        return False

    def _repetitions(self, now_s: float, *, everything: bool) -> list[dict[str, Any]]:
        """Give the records of what was done again, once their second is over."""
        over = [k for k, (since_s, _, _) in self._repeated.items() if everything or now_s - since_s >= AGAIN_S]
        counted = [self._repeated.pop(key) for key in over]
        return [record | {'times': times} for _, times, record in counted if times]

    def _write(self, records: list[dict[str, Any]]) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            at = datetime.now(UTC).isoformat(timespec='milliseconds')
            records = [{'at': at, 'op': 'audit', 'outcome': f'{lost} records could not be written'}, *records]
        try:
            self._append(records)
        except OSError as error:
            with self._lock:
                self._lost += lost + len(records) - bool(lost)
            self._tell(f'the audit log cannot be written: {error.strerror}; make room, or mend it: {self.path}')
        else:
            self._tell('')

    def _tell(self, problem: str) -> None:
        if problem != self._told:
            self._told = problem
            self._on_problem(problem)

    def _append(self, records: list[dict[str, Any]]) -> None:
        """Add whole lines or none. Others may write the same file, and it may be moved away: it is opened each time."""
        assert self.path is not None  # noqa: S101  (there is no thread without one)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            facts = os.fstat(file)
            head = self._head
            if head is None or (facts.st_ino, facts.st_size) != (self._inode, self._size):
                head = self._find_head(file, facts.st_size)
            lines = b''
            for record in records:
                line, head = chained(record, head)
                lines += line
            if os.write(file, lines) != len(lines):
                os.ftruncate(file, facts.st_size)
                raise OSError(28, 'No space left on device')
            self._head, self._inode, self._size = head, facts.st_ino, facts.st_size + len(lines)
            _note(self.path, head)
        finally:
            os.close(file)

    def _find_head(self, file: int, size: int) -> Head:
        """Find where the chain goes on: after the file's last record, or after the last of the file before it."""
        assert self.path is not None  # noqa: S101
        noted = read_head(self.path)
        if size == 0:
            return max(self._head or Head(), noted, key=lambda head: head.number)
        tail = os.pread(file, LONGEST, max(0, size - LONGEST))
        if not tail.endswith(b'\n'):  # a process was killed in the middle of a line: it stays, and the chain says so
            os.write(file, b'\n')
        return last_of(tail) or noted


def default_file() -> Path:
    """Give where the log is kept unless told otherwise: ``$XDG_STATE_HOME``, by default ``~/.local/state``.

    :raises HostError: if there is no home directory.
    """
    base = os.environ.get('XDG_STATE_HOME', '')
    try:
        return (Path(base) if base else Path('~/.local/state').expanduser()) / 'surgical-guidance/audit.jsonl'
    except RuntimeError as error:
        raise HostError(
            'there is no home directory to keep the audit log in',
            remedy='set XDG_STATE_HOME or the audit_file parameter',
        ) from error


def last_of(tail: bytes) -> Head | None:
    """Give the last record of the end of a log."""
    for line in reversed(tail.splitlines()):
        try:
            record = json.loads(line)
            return Head(int(record['n']), str(record['hash']))
        except (ValueError, KeyError, TypeError):
            continue
    return None


def _note(path: Path, head: Head) -> None:
    """Note the last record beside the log."""
    beside = head_file(path)
    draft = beside.with_name(f'{beside.name}.new')
    draft.write_text(f'{head.number} {head.hash}\n', encoding='ascii')
    draft.replace(beside)


def _short(text: str) -> str:
    """Cut what a stranger may have written."""
    return ''.join(c if c.isprintable() else '?' for c in text[:LONGEST_TEXT])
