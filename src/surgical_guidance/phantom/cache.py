"""Rendered takes, kept so that a scenario is drawn once and then played at the cost of decoding it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from surgical_guidance.errors import SourceError
from surgical_guidance.phantom.render import Tell, write
from surgical_guidance.phantom.take import Take

LIMIT_BYTES = 2 * 1024**3
"""What the cache may hold; the takes that were used longest ago go first."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A take on disk: its clip, and its truth as one line of JSON a frame."""

    clip: Path
    truth: Path


def folder() -> Path:
    """Where rendered takes are: below ``$XDG_CACHE_HOME``, or ``~/.cache``."""
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'surgical-guidance' / 'phantom'


def find(take: Take) -> Rendered | None:
    """Give a take that was rendered before, None where it was not."""
    rendered = _place(take)
    if not (rendered.clip.is_file() and rendered.truth.is_file()):
        return None
    rendered.clip.touch()  # used now
    return rendered


def rendered(take: Take, tell: Tell = lambda _done, _all: None, limit_bytes: int = LIMIT_BYTES) -> Rendered:
    """Give a take from the cache, rendered into it where it is not there.

    :param tell: hears of frames done and frames in all while it renders.
    :raises SourceError: if the cache cannot be written.
    """
    found = find(take)
    if found is not None:
        return found
    place = _place(take)
    try:
        place.clip.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(
            f'the cache cannot be made ({error.strerror})', where=str(place.clip.parent), remedy='set XDG_CACHE_HOME'
        ) from error
    write(take, place.clip, place.truth, tell)
    _shrink(limit_bytes, keep=place)
    return place


def _place(take: Take) -> Rendered:
    key = f'{take.scenario.name} {take.seed} {take.vendor} {take.width}x{take.height} {_version()}'
    name = f'{take.scenario.name}-{hashlib.sha256(key.encode()).hexdigest()[:20]}'
    return Rendered(folder() / f'{name}.mp4', folder() / f'{name}.jsonl')


@cache
def _version() -> str:
    """Tell which phantom this is: a hash of its own files and of what it draws with."""
    digest = hashlib.sha256(f'{cv2.__version__} {np.__version__}'.encode())
    for file in sorted(files('surgical_guidance.phantom').iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(('.py', '.yaml')):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _shrink(limit_bytes: int, keep: Rendered) -> None:
    """Remove what was used longest ago until the rest fits."""
    clips = sorted(
        (path for path in folder().glob('*.mp4') if path != keep.clip), key=lambda path: path.stat().st_mtime
    )
    used = sum(path.stat().st_size for path in folder().iterdir() if path.is_file())
    for clip in clips:
        if used <= limit_bytes:
            return
        for path in (clip, clip.with_suffix('.jsonl')):
            if path.exists():
                used -= path.stat().st_size
                path.unlink()
