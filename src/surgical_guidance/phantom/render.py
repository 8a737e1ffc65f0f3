"""Writes a take to disk: an H.264 clip, and its truth as one line of JSON a frame."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np

from surgical_guidance.errors import SourceError
from surgical_guidance.phantom.take import Take

Tell = Callable[[int, int], None]
"""Hears of frames done and frames in all."""

_ENCODER = {'preset': 'veryfast', 'crf': '18'}  # visually close to the drawing; a minute of 1080p takes about 60 MB
_KEY_FRAMES = 30  # a picture to start from every second


def write(take: Take, clip: Path, truth: Path | None = None, tell: Tell = lambda _done, _all: None) -> None:
    """Render all of a take. Both files appear whole or not at all.

    The clip says nothing of its matrix: it is BT.601, limited range, as the project reads clips that do not say.

    :param clip: an MP4 file.
    :param truth: a JSON-lines file of :class:`surgical_guidance.phantom.truth.FrameTruth`; None: not wanted.
    :raises SourceError: if the size cannot be encoded, or a file cannot be written.
    """
    if take.width % 2 or take.height % 2:
        raise SourceError(f'H.264 needs even sides, not {take.width}x{take.height}', remedy='add a pixel')
    try:
        with _whole(clip) as clip_file:
            if truth is None:
                _clip(take, clip_file, tell)
            else:
                with _whole(truth) as truth_file:
                    _clip(take, clip_file, tell, truth_file)
    except (OSError, av.FFmpegError) as error:
        raise SourceError(
            f'it cannot be written ({getattr(error, "strerror", None) or error})',
            where=str(clip),
            remedy='check folder, rights and room on the disk',
        ) from error


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a new file beside a path that takes its place at the end, and vanishes if something goes wrong."""
    handle, name = tempfile.mkstemp(dir=path.resolve().parent, prefix=f'.{path.stem}-', suffix=path.suffix)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _clip(take: Take, clip: Path, tell: Tell, truth: Path | None = None) -> None:
    image = np.empty((take.height, take.width, 3), np.uint8)
    lines: list[str] = []
    with av.open(str(clip), 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=round(take.rate), options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = take.width, take.height, 'yuv420p'
        stream.codec_context.gop_size = _KEY_FRAMES
        for index in range(take.frames):
            take.render(index, image)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='bgr24')))
            if truth is not None:
                lines.append(take.truth(index).to_json() + '\n')
            tell(index + 1, take.frames)
        container.mux(stream.encode())
    if truth is not None:
        truth.write_text(''.join(lines), encoding='utf-8')
