"""Where evidence is kept: a folder for each piece, whole or not there; limits of size and age; a full disk.

A full disk keeps the oldest evidence: what happened first is nearest to the cause. So nothing is deleted to make room
beyond what the limits say, and nothing at all that is younger than ``protect_s``.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import EvidenceError

MCAP: Final = 'evidence.mcap'
HTML: Final = 'summary.html'
JSON: Final = 'summary.json'
UNFINISHED: Final = '.unfinished-'
_STAMP: Final = '%Y%m%dT%H%M%S.%fZ'
_NAME: Final = re.compile(r'(\d{8}T\d{6}\.\d{6}Z)_')


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept.

    :param size: bytes of all evidence.
    :param age_s: of the oldest [s].
    :param protect_s: what is younger is never deleted [s].
    :param free: bytes that must stay free on the disk for everybody else.
    """

    size: int
    age_s: float
    protect_s: float
    free: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence on disk."""

    path: Path
    stamp_ns: int
    size: int

    @property
    def id(self) -> str:
        """Name it goes by."""
        return self.path.name


def name_of(stamp_ns: int, cause: str) -> str:
    """Give the name of a piece: when, and why; names sort by time."""
    at = datetime.fromtimestamp(stamp_ns / NS_PER_S, tz=UTC)
    return f'{at.strftime(_STAMP)}_{re.sub("[^A-Za-z0-9_.-]+", "-", cause)[:60] or "unknown"}'


def pieces(directory: Path) -> list[Piece]:
    """List what is in a folder, the oldest first."""
    found = []
    for path in sorted(directory.glob('*')) if directory.is_dir() else ():
        match = _NAME.match(path.name)
        if match is None or not path.is_dir():
            continue
        at = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
        size = sum(file.stat().st_size for file in path.iterdir() if file.is_file())
        found.append(Piece(path, round(at.timestamp() * NS_PER_S), size))
    return found


class Vault:
    """The evidence of one recorder.

    :param directory: of its own; made when it is first needed.
    """

    def __init__(self, directory: Path, limits: Limits) -> None:
        self.directory = directory
        self._limits = limits

    def open(self) -> None:
        """Make the folder, and remove what a recorder that died left half written.

        :raises EvidenceError: if it cannot be written to.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for path in self.directory.glob(f'{UNFINISHED}*'):
                shutil.rmtree(path)
            self._probe()
        except OSError as error:
            raise EvidenceError(
                f'no evidence can be kept there ({error.strerror})',
                where=str(self.directory),
                remedy='make room or access, or set the directory parameter of the recorder',
            ) from error

    def tidy(self, now_ns: int) -> list[str]:
        """Delete what is too old or too much, the oldest first, and name it.

        :param now_ns: system time [ns].
        """
        kept = pieces(self.directory)
        total = sum(piece.size for piece in kept)
        deleted = []
        for piece in kept:
            age_s = (now_ns - piece.stamp_ns) / NS_PER_S
            if age_s < self._limits.protect_s or (age_s < self._limits.age_s and total <= self._limits.size):
                continue
            shutil.rmtree(piece.path, ignore_errors=True)
            total -= piece.size
            deleted.append(piece.id)
        return deleted

    @property
    def count(self) -> int:
        """How many pieces are kept."""
        return len(pieces(self.directory))

    def problem(self, size: int) -> str:
        """Tell why so many bytes could not be kept now; '' if they could."""
        held = sum(piece.size for piece in pieces(self.directory))
        if held + size > self._limits.size:
            return f'{held / 1e6:.0f} MB of evidence are kept of {self._limits.size / 1e6:.0f} MB allowed'
        try:
            free = shutil.disk_usage(self.directory).free
            self._probe()
        except OSError as error:
            return error.strerror or str(error)
        if free < size + self._limits.free:
            return (
                f'the disk is full: {free / 1e6:.0f} MB are free, {(size + self._limits.free) / 1e6:.0f} MB are needed'
            )
        return ''

    def _probe(self) -> None:
        """Write something, and remove it."""
        probe = self.directory / f'{UNFINISHED}probe'
        probe.mkdir(exist_ok=True)
        probe.rmdir()

    def store(self, name: str, size: int, fill: Callable[[Path], None]) -> Path:
        """Keep a new piece: all of it under its name, or nothing.

        :param size: bytes it will take, about.
        :param fill: writes its files into the folder it is given.
        :raises EvidenceError: if there is no room, or the disk does not take it. What is kept already stays.
        """
        problem = self.problem(size)
        if problem:
            raise EvidenceError(f'new evidence is not kept, the oldest stays: {problem}', where=str(self.directory),
                                remedy='move old evidence away, make room, or raise keep_mb')  # fmt: skip
        unfinished = self.directory / f'{UNFINISHED}{name}'
        path = self.directory / name
        try:
            unfinished.mkdir(mode=0o700, parents=True)  # pictures of a patient: for nobody else
            fill(unfinished)
            for file in unfinished.iterdir():
                _sync(file)
            _sync(unfinished)
            unfinished.rename(path)
            _sync(self.directory)
        except OSError as error:
            raise EvidenceError(
                f'new evidence is not kept, the oldest stays: {error.strerror or error}',
                where=str(self.directory),
                remedy='make room or access',
            ) from error
        finally:
            if unfinished.exists():
                shutil.rmtree(unfinished, ignore_errors=True)
        return path


def _sync(path: Path) -> None:
    """Force a file or a folder to the disk: a rename that outlives a power cut must not name an empty file."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
