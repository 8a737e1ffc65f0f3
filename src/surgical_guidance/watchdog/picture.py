"""Is the picture alive? Frames may come at their rate and all be the same one, or black.

The watchdog reads the frame ring as any reader does, by reference: some hundred values of each of a dozen rows of
every picture. A live camera's noise changes some of those pixels in every picture. A few equal
pictures in a row are natural for some sources all the same (a capture card that doubles frames, a compressed stream of
a view in which nothing moves), so what a source has done before and gone on from is not called frozen.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import FrameError
from surgical_guidance.frames import Frame, RingReader

ROWS: Final = 12
VALUES: Final = 480
"""Of a row. A few dozen would do against noise, but small tools move between them in a picture without noise."""

EVERY_LEVEL: Final = 31
"""Of the sample, for the mean; in no step with three channels."""

EQUAL_PICTURES: Final = 3
"""So many equal pictures in a row are a frozen one, where the source never did that before."""

LONGEST_PAUSE_S: Final = 2.0
"""However long a source has paused before: after this it is frozen [s]."""

NATURAL: Final = 2.5
"""It is frozen when it pauses this many times as long as it did before without being lost."""

BLACK_LEVEL: Final = 10.0
"""Mean of the sampled values, of 255, up to which a picture shows nothing."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What is known of the picture at one moment. Both are '' where nothing is wrong, or nothing is known.

    :param frozen: it does not change, and for how long.
    :param black: it shows nothing, and for how long.
    """

    frozen: str = ''
    black: str = ''


ALIVE: Final = PictureFacts()


class Pictures:
    """Takes samples of one picture after another; the thinking part.

    A picture is told by its capture (monotonic [ns]): times are the source's own, however late somebody looked.
    """

    def __init__(self) -> None:
        self._last = b''
        self._last_ns = 0
        self._changed_ns = 0
        self._equal = 1
        self._natural_s = 0.0
        self._black_since_ns: int | None = None
        self._black = 0

    def saw(self, captured_ns: int, pictures: int, sample: bytes) -> None:
        """Take a sample.

        :param captured_ns: when its picture was captured.
        :param pictures: how many the source has made since the last sample, this one included.
        :param sample: pixels of it, of the same places as the ones before.
        """
        if sample == self._last:
            self._equal += pictures
        else:
            paused_s = (captured_ns - self._changed_ns) / NS_PER_S
            if self._equal >= 2 and paused_s < LONGEST_PAUSE_S:
                self._natural_s = max(self._natural_s, paused_s)
            self._last, self._changed_ns, self._equal = sample, captured_ns, 1
        self._last_ns = captured_ns
        levels = sample[::EVERY_LEVEL]
        dark = sum(levels) <= BLACK_LEVEL * len(levels)
        self._black = (self._black + pictures if self._black else 1) if dark else 0
        self._black_since_ns = (self._black_since_ns or captured_ns) if dark else None

    @property
    def suspicious(self) -> bool:
        """Whether the newest picture is black or like the one before."""
        return self._equal > 1 or self._black > 0

    def forget(self) -> None:
        """Begin anew: another ring, another source."""
        self.__init__()  # type: ignore[misc]

    def facts(self) -> PictureFacts:
        """Say what is known now."""
        if not self.suspicious:
            return ALIVE
        equal_s = (self._last_ns - self._changed_ns) / NS_PER_S
        limit_s = min(NATURAL * self._natural_s, LONGEST_PAUSE_S)
        frozen = self._equal >= EQUAL_PICTURES and equal_s >= limit_s
        black_s = (self._last_ns - (self._black_since_ns or self._last_ns)) / NS_PER_S
        return PictureFacts(
            f'the same picture for {equal_s:.2f} s' if frozen and self._last else '',
            f'black for {black_s:.2f} s' if self._black >= EQUAL_PICTURES else '',
        )


class PictureWatch:
    """Follows the ring of the camera and samples its pictures."""

    def __init__(self) -> None:
        self._pictures = Pictures()
        self._reader: RingReader | None = None
        self._ring = ''
        self._sequence = 0

    def follow(self, ring: str) -> None:
        """Look into this ring from now on. One that is not on this host is passed over."""
        if ring == self._ring:
            return
        self._ring, self._sequence = ring, 0
        self._reader = None
        self._pictures.forget()
        with contextlib.suppress(FrameError):
            self._reader = RingReader(ring)

    @property
    def following(self) -> bool:
        """Whether there is a ring to look into."""
        return self._reader is not None

    @property
    def suspicious(self) -> bool:
        """Whether the newest picture is black or like the one before: the next one is worth a look of its own."""
        return self._pictures.suspicious

    def look(self) -> PictureFacts:
        """Sample the pictures that have come since the last time; say what is known now."""
        for frame in self._reader.since(self._sequence) if self._reader is not None else ():
            taken = sample(frame)
            if frame.intact:
                pictures = frame.sequence - self._sequence if self._sequence else 1
                self._sequence = frame.sequence
                self._pictures.saw(frame.monotonic_ns, pictures, taken)
        return self._pictures.facts()


def sample(frame: Frame) -> bytes:
    """Copy :data:`VALUES` or some more of the values of each of :data:`ROWS` rows of a picture, of all its channels."""
    rows = frame.image.reshape(frame.height, -1)
    down, right = max(1, frame.height // ROWS), max(1, rows.shape[1] // VALUES)
    return rows[down // 2 :: down, :: right + (right % 3 == 0)].tobytes()
