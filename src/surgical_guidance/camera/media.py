"""Opening what PyAV opens, and telling in plain words why it cannot."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import av
from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from surgical_guidance.errors import SourceError

PLAUSIBLE_RATE = 240.0  # beyond it the number in the file is the tick of its clock, not its pictures [Hz]

_REASONS = {
    errno.ENOENT: ('it does not exist', 'check the spelling'),
    errno.EACCES: (
        'it may not be read',
        'a camera is for the group "video": sudo usermod -aG video $USER, log in again',
    ),
    errno.EBUSY: ('another program is using it', 'end that program'),
    errno.ENODEV: ('the device is gone', 'check its cable'),
    errno.ENXIO: ('the device is gone', 'check its cable'),
    errno.EIO: ('it cannot be read', 'check its cable or disk'),
    errno.ECONNREFUSED: ('nobody answers there', 'start what sends it, and check host and port'),
    errno.EHOSTUNREACH: ('the host cannot be reached', 'check host and network'),
    errno.ENETUNREACH: ('the network cannot be reached', 'check host and network'),
    errno.ETIMEDOUT: ('no answer in time', 'start what sends it, and check host and port'),
    errno.EADDRINUSE: ('another program listens on this port', 'end that program, or take another port'),
    errno.EISDIR: ('it is a folder', 'name the file in it'),
}


def explain(error: Exception, where: str) -> SourceError:
    """Give an error of PyAV as one that its user can act on."""
    if isinstance(error, av.error.ExitError):  # the interrupt callback, at the end of a timeout
        return SourceError('no answer in time', where=where, remedy=_REASONS[errno.ETIMEDOUT][1])
    if isinstance(error, av.error.ProtocolNotFoundError):
        return SourceError(
            'this PyAV was built without the protocol',
            where=where,
            remedy='install a PyAV that is linked to an FFmpeg with it, or convert the stream to RTSP or UDP',
        )
    if isinstance(error, av.error.InvalidDataError):
        return SourceError('this is no video that can be read', where=where, remedy='look at it with ffprobe')
    what, remedy = _REASONS.get(getattr(error, 'errno', None) or 0, ('', ''))
    text = getattr(error, 'strerror', None) or str(error) or type(error).__name__
    return SourceError(what or f'it cannot be opened ({text})', where=where, remedy=remedy)


@cache
def hardware_decoders() -> tuple[str, ...]:
    """Name the kinds of hardware decoders that this host has and PyAV can use, from trying them once."""
    codec = Codec('h264', 'r')
    found = []
    for kind in ('cuda', 'vaapi', 'vdpau', 'vulkan'):
        if kind in hwdevices_available():
            try:
                HWAccel(kind).create(codec)
            except (av.FFmpegError, NotImplementedError):
                continue  # not on this host: software decodes
            found.append(kind)
    return tuple(found)


class Media:
    """An open video: its container, and the stream in it that is decoded.

    :param name: file name or URL, as FFmpeg takes it.
    :param where: the same for people.
    :param format: name of the container format where it cannot be found out.
    :param options: of FFmpeg's protocols and formats.
    :param timeouts: to open, and to read one packet [s]; None: they may take any time.
    :param hardware: decode in hardware where that is possible.
    :raises SourceError: if it cannot be opened or has no video.
    """

    def __init__(
        self,
        name: str,
        where: str,
        *,
        format: str | None = None,  # noqa: A002  (as PyAV calls it)
        options: Mapping[str, str] | None = None,
        timeouts: tuple[float, float] | None = None,
        hardware: bool = False,
    ) -> None:
        self.where = where
        kinds = hardware_decoders() if hardware else ()
        decoder: dict[str, Any] = {'hwaccel': HWAccel(kinds[0], allow_software_fallback=True)} if kinds else {}
        try:
            self.container: InputContainer = av.open(
                name,
                format=format,
                options=dict(options or {}),
                timeout=timeouts,
                metadata_errors='replace',
                **decoder,
            )
        except (av.FFmpegError, ValueError, UnicodeEncodeError) as error:
            raise explain(error, where) from error
        try:
            self.stream = self._choose()
        except SourceError:
            self.container.close()
            raise
        self.hardware = kinds[0] if kinds and self.stream.codec_context.is_hwaccel else ''

    def _choose(self) -> VideoStream:
        """Take the first real video: not the cover picture of a sound file, not one that nothing here decodes."""
        videos = [
            stream for stream in self.container.streams.video if not stream.disposition & Disposition.attached_pic
        ]
        if not videos:
            raise SourceError('there is no video in it', where=self.where)
        for stream in videos:
            if stream.codec_context is not None:
                return stream
        raise SourceError('this PyAV has no decoder for its video', where=self.where, remedy='convert it to H.264')

    @property
    def rate(self) -> float:
        """Pictures per second [Hz]; 0 where it does not say."""
        rate = float(self.stream.average_rate or self.stream.guessed_rate or 0.0)
        return rate if rate <= PLAUSIBLE_RATE else 0.0

    @property
    def start_s(self) -> float:
        """Time stamp that its video begins with [s]."""
        return float((self.stream.start_time or 0) * (self.stream.time_base or 0))

    @property
    def duration_s(self) -> float | None:
        """How long its video is by its own account [s]."""
        if self.stream.duration is not None and self.stream.time_base is not None:
            return float(self.stream.duration * self.stream.time_base)
        if self.container.duration is not None and len(self.container.streams) == 1:
            return self.container.duration / av.time_base
        return None

    @property
    def description(self) -> str:
        """Container, codec and decoder, for people."""
        codec = self.stream.codec_context
        decoder = f'decoded by {self.hardware}' if self.hardware else 'decoded in software'
        return (
            f'{self.container.format.name.split(",")[0]}, {codec.name} {codec.pix_fmt or ""}'.strip() + f', {decoder}'
        )

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """Read the packets of the video; the last one is empty and drains the decoder."""
        return self.container.demux(self.stream)

    @staticmethod
    def pictures(packet: Packet[VideoStream]) -> tuple[list[VideoFrame], int]:
        """Decode one packet: the good pictures, and the number of those that are damaged.

        A picture of which the decoder had to invent a part shows what was not there, so it is damaged too.
        """
        try:
            decoded = packet.decode()
        except av.error.EOFError:
            return [], 0  # drained before
        except av.FFmpegError:
            return [], 1
        good = [picture for picture in decoded if not picture.is_corrupt]
        return good, len(decoded) - len(good)

    def close(self) -> None:
        """Close it."""
        self.container.close()
