"""Capture devices: V4L2 through PyAV, and GStreamer pipelines where this host's OpenCV has GStreamer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance import clock
from surgical_guidance.camera.latest import LatestSource
from surgical_guidance.camera.live import LiveMedia
from surgical_guidance.camera.media import PLAUSIBLE_RATE, Media
from surgical_guidance.camera.shot import Shot
from surgical_guidance.camera.uri import split
from surgical_guidance.errors import SourceError, SourceLost
from surgical_guidance.frames import SourceInfo

OPEN_S = 5.0
"""Longest wait for a device: some cards take seconds to lock on to a signal [s]."""
SILENCE_S = 1.0
"""A device that gives no picture for this long is lost: its input has no signal [s]."""


def make_device(uri: str) -> LatestSource:
    """Make the source of a ``device:`` URI: ``size=WxH``, ``rate=HZ``, ``format=NAME``, ``timeout=S``.

    :raises SourceError: if the URI cannot be understood.
    """
    path, given = split(uri)
    where = given.where
    if not path.startswith('/dev/'):
        raise SourceError('this is not a device', where=where, remedy='write device:/dev/video0')
    asked: dict[str, str] = {}
    size = given.size('size')
    if size is not None:
        asked['video_size'] = f'{size[0]}x{size[1]}'
    rate = given.number('rate', 0.0, most=PLAUSIBLE_RATE)
    if rate:
        asked['framerate'] = f'{rate:g}'
    layout = given.word('format')
    if layout:
        asked['input_format'] = layout
    silence_s = given.number('timeout', SILENCE_S, most=60.0)
    given.finish()

    def connect() -> LiveMedia:
        return LiveMedia(lambda: _open_v4l2(path, where, asked), kernel_stamps=True)

    return LatestSource(connect, where, open_s=OPEN_S, silence_s=silence_s)


def _open_v4l2(path: str, where: str, asked: Mapping[str, str]) -> Media:
    if not Path(path).exists():
        found = ', '.join(str(device) for device in sorted(Path('/dev').glob('video*'))) or 'none'
        raise SourceError('there is no such device', where=where, remedy=f'check its cable; devices here: {found}')
    return Media(path, where, format='v4l2', options=asked, hardware=True)


def make_gstreamer(uri: str) -> LatestSource:
    """Make the source of a ``gst:`` URI: a pipeline, as it is, that ends in ``appsink`` and gives BGR.

    :raises SourceError: if this host's OpenCV has no GStreamer, or the pipeline does not end in ``appsink``.
    """
    pipeline, where = uri.partition(':')[2], uri
    if not re.search(r'\bappsink\b', pipeline):
        raise SourceError(
            'the pipeline does not end here',
            where=where,
            remedy='end it with "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"',
        )
    if not gstreamer_available():
        raise SourceError(
            "this host's OpenCV was built without GStreamer",
            where=where,
            remedy='use device: or rtsp:, or an OpenCV with GStreamer (the one of Debian, Ubuntu or JetPack has it)',
        )
    return LatestSource(lambda: _Pipeline(pipeline, where), where, open_s=OPEN_S, silence_s=SILENCE_S)


@cache
def gstreamer_available() -> bool:
    """Whether this host's OpenCV was built with GStreamer."""
    return bool(re.search(r'GStreamer:\s+YES', cv2.getBuildInformation()))


class _Pipeline:
    """A connection to a GStreamer pipeline."""

    def __init__(self, pipeline: str, where: str) -> None:
        self._pipeline = pipeline
        self._where = where
        self._capture = cv2.VideoCapture()

    def open(self) -> SourceInfo:
        if not self._capture.open(self._pipeline, cv2.CAP_GSTREAMER):
            raise SourceError(
                'the pipeline does not start', where=self._where, remedy='try it with gst-launch-1.0 and autovideosink'
            )
        width, height, rate = (
            self._capture.get(key) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)
        )
        rate = rate if 0.0 < rate <= PLAUSIBLE_RATE else 0.0
        return SourceInfo(int(width), int(height), rate, live=True, description='GStreamer pipeline')

    def read(self) -> Shot:
        good, image = self._capture.read()
        if not good:
            raise SourceLost('the pipeline ended', where=self._where)
        if image.ndim != 3 or image.shape[2] != 3:
            raise SourceLost(
                'the pipeline does not give BGR', where=self._where, remedy='put video/x-raw,format=BGR before appsink'
            )
        height, width = image.shape[:2]
        return Shot(width, height, partial(_copy, np.asarray(image, np.uint8)), monotonic_ns=clock.monotonic_ns())

    def close(self) -> None:
        self._capture.release()


def _copy(picture: NDArray[np.uint8], image: NDArray[np.uint8]) -> None:
    np.copyto(image, picture)
