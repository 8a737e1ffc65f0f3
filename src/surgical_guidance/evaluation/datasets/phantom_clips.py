"""Clips that ``phantom render`` wrote, each with its truth: a video and one line of JSON a frame.

The lines do not hold the label images. Those are made again from scenario, patient, camera and frame, which works as
long as the phantom is the same: the first line of every clip is compared with what is rendered now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from surgical_guidance.errors import SourceError
from surgical_guidance.evaluation.datasets.phantom_takes import example_of
from surgical_guidance.evaluation.datasets.videos import VideoTake, open_video, videos_of
from surgical_guidance.evaluation.example import Dataset, Example, Origin, every_one
from surgical_guidance.phantom.scenarios import RATE
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import EVENTS, FrameTruth

TRUTH = '.jsonl'

_AGAIN = 'render clip and truth again with "surgical-guidance phantom render"'


@dataclass(frozen=True, slots=True)
class ClipTake:
    """A clip with its truth; see :class:`surgical_guidance.evaluation.example.Take`."""

    video: VideoTake
    truth: Path
    frames: int
    rate: float = RATE

    @property
    def name(self) -> str:
        """The video's name."""
        return self.video.name

    def examples(self, wanted: Callable[[int], bool] = every_one) -> Iterator[Example]:
        """Decode frames and make their label images again."""
        lines = read_truth(self.truth)
        first = lines[0]
        try:
            take = _take_of(first)
        except SourceError as error:
            raise SourceError(
                f'this phantom cannot play it ({error.what})', where=str(self.truth), remedy=_AGAIN
            ) from error
        if not 0 <= first.index < take.frames or take.truth(first.index) != first:
            raise SourceError('it was rendered by another version of the phantom', where=str(self.truth), remedy=_AGAIN)
        count = 0
        going: frozenset[str] = frozenset()
        for example in self.video.examples():
            if example.index >= len(lines):
                raise self._lengths(f'more than {len(lines)}', len(lines))
            count += 1
            line = lines[example.index]
            going = frozenset(line.events.active(going))
            if not wanted(example.index):
                continue
            if example.image.shape[:2] != (line.height, line.width):
                size = f'{example.image.shape[1]}x{example.image.shape[0]}'
                raise SourceError(
                    f'the video is {size}, its truth {line.width}x{line.height}',
                    where=str(self.video.path),
                    remedy=_AGAIN,
                )
            yield example_of(line, example.image, take.labels(line.index), going)
        if count != len(lines):
            raise self._lengths(str(count), len(lines))

    def _lengths(self, frames: str, lines: int) -> SourceError:
        return SourceError(
            f'the video has {frames} frames, its truth {lines} lines', where=str(self.video.path), remedy=_AGAIN
        )


def open_phantom_clips(root: Path) -> Dataset:
    """Open all clips of a folder: a video and a truth of the same name, or one of each.

    :raises SourceError: if one has no partner, or is none.
    """
    truths, videos = sorted(root.glob(f'*{TRUTH}')), videos_of(root)
    if len(truths) == 1 and len(videos) == 1:
        pairs = [(videos[0], truths[0])]
    else:
        by_stem = {path.stem: path for path in videos}
        for truth in truths:
            if truth.stem not in by_stem:
                raise SourceError(
                    'there is no video to this truth',
                    where=str(truth),
                    remedy=f'put {truth.stem}.mp4 beside it, or take it away',
                )
        alone = [video for video in videos if video.stem not in {truth.stem for truth in truths}]
        if alone:
            raise SourceError(
                'there is no truth to this video', where=str(alone[0]), remedy=f'put {alone[0].stem}{TRUTH} beside it'
            )
        pairs = [(by_stem[truth.stem], truth) for truth in truths]
    takes = tuple(ClipTake(open_video(video), truth, len(read_truth(truth))) for video, truth in pairs)
    return Dataset('phantom, rendered clips', str(root), Origin.PHANTOM, takes, EVENTS)


def _take_of(truth: FrameTruth) -> Take:
    """Give the take that a frame is of, as the same eye sees it."""
    size, baseline_mm = (truth.width, truth.height), truth.camera.baseline_mm
    if not baseline_mm:
        return Take(truth.scenario, truth.seed, *size, truth.vendor)
    return Take(truth.scenario, truth.seed, *size, truth.vendor, eye='right', baseline_mm=baseline_mm)


def read_truth(path: Path) -> list[FrameTruth]:
    """Read a file of truth.

    :raises SourceError: naming the line that is none.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f'the truth cannot be read ({error})', where=str(path), remedy=_AGAIN) from error
    if not lines:
        raise SourceError('the truth is empty', where=str(path), remedy=_AGAIN)
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(FrameTruth.from_json(line))
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError('this is no truth of a frame', where=f'{path}:{number}', remedy=_AGAIN) from error
    return found
