"""The kinds of picture sources, by the scheme of their URI. ``docs/sources.md`` shows every form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from surgical_guidance.camera.device import make_device, make_gstreamer
from surgical_guidance.camera.file import make_file
from surgical_guidance.camera.stream import make_stream
from surgical_guidance.camera.topic import make_topic
from surgical_guidance.camera.uri import hide_password, scheme_of
from surgical_guidance.errors import SourceError
from surgical_guidance.frames import Source

Factory = Callable[[str], Source]
"""Makes the source that a whole URI names, not opened yet. Raises :class:`SourceError` if it cannot be understood."""


@dataclass(frozen=True, slots=True)
class _Kind:
    factory: Factory
    example: str
    live: bool


_kinds: dict[str, _Kind] = {}


def register(scheme: str, factory: Factory, *, example: str = '', live: bool = False) -> None:
    """Make a kind of source known, or replace it.

    :param example: a URI of this kind, for error messages.
    :param live: it goes on by itself and may come back after it was lost.
    """
    _kinds[scheme] = _Kind(factory, example or f'{scheme}:', live)


def examples() -> dict[str, str]:
    """Give an example URI for every scheme that is known."""
    return {scheme: kind.example for scheme, kind in _kinds.items()}


def make_source(uri: str) -> Source:
    """Make the source that a URI names; nothing is opened yet.

    :raises SourceError: if the URI cannot be understood, naming the schemes that there are.
    """
    return _find(uri).factory(uri)


def is_live(uri: str) -> bool:
    """Whether a URI names a source that goes on by itself and may come back after it was lost.

    :raises SourceError: as :func:`make_source`.
    """
    return _find(uri).live


def _find(uri: str) -> _Kind:
    scheme = scheme_of(uri)
    if scheme in _kinds:
        return _kinds[scheme]
    forms = f'write one of {", ".join(examples().values())}'
    if scheme:
        raise SourceError(f'sources of the kind {scheme}: are not known', where=hide_password(uri), remedy=forms)
    if uri and Path(uri).exists():
        forms = f'write {"device" if uri.startswith("/dev/") else "file"}:{uri}'
    raise SourceError('this is no source URI', where=uri or "''", remedy=forms)


register('file', make_file, example='file:clip.mp4?loop=1')
register('device', make_device, example='device:/dev/video0?size=1920x1080&rate=30', live=True)
register('gst', make_gstreamer, example='gst:v4l2src ! videoconvert ! appsink', live=True)
register('rtsp', make_stream, example='rtsp://host/stream', live=True)
register('srt', make_stream, example='srt://host:9000', live=True)
register('udp', make_stream, example='udp://@:5000', live=True)
register('topic', make_topic, example='topic:/camera/image_raw', live=True)
