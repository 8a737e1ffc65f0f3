"""Frames of the ring to small JPEGs."""

from __future__ import annotations

from typing import Any

import cv2

from surgical_guidance.errors import FrameError, FrameOverwritten
from surgical_guidance.frames import Frame


def shrink(frame: Frame, width: int, quality: int) -> bytes:
    """Give a frame as a JPEG of at most this width [px].

    :raises FrameOverwritten: if the slot was written over meanwhile.
    :raises FrameError: if it cannot be encoded.
    """
    image: Any = frame.image
    if frame.width > width:
        size = (width, max(1, round(frame.height * width / frame.width)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    done, jpeg = cv2.imencode('.jpg', image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not frame.intact:
        raise FrameOverwritten(f'slot {frame.slot} was written over while it was read', where=frame.ring)
    if not done:
        raise FrameError(
            f'a frame of {frame.width}x{frame.height} {frame.encoding} cannot be encoded', where=frame.ring
        )
    return bytes(jpeg)
