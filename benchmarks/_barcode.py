"""A camera whose pictures carry their time of capture, as bars that survive H.264, and the page's reader of them.

It is live, as a capture card is: a picture is there at its time and not before, and what is done with it from then on
counts. The pictures are rendered, drawn once and copied: a capture card costs the processor no more.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.frames import SourceInfo
from surgical_guidance.phantom.scene import Scene

SCHEME = 'barcode'
BITS, CHECK = 28, 4  # 0.1 ms units of the monotonic clock, and how many of them are set, modulo 16
TICK_NS = 100_000
RATE = 30.0  # Hz
BAR = 80  # bars would fill the width: 24 px each of 1920
DRAWN = 45  # pictures of the operation


@dataclass(frozen=True, slots=True)
class _Picture:
    image: NDArray[np.uint8]
    monotonic_ns: int
    lost: int = 0
    time_s: float = 0.0
    stamp_ns: int | None = None

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        return int(self.image.shape[0])

    def draw(self, image: NDArray[np.uint8]) -> None:
        """Copy the picture and write its time over the upper left corner."""
        np.copyto(image, self.image)
        bar = self.width // BAR
        image[:bar, : bar * (BITS + CHECK)] = bars(self.monotonic_ns, bar)


class BarcodeSource:
    """Plays for ever, at :data:`RATE`.

    :param uri: ``barcode:1920x1080`` and the like.
    """

    def __init__(self, uri: str) -> None:
        size = uri.partition(':')[2] or '1920x1080'
        self._width, self._height = map(int, size.split('x'))
        self._pictures: list[NDArray[np.uint8]] = []
        self._next = 0
        self._due_s = 0.0
        self._closed = threading.Event()

    def open(self) -> SourceInfo:
        """Draw the operation."""
        if not self._pictures:
            scene = Scene(self._width, self._height, 0)
            image = np.empty((self._height, self._width, 3), np.uint8)
            for index in range(DRAWN):
                scene.render(20.0 + index / RATE, image)
                self._pictures.append(image.copy())
            self._pictures += self._pictures[-2:0:-1]  # there and back: no jump
        self._closed.clear()
        self._due_s = time.monotonic()
        return SourceInfo(self._width, self._height, RATE, live=True, description='barcode')

    def read(self) -> _Picture | None:
        """Wait for the next; those that nobody came for in time are lost. None once it is closed."""
        now_s = time.monotonic()
        lost = max(0, int((now_s - self._due_s) * RATE))
        self._due_s += lost / RATE
        if self._closed.wait(max(0.0, self._due_s - now_s)):
            return None
        self._due_s += 1.0 / RATE
        self._next += 1
        return _Picture(self._pictures[self._next % len(self._pictures)], monotonic_ns(), lost)

    def close(self) -> None:
        """End the waiting."""
        self._closed.set()


def bars(at_ns: int, bar: int) -> NDArray[np.uint8]:
    """Write an instant: one bar a bit, the lowest first, white for 1.

    :param bar: height and width of one [px].
    """
    ticks = at_ns // TICK_NS % (1 << BITS)
    value = ticks | (ticks.bit_count() % (1 << CHECK)) << BITS
    row = np.array([235 if value >> bit & 1 else 20 for bit in range(BITS + CHECK)], np.uint8)
    return np.asarray(cv2.cvtColor(np.tile(np.repeat(row, bar), (bar, 1)), cv2.COLOR_GRAY2BGR), np.uint8)


# Reads every picture as it is drawn on the page's canvas, in the same task, and notes how old it is. OFFSET is put in:
# wall clock minus monotonic clock of this host [ms].
READER = """(() => {
  const seen = window.glass = { ages: [], codes: [], unread: 0 };
  const { prototype } = CanvasRenderingContext2D;
  const drawImage = prototype.drawImage;
  prototype.drawImage = function (...args) {
    drawImage.apply(this, args);
    if (this.canvas.id !== 'picture' || !this.canvas.width) return;
    const bar = BAR * this.canvas.width / WIDTH, count = BITS + CHECK;
    const { data } = this.getImageData(0, Math.round(bar / 2), Math.ceil(bar * count), 1);
    const now = performance.timeOrigin + performance.now() - OFFSET;
    let ticks = 0, check = 0, ones = 0;
    for (let bit = 0; bit < count; bit += 1) {
      const one = data[4 * Math.round(bar * (bit + 0.5)) + 1] > 128;
      if (one && bit < BITS) { ticks += 2 ** bit; ones += 1; }
      if (one && bit >= BITS) check += 2 ** (bit - BITS);
    }
    if (ones % 2 ** CHECK !== check) { seen.unread += 1; return; }
    const age = (now * 10 - ticks) % 2 ** BITS;
    seen.ages.push((age < 0 ? age + 2 ** BITS : age) / 10);
    seen.codes.push(ticks);
  };
})()"""


def reader(width: int, offset_ms: float) -> str:
    """Give the page's reader for a camera of this width [px]."""
    text = READER
    for name, value in (
        ('BAR', width // BAR),
        ('WIDTH', width),
        ('BITS', BITS),
        ('CHECK', CHECK),
        ('OFFSET', offset_ms),
    ):
        text = text.replace(name, repr(value))
    return text
