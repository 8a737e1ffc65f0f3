"""A live video that PyAV reads: capture devices and network streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from surgical_guidance import clock
from surgical_guidance.camera.draw import Painter
from surgical_guidance.camera.media import Media, explain
from surgical_guidance.camera.shot import Shot
from surgical_guidance.errors import SourceLost
from surgical_guidance.frames import SourceInfo

_LOW_DELAY = 1 << 19  # AV_CODEC_FLAG_LOW_DELAY
_OLDEST_NS = clock.NS_PER_S  # a device's time stamp further back than this is of another clock


class LiveMedia:
    """A connection to a live video, decoded with as little delay as its decoder allows.

    :param make: opens it.
    :param kernel_stamps: the time stamps of its packets may be the kernel's, on ``CLOCK_MONOTONIC`` (V4L2).
    """

    def __init__(self, make: Callable[[], Media], *, kernel_stamps: bool = False) -> None:
        self._make = make
        self._kernel_stamps = kernel_stamps
        self._painter = Painter()
        self._media: Media | None = None
        self._packets: Iterator[Packet[VideoStream]] = iter(())
        self._ready: deque[Shot] = deque()
        self._lost = 0  # damaged pictures before the next good one

    def open(self) -> SourceInfo:
        """Connect.

        :raises SourceError: see :class:`Media`.
        """
        media = self._media = self._make()
        codec = media.stream.codec_context
        media.stream.thread_type = 'SLICE'  # threads by picture would hold back one picture each
        codec.flags |= _LOW_DELAY
        self._packets = media.packets()
        return SourceInfo(codec.width, codec.height, media.rate, live=True, description=media.description)

    def read(self) -> Shot:
        """Wait for the next picture.

        :raises SourceLost: if none comes any more.
        """
        while not self._ready:
            self._receive()
        return self._ready.popleft()

    def _receive(self) -> None:
        if self._media is None:
            raise SourceLost('it is closed')
        try:
            packet = next(self._packets, None)
        except av.FFmpegError as error:
            told = explain(error, self._media.where)
            raise SourceLost(told.what, where=told.where, remedy=told.remedy) from error
        if packet is None:
            raise SourceLost('the stream ended', where=self._media.where)
        arrived_ns = clock.monotonic_ns()
        pictures, damaged = self._media.pictures(packet)
        self._lost += damaged
        for picture in pictures:
            lost, self._lost = self._lost, 0
            captured_ns = self._captured_ns(picture, arrived_ns)
            draw = partial(self._painter.draw, picture)
            self._ready.append(Shot(picture.width, picture.height, draw, monotonic_ns=captured_ns, lost=lost))

    def _captured_ns(self, picture: VideoFrame, arrived_ns: int) -> int:
        """Tell when a picture was captured: when it came, before it was decoded, or by the kernel's own stamp."""
        if self._kernel_stamps and picture.pts is not None and picture.time_base is not None:
            stamp_ns = int(picture.pts * picture.time_base * clock.NS_PER_S)
            if 0 <= arrived_ns - stamp_ns < _OLDEST_NS:
                return stamp_ns
        return arrived_ns

    def close(self) -> None:
        """Close it."""
        if self._media is not None:
            self._media.close()
            self._media = None
