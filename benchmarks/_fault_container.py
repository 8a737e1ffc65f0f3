"""Hosts the nodes as `surgical_guidance.container` does, with a switchboard for what can break inside a process.

Whoever tries faults maps the switchboard (a small file) and turns switches while the processes run. Each fault is made
where it would come from: the source of pictures, the engine, the host's calls.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from surgical_guidance import container
from surgical_guidance.clock import monotonic_ns
from surgical_guidance.errors import EngineError, SourceError, SourceLost
from surgical_guidance.frames.source import SourceInfo
from surgical_guidance.phantom.source import PhantomPicture, PhantomSource

BOARD = 'SURGICAL_GUIDANCE_FAULT_BOARD'
SIZE = 64
WIDTH, HEIGHT, RATE = 320, 180, 30.0
INFERENCE_MS = 20.0
"""What the engine is stretched to where it is faster, so that three times slower means the same on every host."""


class Switch(IntEnum):
    """Places on the board; 0 is well."""

    CAMERA = 0  # 1 frozen, 2 unplugged, 3 black
    ENGINE = 1  # 1 three times slower, 2 raises, 3 gives NaN, 4 never returns
    SHM_FULL = 2
    HOG_MB = 3  # memory that the process which hosts inference takes [MiB]


class Board:
    """The switches, shared between processes.

    :param path: of the file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        with path.open('a+b') as file:
            file.truncate(SIZE)
            self._bytes = mmap.mmap(file.fileno(), SIZE)

    def __getitem__(self, switch: Switch) -> int:
        return int.from_bytes(self._bytes[switch * 2 : switch * 2 + 2], 'little')

    def __setitem__(self, switch: Switch, value: int) -> None:
        self._bytes[switch * 2 : switch * 2 + 2] = value.to_bytes(2, 'little')


class LabPicture:
    """A picture of the phantom, or what a broken camera makes of it."""

    stamp_ns = monotonic_ns = None
    lost = 0

    def __init__(self, source: LabSource, picture: PhantomPicture, fault: int) -> None:
        self._source = source
        self._picture = picture
        self._fault = fault
        self.width, self.height, self.time_s = picture.width, picture.height, picture.time_s

    def draw(self, image: np.ndarray) -> None:
        if self._fault == 1 and self._source.last is not None:
            image[:] = self._source.last
        elif self._fault == 3:
            image[:] = 0
        else:
            self._picture.draw(image)
            self._source.last = image.copy()


class LabSource:
    """The phantom as a live camera with a cable that can be pulled."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._phantom = PhantomSource(WIDTH, HEIGHT, RATE)
        self._due_ns = 0
        self.last: np.ndarray | None = None

    def open(self) -> SourceInfo:
        if board()[Switch.CAMERA] == 2:
            raise SourceError('the cable is out', where=self._uri, remedy='plug it in')
        self._phantom.open()
        self._due_ns = monotonic_ns()
        return SourceInfo(WIDTH, HEIGHT, RATE, True, 'a camera that can be broken')

    def read(self) -> LabPicture | None:
        self._due_ns += int(1e9 / RATE)
        wait_s = (self._due_ns - monotonic_ns()) / 1e9
        if wait_s > 0.0:
            time.sleep(wait_s)
        else:
            self._due_ns = monotonic_ns()
        fault = board()[Switch.CAMERA]
        if fault == 2:
            raise SourceLost('the cable is out', where=self._uri, remedy='plug it in')
        picture = self._phantom.read()
        return None if picture is None else LabPicture(self, picture, fault)

    def close(self) -> None:
        self._phantom.close()


class LabEngine:
    """An engine that can be made slow, wrong or broken.

    :param engine: with at least one output of floats, which can be NaN.
    """

    passed_over = ()

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.inputs, self.outputs = engine.inputs, engine.outputs
        self._nan = {
            name: np.full(tensor.shape, np.nan, tensor.dtype)
            for name, tensor in engine.outputs.items()
            if tensor.dtype.kind == 'f'
        }
        self._hog: bytearray | None = None

    def input(self, name: str) -> np.ndarray:
        return self._engine.input(name)

    def infer(self) -> Mapping[str, np.ndarray]:
        fault, start = board()[Switch.ENGINE], time.perf_counter()
        self._take_memory(board()[Switch.HOG_MB])
        if fault == 2:
            raise EngineError('the engine is told to fail', where='the fault board')
        while fault == 4:
            time.sleep(0.1)
            fault = board()[Switch.ENGINE]
        outputs = dict(self._engine.infer())
        if fault == 3:
            outputs |= self._nan
        took_s = max(time.perf_counter() - start, INFERENCE_MS / 1e3) * (3.0 if fault == 1 else 1.0)
        time.sleep(max(0.0, took_s - (time.perf_counter() - start)))
        return outputs

    def _take_memory(self, mb: int) -> None:
        if mb and self._hog is None:
            self._hog = bytearray(os.urandom(2**20) * mb)
        elif not mb:
            self._hog = None

    def describe(self) -> str:
        return f'{self._engine.describe()}, which can be broken'

    def close(self) -> None:
        self._engine.close()


_board: Board | None = None


def board() -> Board:
    """Give the switchboard of this process."""
    global _board  # noqa: PLW0603  (one a process, as its environment is)
    if _board is None:
        _board = Board(Path(os.environ[BOARD]))
    return _board


def register_lab() -> None:
    """Make the source `lab:` known."""
    from surgical_guidance.camera.sources import register

    register('lab', LabSource, live=True)


def _break_host() -> None:
    """Let shared memory be full when the board says so."""
    usage, allocate = shutil.disk_usage, os.posix_fallocate

    def disk_usage(path: Any) -> Any:
        found = usage(path)
        full = board()[Switch.SHM_FULL] and str(path) == '/dev/shm'  # noqa: S108
        return found._replace(free=0, used=found.total) if full else found

    def posix_fallocate(fd: int, offset: int, size: int) -> None:
        if board()[Switch.SHM_FULL]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        allocate(fd, offset, size)

    shutil.disk_usage, os.posix_fallocate = disk_usage, posix_fallocate


def _break_engine() -> None:
    from surgical_guidance.inference import pipeline

    choose = pipeline.choose

    def breakable(*arguments: Any) -> Any:
        choice = choose(*arguments)
        return replace(choice, engine=LabEngine(choice.engine))

    pipeline.choose = breakable


def main() -> int:
    """Host what the command line names."""
    register_lab()
    _break_host()
    name = sys.argv.pop(1)
    if name in ('guidance', 'inference'):
        _break_engine()
    host = container.main if name == 'guidance' else getattr(container, f'{name}_main')
    return int(host())


if __name__ == '__main__':
    sys.exit(main())
