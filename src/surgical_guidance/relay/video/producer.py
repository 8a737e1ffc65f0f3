"""Frames of the ring to encoded units: a thread a rung, newest frame wins, nothing done for a rung nobody watches."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.errors import FrameError, FrameOverwritten, HostError
from surgical_guidance.frames import Frame, RingReaders
from surgical_guidance.ports import Mailbox
from surgical_guidance.relay.facts import FrameFact
from surgical_guidance.relay.video import ladder
from surgical_guidance.relay.video.encoder import Encoder, to_i420
from surgical_guidance.relay.video.units import Unit, payloads

LATE_NS = NS_PER_S // 30  # from capture to encoded: the next frame is there
NICE = 2  # steps back a little, from where the relay stands: its answers go first

Prepare = Callable[[FrameFact, Frame], NDArray[np.uint8]]
"""Gives the pixels that may leave: masked, pixelated. Called in the thread of the rung, for each frame."""


def as_it_is(_fact: FrameFact, frame: Frame) -> NDArray[np.uint8]:
    """Give the frame's own pixels."""
    return frame.image


class RungProducer:
    """Encodes the frames of one rung.

    :param index: of the rung.
    :param codec: encoder to use.
    :param rungs: gives the ladder for pictures of a width and height.
    :param sink: gets every unit, in this thread.
    :param problem: gets what is wrong, and ``''`` when it works again.
    """

    def __init__(
        self,
        index: int,
        codec: str,
        rungs: Callable[[int, int], tuple[ladder.Rung, ...]],
        prepare: Prepare,
        sink: Callable[[Unit], None],
        problem: Callable[[str], None],
    ) -> None:
        self.watched = False
        self.late = 0
        """Frames that were encoded later than :data:`LATE_NS`."""
        self._index = index
        self._codec = codec
        self._rungs = rungs
        self._prepare = prepare
        self._sink = sink
        self._problem = problem
        self._readers = RingReaders()
        self._frames: Mailbox[FrameFact] = Mailbox()
        self._key = True
        self._encoder: Encoder | None = None
        self._i420: NDArray[np.uint8] = np.empty((0, 0), np.uint8)
        self._thread = threading.Thread(target=self._run, name=f'relay video {index}')

    def start(self) -> None:
        """Begin to encode what is offered."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; the sink is not called any more when this returns."""
        self._frames.close()
        if self._thread.ident is not None:  # it was started
            self._thread.join()

    def offer(self, frame: FrameFact) -> None:
        """Leave a frame to be encoded, if anybody watches. Returns at once."""
        if self.watched:
            self._frames.put(frame)

    def ask_for_key(self) -> None:
        """Make the next frame one that a decoder can begin with."""
        self._key = True

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced before they were begun."""
        return self._frames.dropped

    def _run(self) -> None:
        os.nice(NICE)  # Linux: of the thread, not of the process
        while not self._frames.closed:
            fact = self._frames.take()
            if fact is None:
                continue
            try:
                unit = self._encode(fact)
            except FrameOverwritten:
                continue
            except (FrameError, HostError, cv2.error) as error:
                self._encoder = None
                self._problem(f'no video: {error}')
                continue
            self._problem('')
            if unit is not None:
                self._sink(unit)

    def _encode(self, fact: FrameFact) -> Unit | None:
        frame = self._readers.frame(fact.ring, fact.slot, fact.sequence)
        encoder = self._encoder_for(frame)
        if encoder is None:
            return None
        to_i420(self._prepare(fact, frame), encoder.rung.width, encoder.rung.height, self._i420)
        if not frame.intact:
            raise FrameOverwritten('the picture changed while it was read', where=frame.ring)
        key, self._key = self._key, False
        data, is_key = encoder.encode(self._i420, fact.monotonic_ns, key=key)
        self.late += monotonic_ns() - fact.monotonic_ns > LATE_NS
        return Unit(self._index, fact.sequence, fact.monotonic_ns, is_key, payloads(data)) if data else None

    def _encoder_for(self, frame: Frame) -> Encoder | None:
        """Give the encoder for pictures of this size; None where the ladder of this size has no such rung."""
        rungs = self._rungs(frame.width, frame.height)
        if self._index >= len(rungs):
            return None
        rung = rungs[self._index]
        if self._encoder is None or self._encoder.rung != rung:
            self._encoder = Encoder(self._codec, rung)
            self._i420 = np.empty((rung.height * 3 // 2, rung.width), np.uint8)
            self._key = True
        return self._encoder
