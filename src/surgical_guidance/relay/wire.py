"""The form of what goes to a page: ``docs/console.md``, "The socket".

Text messages are one JSON object with an ``op``. A picture is binary: the length of a JSON header (4 bytes, little
endian), the header, the JPEG.
"""

from __future__ import annotations

import struct

import orjson

from surgical_guidance.clock import NS_PER_MS
from surgical_guidance.relay.facts import Json
from surgical_guidance.relay.pairing import Pair

PROTOCOL = 1
_LENGTH = struct.Struct('<I')


def text(op: str, content: Json) -> str:
    """Write a text message. A number that is not finite is null."""
    return orjson.dumps({'op': op, **content}).decode()


def overlay(content: Json) -> str:
    """Write what is drawn over one frame of the video."""
    return text('overlay', content)


def picture(pair: Pair) -> bytes:
    """Write a picture with the outlines of the very frame."""
    shot = pair.picture
    header = text(
        'picture',
        {
            'sequence': shot.sequence,
            'captured_ms': round(shot.monotonic_ns / NS_PER_MS, 3),
            'width': shot.width,
            'height': shot.height,
            'scene': pair.scene.json if pair.scene else None,
            'path': list(pair.path),
            'arrow': list(pair.arrow),
        },
    ).encode()
    return b''.join((_LENGTH.pack(len(header)), header, shot.jpeg))
