"""Finds out what a folder holds, and opens it."""

from __future__ import annotations

from pathlib import Path

from surgical_guidance.errors import SourceError
from surgical_guidance.evaluation.datasets.binary_masks import MASKS, PICTURES, open_binary_masks, picture_folder
from surgical_guidance.evaluation.datasets.cholecseg8k import PICTURE, open_cholecseg8k
from surgical_guidance.evaluation.datasets.phantom_clips import TRUTH, open_phantom_clips
from surgical_guidance.evaluation.datasets.videos import open_videos, videos_of
from surgical_guidance.evaluation.example import Dataset

_KNOWN = (
    'a clip of "phantom render" with its truth (*.mp4 and *.jsonl), CholecSeg8k-style pictures (*_endo.png with '
    '*_endo_watershed_mask.png or *_endo_color_mask.png), images/ or grayscale/ with masks/ of the same names, or '
    'videos'
)


def open_folder(root: Path) -> Dataset:
    """Open a folder as the one kind of data it holds.

    :raises SourceError: if it holds none or several, or what it holds is not whole: which file, and what to do.
    """
    if not root.exists():
        raise SourceError('there is no such folder', where=str(root), remedy=f'name a folder with {_KNOWN}')
    if not root.is_dir():
        raise SourceError('this is no folder', where=str(root), remedy=f'name the folder it lies in: {root.parent}')
    pictures, masks = picture_folder(root), root / MASKS
    found = {
        'a phantom clip with truth': any(root.glob(f'*{TRUTH}')),
        'CholecSeg8k-style pictures': next(root.rglob(f'*{PICTURE}'), None) is not None,
        'pictures with binary masks': pictures is not None and masks.is_dir(),
        'videos without truth': bool(videos_of(root)) and not any(root.glob(f'*{TRUTH}')),
    }
    kinds = [kind for kind, there in found.items() if there]
    if len(kinds) > 1:
        raise SourceError(
            f'this folder holds more than one kind of data ({", ".join(kinds)})',
            where=str(root),
            remedy='put each kind into a folder of its own',
        )
    if not kinds:
        _explain_halves(root, pictures, masks)
        what = 'the folder is empty' if not any(root.iterdir()) else 'nothing in this folder can be evaluated on'
        raise SourceError(what, where=str(root), remedy=f'it must hold {_KNOWN}')
    openers = (open_phantom_clips, open_cholecseg8k, open_binary_masks, open_videos)
    return openers[list(found).index(kinds[0])](root)


def _explain_halves(root: Path, pictures: Path | None, masks: Path) -> None:
    """Name the half that is missing, where the other one is there."""
    if masks.is_dir():
        raise SourceError(
            'there are masks and no pictures',
            where=str(root),
            remedy=f'put the pictures into {" or ".join(f"{name}/" for name in PICTURES)} beside masks/, same names',
        )
    if pictures is not None:
        raise SourceError(
            'there are pictures and no masks', where=str(pictures), remedy=f'put their masks into {masks}, same names'
        )
