"""Network streams: RTSP, SRT, and MPEG-TS over UDP, with as little delay as FFmpeg can be talked into."""

from __future__ import annotations

from urllib.parse import urlsplit

from surgical_guidance.camera.latest import LatestSource
from surgical_guidance.camera.live import LiveMedia
from surgical_guidance.camera.media import Media
from surgical_guidance.camera.uri import split
from surgical_guidance.errors import SourceError

OPEN_S = 5.0
"""Longest wait for a stream: the next key picture must come in it [s]."""
SILENCE_S = 1.0
"""A stream that gives no picture for this long is lost [s]."""
MOST_S = 60.0

_LOW_DELAY = {
    'fflags': 'nobuffer',  # what was read to find out what it is is not kept back
    'probesize': '262144',  # bytes to find out what it is: a key picture and the tables of MPEG-TS
    'analyzeduration': '500000',  # the same, in microseconds of the stream
    'max_delay': '100000',  # wait this long for a packet that was overtaken [us]
}


def make_stream(uri: str) -> LatestSource:
    """Make the source of an ``rtsp:``, ``srt:`` or ``udp:`` URI: ``#timeout=S``, ``#transport=tcp|udp`` (RTSP).

    What stands before the ``#`` goes to FFmpeg as it is, with the query that servers and protocols have.

    :raises SourceError: if it cannot be understood.
    """
    _, given = split(uri, '#')
    url, where = uri.partition('#')[0], given.where
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise SourceError(f'there is no such port ({error})', where=where) from error
    if not parts.netloc or (parts.scheme != 'rtsp' and port is None):
        raise SourceError('host and port are missing', where=where, remedy=f'write {parts.scheme}://host:port')
    silence_s = given.number('timeout', SILENCE_S, most=MOST_S)
    protocol = dict(_LOW_DELAY)
    if parts.scheme == 'rtsp':
        protocol['rtsp_transport'] = given.choice('transport', 'tcp', ('tcp', 'udp'))
        protocol['reorder_queue_size'] = '0'
    if parts.scheme == 'udp':
        protocol['overrun_nonfatal'] = '1'  # a full buffer costs packets, and not the stream
    given.finish()

    def connect() -> LiveMedia:
        container = None if parts.scheme == 'rtsp' else 'mpegts'  # what SRT and UDP carry: nothing to guess
        return LiveMedia(
            lambda: Media(url, where, format=container, options=protocol, timeouts=(OPEN_S, silence_s), hardware=True)
        )

    return LatestSource(connect, where, open_s=OPEN_S, silence_s=silence_s)
