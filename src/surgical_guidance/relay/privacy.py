"""Nothing that tells who a patient is leaves in a picture: what is done to the pixels before they are encoded.

While the endoscope looks at the room, the picture is pixelated until nobody can be told by it. Regions that a camera
or a recorder burns text into (name, number, date of birth) are blackened always. Both are done before the encoder, so
that no viewer, and nothing between, ever has the pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.errors import ParameterError
from surgical_guidance.frames import Frame
from surgical_guidance.relay.facts import FrameFact

BLOCKS = 16  # across the picture: a face that fills it is four blocks wide between the ears
DOUBT_S = 1.0  # scenes come 20 to 100 ms after one begins to listen
INSIDE_SCENES = 5  # in a row that must say so before the pixels are shown again

Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of width and height, 0 to 1."""


class Privacy:
    """Judges by the scenes, and treats the pixels. :meth:`on_scene` is for one thread, the rest for any.

    A picture goes before its own scene is there, so the newest scene counts: what the scope sees on its way out is
    pixelated from the first frame after the first scene that says so. The way back takes :data:`INSIDE_SCENES`.
    Where scenes stop, the last word holds. While nobody watches nobody listens to them either (``inputs.py``): who
    comes then gets pixelated pictures until the first scene, or for :data:`DOUBT_S` where none comes.

    :param masks: regions that are always blackened.
    :param unjudged: whether pictures are pixelated before any scene has said where the scope is.
    """

    def __init__(self, masks: tuple[Rectangle, ...] = (), *, unjudged: bool = False) -> None:
        self._masks = masks
        self._withheld = unjudged
        self._inside = 0
        self._doubt_until_ns = 0

    @property
    def withheld(self) -> bool:
        """Whether pictures are pixelated now."""
        return self._withheld or monotonic_ns() < self._doubt_until_ns

    def doubt(self) -> None:
        """Take the last word for old: scenes came and nobody listened."""
        self._doubt_until_ns = monotonic_ns() + int(DOUBT_S * NS_PER_S)

    def on_scene(self, outside: bool | None) -> None:
        """Take what a scene says: whether the scope is out of the body; None where it does not know."""
        self._doubt_until_ns = 0
        if outside:
            self._withheld, self._inside = True, 0
        elif outside is False and self._withheld:
            self._inside += 1
            self._withheld = self._inside < INSIDE_SCENES
        if not self._withheld:
            self._inside = 0

    def applied(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give the picture that may leave: the same array if nothing is to be done, else another.

        :param image: of any size, (height, width, channels) or grey.
        """
        if self.withheld:
            image = _pixelated(image)
        elif self._masks:
            image = image.copy()
        height, width = image.shape[:2]
        for left, top, right, bottom in self._masks:
            rows = slice(int(top * height), int(np.ceil(bottom * height)))
            image[rows, int(left * width) : int(np.ceil(right * width))] = 0
        return image

    def prepare(self, _fact: FrameFact, frame: Frame) -> NDArray[np.uint8]:
        """Give the pixels of a frame that may leave."""
        return self.applied(frame.image)


def rectangles(texts: tuple[str, ...]) -> tuple[Rectangle, ...]:
    """Read regions: ``left,top,right,bottom`` as shares of width and height.

    :raises ParameterError: naming the one that is wrong.
    """
    read = []
    for text in texts:
        try:
            left, top, right, bottom = (float(part) for part in text.split(','))
        except ValueError:
            raise ParameterError(
                f'{text!r} is no region', where='masks', remedy="use 'left,top,right,bottom', such as '0,0,0.3,0.06'"
            ) from None
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ParameterError(
                f'{text!r} is not within the picture', where='masks', remedy='use shares from 0 to 1, left before right'
            )
        read.append((left, top, right, bottom))
    return tuple(read)


def _pixelated(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    small = cv2.resize(image, (BLOCKS, max(1, round(BLOCKS * height / width))), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
