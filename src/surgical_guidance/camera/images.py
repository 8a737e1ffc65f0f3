"""Frames as image messages for those who ask, in a thread of their own: the frame path does not pay for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from surgical_guidance.errors import FrameOverwritten
from surgical_guidance.frames import Frame
from surgical_guidance.frames.encodings import encode_compressed, encode_image
from surgical_guidance.ports import Mailbox


class ImageOutput(Protocol):
    """What this needs of a publisher."""

    def get_subscription_count(self) -> int:
        """How many are subscribed."""

    def publish(self, msg: Any) -> None:
        """Send a message."""


class ImagePublisher:
    """Publishes frames, the newest ones, while somebody is subscribed.

    :param raw: publisher of ``sensor_msgs/Image``.
    :param compressed: publisher of ``sensor_msgs/CompressedImage``.
    """

    def __init__(self, raw: ImageOutput, compressed: ImageOutput) -> None:
        self._outputs: tuple[tuple[ImageOutput, Callable[[Frame], Any]], ...] = (
            (raw, encode_image),
            (compressed, encode_compressed),
        )
        self._frames: Mailbox[Frame] = Mailbox()
        self._thread = threading.Thread(target=self._run, name='camera-images', daemon=True)
        self._thread.start()

    def accept(self, frame: Frame) -> None:
        """Take a frame, if somebody wants it."""
        if any(output.get_subscription_count() for output, _ in self._outputs):
            self._frames.put(frame)

    def close(self) -> None:
        """End the thread."""
        self._frames.close()
        self._thread.join()

    def _run(self) -> None:
        while (frame := self._frames.take()) is not None:
            for output, encode in self._outputs:
                if output.get_subscription_count():
                    try:
                        message = encode(frame)
                    except FrameOverwritten:  # this thread was too slow: the next frame is waiting already
                        break
                    output.publish(message)
