"""Videos without truth: nothing can be measured on them, but what the models make of them can be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgical_guidance.camera.file import FileSource
from surgical_guidance.evaluation.example import Dataset, Example, Origin, every_one

SUFFIXES = ('.mp4', '.avi', '.mkv', '.mov', '.webm', '.mpg')


@dataclass(frozen=True, slots=True)
class VideoTake:
    """The frames of a video; a :class:`surgical_guidance.evaluation.example.Take`.

    :param frames: by the file's own account of its length is not trusted: 0.
    """

    name: str
    path: Path
    rate: float
    frames: int = 0

    def examples(self, wanted: Callable[[int], bool] = every_one) -> Iterator[Example]:
        """Decode the frames. Those that are not wanted are decoded and not converted.

        :raises SourceError: if it cannot be decoded.
        """
        source = FileSource(self.path, pace=False, hardware=False)
        source.open()
        index = 0
        try:
            while (picture := source.read()) is not None:
                if wanted(index):
                    image = np.empty((picture.height, picture.width, 3), np.uint8)
                    picture.draw(image)
                    yield Example(index, str(index), image)
                index += 1
        finally:
            source.close()


def videos_of(folder: Path) -> list[Path]:
    """Name the videos in a folder."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in SUFFIXES)


def open_video(path: Path) -> VideoTake:
    """Open a video.

    :raises SourceError: if it is none.
    """
    source = FileSource(path, hardware=False)
    try:
        rate = source.open().rate
    finally:
        source.close()
    return VideoTake(path.name, path, rate)


def open_videos(root: Path) -> Dataset:
    """Open all videos of a folder.

    :raises SourceError: if one of them is none.
    """
    return Dataset(
        'videos without truth',
        str(root),
        Origin.REAL,
        tuple(open_video(path) for path in videos_of(root)),
        remarks=(
            'There is no truth beside these videos: nothing is measured, the pictures are for looking.',
            'They are taken to be real recordings; nothing beside them says otherwise.',
        ),
    )
