"""Which encoder to use: one in hardware if it is there and really works, else libx264.

That FFmpeg knows an encoder says nothing: the wheels know NVENC on machines without a card. So each is made to encode a
few pictures, and what comes out must decode. How large pictures may be follows from it: x264 takes 60 % of a core of
2020 for 1920x1080 at 30 Hz, 30 % for 1280x720 and 20 % for 960x540, and the operating room goes first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import av
import numpy as np

from surgical_guidance.errors import HostError
from surgical_guidance.relay.video.encoder import OPTIONS, Encoder
from surgical_guidance.relay.video.ladder import Rung
from surgical_guidance.relay.video.settings import AUTO

SOFTWARE = 'libx264'
HARDWARE = tuple(codec for codec in OPTIONS if codec != SOFTWARE)
TRIED = 4  # pictures
HEIGHT = 1080  # [px]
SOFTWARE_HEIGHTS = ((2, 540), (4, 720))
"""With so many cores or fewer, libx264 makes pictures no higher than this [px]."""

_PROBE = Rung(0, 640, 360, 1_000_000)


@dataclass(frozen=True, slots=True)
class Choice:
    """An encoder, and why the others were not taken: a line for the log."""

    codec: str
    why: str = ''


def choose(wanted: str = AUTO) -> Choice:
    """Find an encoder that works.

    :param wanted: ``auto``, or one by name.
    :raises HostError: if none works.
    """
    refused = []
    for codec in (*HARDWARE, SOFTWARE) if wanted == AUTO else (wanted,):
        try:
            _try(codec)
        except HostError as error:
            refused.append(f'{codec}: {error.what}')
        else:
            return Choice(codec, '; '.join(refused))
    raise HostError('no H.264 encoder works here', where='; '.join(refused), remedy='is PyAV installed whole?')


def height(codec: str, cores: int | None = None) -> int:
    """Give how high pictures may be where nobody has said [px].

    :param cores: of this host; None: as many as this process may use.
    """
    if codec != SOFTWARE:
        return HEIGHT
    count = len(os.sched_getaffinity(0)) if cores is None else cores
    return next((limit for most, limit in SOFTWARE_HEIGHTS if count <= most), HEIGHT)


def _try(codec: str) -> None:
    """Encode a few pictures and decode them.

    :raises HostError: if that does not come to anything.
    """
    encoder = Encoder(codec, _PROBE)
    decoder = av.CodecContext.create('h264', 'r')
    i420 = np.full((_PROBE.height * 3 // 2, _PROBE.width), 128, np.uint8)
    got, decoded = 0, 0
    try:
        for number in range(TRIED):
            i420[: _PROBE.height] = 40 * number
            unit, _ = encoder.encode(i420, (number + 1) * 33_000_000, key=number == 0)
            got += bool(unit)
            if unit:
                decoded += len(decoder.decode(av.Packet(unit)))
        decoded += len(decoder.decode(None))
    except av.FFmpegError as error:
        raise HostError(f'what it encodes does not decode ({error})', where=codec) from error
    if got < TRIED - 1 or decoded < TRIED - 1:
        raise HostError(f'{decoded} of {TRIED} pictures came out', where=codec)
