"""A small video, and rings that nobody else uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from camera_doubles import make_clip

from surgical_guidance.frames import RingWriter

_scopes = count()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / 'clip.mp4')


@pytest.fixture
def make_ring() -> Iterator[Callable[[int], RingWriter]]:
    """Make rings of a scope that nobody else has."""
    made: list[RingWriter] = []
    scope = f'surgical_guidance.test-{os.getpid()}-{next(_scopes)}.camera'

    def make(capacity: int) -> RingWriter:
        made.append(RingWriter(scope, 4, capacity))
        return made[-1]

    yield make
    for ring in made:
        ring.close()
