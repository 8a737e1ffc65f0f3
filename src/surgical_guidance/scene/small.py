"""A small copy of a picture, for what needs no detail: the horizon, the light, the field of view.

It is sampled, not filtered: it costs little more than the reading of a picture that is in no cache, and most of that
stays unread.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 120  # pixels of the shorter side, about


class Small(NamedTuple):
    """Every so manieth pixel of a picture.

    :param pixels: ``uint8 (rows, columns, 3)`` bgr8 or ``uint8 (rows, columns)`` mono8.
    :param grey: ``uint8 (rows, columns)``.
    :param step: pixels of the picture from one of these to the next.
    """

    pixels: NDArray[np.uint8]
    grey: NDArray[np.uint8]
    step: int


def sampled(image: NDArray[np.uint8]) -> Small:
    """Sample a picture. The step is a whole number, so that things move in the small one as they do in the picture.

    :param image: ``uint8 (height, width, 3)`` bgr8 or ``uint8 (height, width)`` mono8.
    """
    step = max(1, round(min(image.shape[:2]) / _SIDE))
    rows, columns = image.shape[0] // step, image.shape[1] // step
    whole = image[: rows * step, : columns * step]
    pixels = np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8) if pixels.ndim == 3 else pixels
    return Small(pixels, grey, step)


__all__ = ['Small', 'sampled']
