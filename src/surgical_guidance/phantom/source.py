"""The phantom as a source of pictures.

``phantom:?size=1280x720&rate=30&seed=3`` draws the demonstration, endlessly, as it is asked for;
``phantom:NAME?seed=3&vendor=cassia`` plays a scenario that was rendered before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import SourceError
from surgical_guidance.frames.source import SourceInfo
from surgical_guidance.phantom.demo_truth import demo_truth
from surgical_guidance.phantom.layout import HEIGHT, WIDTH
from surgical_guidance.phantom.playback import TakeSource
from surgical_guidance.phantom.scenarios import find
from surgical_guidance.phantom.scene import Scene
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.vendors import PLAIN, find_vendor

_REMEDY = 'write phantom: or phantom:?size=1280x720&rate=30&seed=3 or phantom:operation?seed=3&vendor=plain&loop=1'


@dataclass(frozen=True, slots=True)
class PhantomPicture:
    """A picture of the phantom, drawn when it is asked for. See :class:`surgical_guidance.frames.source.Picture`."""

    scene: Scene
    seed: int
    index: int
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

    def truth(self) -> str:
        """Give what is really in it, as one line of JSON."""
        return demo_truth(self.scene, self.seed, self.index, self.time_s).to_json()


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
        index = self._next
        self._next += 1
        return PhantomPicture(scene, self._seed, index, index / self._rate)

    def close(self) -> None:
        """Give the painted tissue back."""
        self._scene = None


def phantom_source(uri: str) -> PhantomSource | TakeSource:
    """Make the source that a ``phantom:`` URI asks for.

    :raises SourceError: if the URI asks for something it cannot be.
    """
    parts = urlsplit(uri)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    width, height = _size(options.pop('size', f'{WIDTH}x{HEIGHT}'), uri)
    seed = options.pop('seed', '0')
    if not re.fullmatch(r'\d{1,9}', seed):
        raise SourceError(f'seed={seed} is no whole number', where=uri, remedy=_REMEDY)
    if parts.path:
        return _take(parts.path, int(seed), (width, height), options, uri)
    rate = options.pop('rate', '30')
    _refuse(options, uri)
    if not re.fullmatch(r'\d+(\.\d+)?', rate) or not 0.1 <= float(rate) <= 1000:
        raise SourceError(f'rate={rate} is no rate from 0.1 to 1000 Hz', where=uri, remedy=_REMEDY)
    return PhantomSource(width, height, float(rate), int(seed))


def take_of(uri: str) -> Take | None:
    """Give the take that a ``phantom:NAME`` URI plays; None for any other URI.

    :raises SourceError: as :func:`phantom_source`.
    """
    if not uri.startswith('phantom:'):
        return None
    source = phantom_source(uri)
    return source.take() if isinstance(source, TakeSource) else None


def _take(name: str, seed: int, size: tuple[int, int], options: dict[str, str], uri: str) -> TakeSource:
    vendor, loop = options.pop('vendor', PLAIN.name), options.pop('loop', '0')
    _refuse(options, uri)
    find(name)
    find_vendor(vendor)
    if loop not in ('0', '1'):
        raise SourceError(f'loop={loop} is neither 0 nor 1', where=uri, remedy=_REMEDY)
    if size[0] % 2 or size[1] % 2:
        raise SourceError(f'size={size[0]}x{size[1]}: a scenario needs even sides', where=uri, remedy=_REMEDY)
    return TakeSource(lambda: Take(name, seed, *size, vendor), loop == '1')


def _size(size: str, uri: str) -> tuple[int, int]:
    match = re.fullmatch(r'(\d{1,5})x(\d{1,5})', size)
    if not match or not all(64 <= int(side) <= 8192 for side in match.groups()):
        raise SourceError(f'size={size} is no picture size from 64x64 to 8192x8192', where=uri, remedy=_REMEDY)
    return int(match[1]), int(match[2])


def _refuse(options: dict[str, str], uri: str) -> None:
    if options:
        raise SourceError(f'the phantom has no {", ".join(sorted(options))}', where=uri, remedy=_REMEDY)
