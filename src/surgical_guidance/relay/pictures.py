"""Pixels to JPEG, in a thread of its own: from the ring, scaled, newest wins."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import FrameError, FrameOverwritten
from surgical_guidance.frames import RingReaders
from surgical_guidance.ports import Mailbox
from surgical_guidance.relay.facts import FrameFact
from surgical_guidance.relay.pairing import Picture
from surgical_guidance.relay.privacy import Privacy

NICE = 5  # this thread alone steps back where the processor is short: the operating room and the heartbeat go first
LINEAR_UP_TO = 2.0  # scale factor: a bilinear filter reads every pixel until there, at a third of the time of an area


class PictureEncoder:
    """Encodes the frames it is offered; one that could not be begun before the next came is dropped.

    :param quality: of the JPEG, 1 to 100.
    :param max_width: of the JPEG [px]; larger frames are scaled down to it.
    :param sink: gets every picture, in the encoder's thread.
    :param problem: gets what is wrong when frames cannot be read, and ``''`` when they can again.
    :param privacy: treats the pixels before they are encoded; None: they go as they are.
    """

    def __init__(
        self,
        quality: int,
        max_width: int,
        sink: Callable[[Picture], None],
        problem: Callable[[str], None],
        privacy: Privacy | None = None,
    ) -> None:
        self._privacy = privacy or Privacy()
        self._options = (cv2.IMWRITE_JPEG_QUALITY, quality)
        self._max_width = max_width
        self._sink = sink
        self._problem = problem
        self._readers = RingReaders()
        self._frames: Mailbox[FrameFact] = Mailbox()
        self._thread = threading.Thread(target=self._run, name='relay pictures')
        self.overwritten = 0

    def start(self) -> None:
        """Begin to encode what is offered."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; the sink is not called any more when this returns."""
        self._frames.close()
        self._thread.join()

    def offer(self, frame: FrameFact) -> None:
        """Leave a frame to be encoded. Returns at once."""
        self._frames.put(frame)

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced before they were begun."""
        return self._frames.dropped

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)  # Linux: of the thread, not of the process
        while not self._frames.closed:
            frame = self._frames.take()
            if frame is None:
                continue
            try:
                picture = self._encode(frame)
            except FrameOverwritten:
                self.overwritten += 1
            except (FrameError, cv2.error) as error:
                self._problem(f'no picture: {error}')
            else:
                self._problem('')
                self._sink(picture)

    def _encode(self, fact: FrameFact) -> Picture:
        frame = self._readers.frame(fact.ring, fact.slot, fact.sequence)
        width, height = frame.width, frame.height
        _, jpeg = cv2.imencode('.jpg', self._privacy.applied(self._scaled(frame.image)), self._options)
        if not frame.intact:
            raise FrameOverwritten('the picture changed while it was read', where=frame.ring)
        return Picture(fact.sequence, fact.stamp_ns, fact.monotonic_ns, width, height, jpeg.tobytes())

    def _scaled(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        if width <= self._max_width:
            return image
        factor = width / self._max_width
        size = (self._max_width, round(height / factor))
        scaled = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR if factor <= LINEAR_UP_TO else cv2.INTER_AREA)
        return np.asarray(scaled, np.uint8)
