"""A scenario as a source of pictures: rendered once, then decoded, with its truth beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from surgical_guidance.errors import SourceLost
from surgical_guidance.frames.source import SourceInfo
from surgical_guidance.phantom import cache
from surgical_guidance.phantom.take import Take


@dataclass(frozen=True, slots=True)
class TakePicture:
    """One decoded picture of a take. See :class:`surgical_guidance.frames.source.TruePicture`."""

    frame: VideoFrame
    line: str
    time_s: float
    stamp_ns: int | None = None
    monotonic_ns: int | None = None
    lost: int = 0

    @property
    def width(self) -> int:
        """Width [px]."""
        return int(self.frame.width)

    @property
    def height(self) -> int:
        """Height [px]."""
        return int(self.frame.height)

    def draw(self, image: NDArray[np.uint8]) -> None:
        """Draw it, bgr8."""
        np.copyto(image, self.frame.to_ndarray(format='bgr24'))

    def truth(self) -> str:
        """Give what is really in it, as one line of JSON."""
        return self.line


class TakeSource:
    """A take as a :class:`surgical_guidance.frames.source.Source`.

    :param make_take: makes the take.
    :param loop: begin again at the end.
    """

    def __init__(self, make_take: Callable[[], Take], loop: bool = False) -> None:
        self.take, self._loop = make_take, loop
        self._pictures: Iterator[TakePicture] | None = None

    def open(self) -> SourceInfo:
        """Render the take where that was not done before, telling of it on the standard error.

        :raises SourceError: if it cannot be rendered.
        """
        take = self.take()
        found = cache.find(take) or cache.rendered(take, _Teller(take.scenario.name))
        self._pictures = self._play(found)
        description = f'phantom, {take.scenario.name}, seed {take.seed}, camera {take.vendor}'
        return SourceInfo(take.width, take.height, take.rate, False, description)

    def read(self) -> TakePicture | None:
        """Give the next picture; None at the end and after :meth:`close`.

        :raises SourceLost: if the clip in the cache is broken.
        """
        pictures = self._pictures
        if pictures is None:
            return None
        try:
            return next(pictures, None)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SourceLost(
                f'the rendered take cannot be read ({error})', where=str(cache.folder()), remedy='remove it'
            ) from error

    def close(self) -> None:
        """End the playing."""
        self._pictures = None

    def _play(self, found: cache.Rendered) -> Iterator[TakePicture]:
        lines = found.truth.read_text(encoding='utf-8').splitlines()
        passed = 0.0
        while True:
            with av.open(str(found.clip)) as container:
                stream = container.streams.video[0]
                rate = float(stream.average_rate)
                for index, frame in enumerate(container.decode(stream)):
                    yield TakePicture(frame, lines[index], passed + index / rate)
            if not self._loop:
                return
            passed += len(lines) / rate


class _Teller:
    """Tells how far the rendering is, a line every tenth."""

    def __init__(self, name: str) -> None:
        self._name, self._said = name, -1

    def __call__(self, done: int, total: int) -> None:
        tenth = 10 * done // total
        if tenth > self._said:
            self._said = tenth
            sys.stderr.write(f'phantom: rendering {self._name}, {10 * tenth} %\n')
            sys.stderr.flush()
