"""Video files: any container that FFmpeg knows, once or in a loop, paced or as fast as they can be read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
from av.video.frame import VideoFrame

from surgical_guidance.camera.draw import Painter
from surgical_guidance.camera.media import Media, explain
from surgical_guidance.camera.shot import Shot
from surgical_guidance.camera.timeline import Timeline
from surgical_guidance.camera.uri import split
from surgical_guidance.errors import SourceError, SourceLost
from surgical_guidance.frames import Picture, SourceInfo

_USUAL_RATE = 25.0  # where a file does not say [Hz]
_TOLERANCE_S = 1.0  # a header may be wrong by this about the length of its file [s]


def make_file(uri: str) -> FileSource:
    """Make the source of a ``file:`` URI: ``loop=1``, ``pace=0``, ``size=WxH``, ``hardware=0``.

    :raises SourceError: if the URI cannot be understood.
    """
    path, given = split(uri)
    source = FileSource(
        _local_path(path, given.where),
        loop=given.flag('loop', default=False),
        pace=given.flag('pace', default=True),
        size=given.size('size'),
        hardware=given.flag('hardware', default=True),
    )
    given.finish()
    return source


def _local_path(path: str, where: str) -> Path:
    """Give the path in a file URI: relative, absolute, with ``~``, or ``//localhost/`` or ``///`` before it."""
    if path.startswith('//'):
        host, slash, path = path[2:].partition('/')
        path = slash + path
        if host not in ('', 'localhost'):
            raise SourceError('files of other hosts cannot be read', where=where, remedy='write file:path, one colon')
    if not path:
        raise SourceError('there is no file named', where=where, remedy='write file:clip.mp4')
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # ~somebody
        raise SourceError('there is no such home folder', where=where) from error


class FileSource:
    """The pictures of a video file.

    A damaged packet costs its pictures, which are counted as lost; when nothing but damage follows, or the file ends
    long before its own account of its length, it is broken, and that is an error after the last good picture.

    :param loop: begin again at the end.
    :param pace: give the pictures their times; else all are due at once.
    :param size: scale to width and height [px]; None: as they are.
    :param hardware: decode in hardware where that is possible.
    """

    def __init__(
        self,
        path: Path,
        *,
        loop: bool = False,
        pace: bool = True,
        size: tuple[int, int] | None = None,
        hardware: bool = True,
    ) -> None:
        self._path = path
        self._loop = loop
        self._pace = pace
        self._hardware = hardware
        self._painter = Painter(size)
        self._reading = threading.Lock()
        self._closing = False
        self._media: Media | None = None
        self._timeline = Timeline(1.0 / _USUAL_RATE)
        self._pictures: Iterator[VideoFrame] = iter(())
        self._first: VideoFrame | None = None
        self._ended_s = 0.0  # where the last good picture ends, by the time stamps of the file
        self._lost = 0  # damaged pictures before the next good one

    def open(self) -> SourceInfo:
        """Open it and decode its first picture.

        :raises SourceError: if it is missing, empty, or no video.
        """
        if self._path.is_file() and not self._path.stat().st_size:
            raise SourceError('the file is empty', where=str(self._path))
        with self._reading:
            self._closing = False
            media = self._media = self._connect()
            self._timeline = Timeline(1.0 / (media.rate or _USUAL_RATE))
            self._ended_s = 0.0
            self._lost = 0
            self._pictures = self._decode(media)
            try:
                self._first = next(self._pictures, None)
            except SourceLost:  # nothing but damage
                self._first = None
            if self._first is None:
                self._release()
                raise SourceError(
                    'no picture in it can be decoded', where=str(self._path), remedy='look at it with ffprobe'
                )
            width, height = self._painter.size(self._first)
        rate = media.rate if self._pace else 0.0
        return SourceInfo(width, height, rate, live=False, description=media.description)

    def _connect(self) -> Media:
        media = Media(str(self._path), str(self._path), hardware=self._hardware)
        if not media.hardware:
            media.stream.thread_type = 'AUTO'  # decode several pictures at once: later ones are known already
        return media

    def _release(self) -> None:
        if self._media is not None:
            self._media.close()
            self._media = None

    def read(self) -> Picture | None:
        """Decode the next picture.

        :raises SourceLost: where the file is broken, after its last good picture.
        """
        with self._reading:
            if self._closing or self._media is None:
                return None
            picture, self._first = self._first, None
            if picture is None:
                picture = self._next()
            return None if picture is None else self._shot(picture)

    def _next(self) -> VideoFrame | None:
        picture = next(self._pictures, None)
        if picture is None and self._loop:
            self._rewind()
            picture = next(self._pictures, None)
        return picture

    def _shot(self, picture: VideoFrame) -> Shot:
        lost, self._lost = self._lost, 0
        time_s = self._timeline.at(picture.time) if self._pace else 0.0
        width, height = self._painter.size(picture)
        return Shot(width, height, partial(self._painter.draw, picture), time_s, lost=lost)

    def _decode(self, media: Media) -> Iterator[VideoFrame]:
        """Give the pictures of one pass through the file."""
        whole = True
        try:
            for packet in media.packets():
                pictures, damaged = media.pictures(packet)
                self._lost += damaged
                if pictures or damaged:
                    whole = not damaged
                for picture in pictures:
                    self._note_end(media, picture)
                    yield picture
        except av.FFmpegError as error:
            raise self._broken(media, explain(error, str(self._path)).what) from error
        if not whole:
            raise self._broken(media, 'nothing after it can be decoded')
        if media.duration_s is not None and media.duration_s - self._ended_s > _TOLERANCE_S:
            raise self._broken(media, 'the rest is missing')

    def _note_end(self, media: Media, picture: VideoFrame) -> None:
        interval_s = 1.0 / (media.rate or _USUAL_RATE)
        if picture.time is None:
            self._ended_s += interval_s
            return
        duration_s = float((picture.duration or 0) * (picture.time_base or 0)) or interval_s
        self._ended_s = picture.time - media.start_s + duration_s

    def _broken(self, media: Media, why: str) -> SourceLost:
        of = '' if media.duration_s is None else f' of {media.duration_s:.1f} s'
        return SourceLost(f'the file is broken at {self._ended_s:.1f} s{of}: {why}', where=str(self._path))

    def _rewind(self) -> None:
        media = self._media
        if media is None:
            return
        try:
            media.container.seek(media.stream.start_time or 0, stream=media.stream)
        except av.FFmpegError:  # a bare stream without an index: from its beginning then
            media.close()
            media = self._media = self._connect()
        self._timeline.restart()
        self._ended_s = 0.0
        self._pictures = self._decode(media)

    def close(self) -> None:
        """Close the file; where another thread is just reading, that thread's own ``close`` does it."""
        self._closing = True
        if self._reading.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._reading.release()
