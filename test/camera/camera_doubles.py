"""Small videos, made on the spot, and sources that do as they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from surgical_guidance.camera.shot import Shot
from surgical_guidance.clock import monotonic_ns
from surgical_guidance.errors import SourceLost
from surgical_guidance.frames import SourceInfo

DATA = Path(__file__).resolve().parents[3] / 'shared' / 'data'


def grey_of(number: int) -> int:
    """The shade of the picture with this number: it survives every codec."""
    return 20 + number * 7 % 200


def number_of(image: np.ndarray, numbers: Sequence[int] | None = None) -> int:
    """Tell by its shade which picture this is."""
    grey = float(image.mean())
    return min(numbers or range(28), key=lambda number: abs(grey_of(number) - grey))


def picture(number: int, width: int, height: int, layout: str = 'yuv420p') -> av.VideoFrame:
    frame = av.VideoFrame(width, height, layout)
    luma = grey_of(number) if layout == 'yuvj420p' else 16 + round(grey_of(number) * 219 / 255)
    for plane, value in zip(frame.planes, (luma, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def make_clip(
    path: Path,
    *,
    pictures: int = 20,
    rate: int = 25,
    size: tuple[int, int] = (64, 48),
    codec: str = 'mpeg4',
    ticks: Sequence[int] | None = None,
    **options: Any,
) -> Path:
    """Write a video. ``ticks``: the time stamps of its pictures [1/1000 s], where they are not evenly spaced."""
    with av.open(str(path), 'w', **options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        layout = stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        stream.bit_rate = 400_000
        if codec == 'libx264':
            stream.options = {'g': '5', 'bf': '0', 'preset': 'ultrafast'}
        else:
            stream.codec_context.gop_size = 5
        if ticks is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(pictures):
            frame = picture(number, *size, layout)
            frame.pts = number if ticks is None else ticks[number]
            frame.time_base = Fraction(1, rate) if ticks is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class Said:
    """Collects what a thread says, and waits for it."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, item: Any) -> None:
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[list[Any]], object], timeout_s: float = 10.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.items), timeout_s), self.items


class ScriptedSource:
    """A source that gives what its script says: pictures (their time in s), errors, or waits that only close ends.

    :param script: of one opening after another; the last one is used again and again.
    """

    WAIT = object()

    def __init__(self, *script: Sequence[Any], live: bool = False, rate: float = 25.0, size: tuple[int, int] = (8, 6)):
        self.script = script
        self.openings = 0
        self.live = live
        self.rate = rate
        self.size = size
        self._closed = threading.Event()
        self._steps: Iterator[Any] = iter(())

    def open(self) -> SourceInfo:
        steps = self.script[min(self.openings, len(self.script) - 1)]
        self.openings += 1
        self._closed.clear()
        self._steps = iter(steps)
        if steps and isinstance(steps[0], SourceLost):
            raise steps[0]
        return SourceInfo(*self.size, self.rate, self.live, 'scripted')

    def read(self) -> Shot | None:
        step = next(self._steps, None)
        if step is self.WAIT:
            assert self._closed.wait(10.0)
            return None
        if isinstance(step, Exception):
            raise step
        if step is None or isinstance(step, Shot):
            return step
        return Shot(*self.size, lambda image: image.fill(100), float(step))

    def close(self) -> None:
        self._closed.set()


def seconds_since(since_ns: int) -> float:
    return (monotonic_ns() - since_ns) / 1e9
