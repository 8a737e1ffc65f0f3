"""The phantom as a source of pictures: ``phantom:?size=1280x720&rate=30&seed=3``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import SourceError
from surgical_guidance.frames.source import SourceInfo
from surgical_guidance.phantom.layout import HEIGHT, WIDTH
from surgical_guidance.phantom.scene import Scene

_REMEDY = 'write phantom: or phantom:?size=1280x720&rate=30&seed=3'


@dataclass(frozen=True, slots=True)
class PhantomPicture:
    """A picture of the phantom, drawn when it is asked for. See :class:`surgical_guidance.frames.source.Picture`."""

    scene: Scene
    time_s: float
    stamp_ns: int | None = None
    monotonic_ns: int | None = None
    lost: int = 0

    @property
    def width(self) -> int:
        """Width [px]."""
        return self.scene.width

    @property
    def height(self) -> int:
        """Height [px]."""
        return self.scene.height

    def draw(self, image: NDArray[np.uint8]) -> None:
        """Draw it, bgr8."""
        self.scene.render(self.time_s, image)


class PhantomSource:
    """The phantom as a :class:`surgical_guidance.frames.source.Source`: endless, and never in a hurry.

    :param width: of its pictures [px].
    :param height: [px].
    :param rate: pictures per second of its time [Hz].
    :param seed: which patient.
    """

    def __init__(self, width: int = WIDTH, height: int = HEIGHT, rate: float = 30.0, seed: int = 0) -> None:
        self._width, self._height, self._rate, self._seed = width, height, rate, seed
        self._scene: Scene | None = None
        self._next = 0

    def open(self) -> SourceInfo:
        """Paint the tissue and tell what it is."""
        if self._scene is None:
            self._scene = Scene(self._width, self._height, self._seed)
        self._next = 0
        return SourceInfo(self._width, self._height, self._rate, False, f'phantom, seed {self._seed}')

    def read(self) -> PhantomPicture | None:
        """Give the next picture; None after :meth:`close`."""
        scene = self._scene
        if scene is None:
            return None
        time_s = self._next / self._rate
        self._next += 1
        return PhantomPicture(scene, time_s)

    def close(self) -> None:
        """Give the painted tissue back."""
        self._scene = None


def phantom_source(uri: str) -> PhantomSource:
    """Make the source that a ``phantom:`` URI asks for.

    :raises SourceError: if the URI asks for something it cannot be.
    """
    options = dict(parse_qsl(urlsplit(uri).query, keep_blank_values=True))
    size = options.pop('size', f'{WIDTH}x{HEIGHT}')
    rate = options.pop('rate', '30')
    seed = options.pop('seed', '0')
    if options:
        raise SourceError(f'the phantom has no {", ".join(sorted(options))}', where=uri, remedy=_REMEDY)
    match = re.fullmatch(r'(\d{1,5})x(\d{1,5})', size)
    if not match or not all(64 <= int(side) <= 8192 for side in match.groups()):
        raise SourceError(f'size={size} is no picture size from 64x64 to 8192x8192', where=uri, remedy=_REMEDY)
    if not re.fullmatch(r'\d+(\.\d+)?', rate) or not 0.1 <= float(rate) <= 1000:
        raise SourceError(f'rate={rate} is no rate from 0.1 to 1000 Hz', where=uri, remedy=_REMEDY)
    if not re.fullmatch(r'\d{1,9}', seed):
        raise SourceError(f'seed={seed} is no whole number', where=uri, remedy=_REMEDY)
    return PhantomSource(int(match[1]), int(match[2]), float(rate), int(seed))
