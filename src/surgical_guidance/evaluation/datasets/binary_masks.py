"""Folders of pictures with binary masks of the same names: instrument against everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import SourceError
from surgical_guidance.evaluation.datasets.images import check_size, read_mask, read_picture
from surgical_guidance.evaluation.example import Dataset, Example, Origin, every_one

MASKS = 'masks'
PICTURES = ('images', 'grayscale')
"""Names of the folder of pictures; where both are there the first is taken."""

SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff')
_HALF = 128  # a mask saved as JPEG has greys between 0 and 255; above the middle counts as instrument


@dataclass(frozen=True, slots=True)
class BinaryFolder:
    """Pictures with masks; a :class:`surgical_guidance.evaluation.example.Take`."""

    name: str
    pairs: tuple[tuple[Path, Path], ...]
    rate: float = 0.0

    @property
    def frames(self) -> int:
        """Number of pictures."""
        return len(self.pairs)

    def examples(self, wanted: Callable[[int], bool] = every_one) -> Iterator[Example]:
        """Read pictures and masks."""
        for index in filter(wanted, range(len(self.pairs))):
            picture, path = self.pairs[index]
            image, mask = read_picture(picture), read_mask(path)
            check_size(image, mask, path)
            yield Example(index, picture.name, image, instrument=instrument_of(mask, path))


def picture_folder(root: Path) -> Path | None:
    """Find the folder of pictures that stands beside ``masks``; None where there is none."""
    return next((root / name for name in PICTURES if (root / name).is_dir()), None)


def open_binary_masks(root: Path) -> Dataset:
    """Open ``images/`` (or ``grayscale/``) and ``masks/`` of a folder.

    :raises SourceError: if there is nothing in it, or a picture has no mask, or a mask no picture.
    """
    folder = picture_folder(root)
    assert folder is not None  # noqa: S101  (found by recognise)
    pictures, masks = _by_stem(folder), _by_stem(root / MASKS)
    if not pictures:
        raise SourceError(
            'there is no picture in it', where=str(folder), remedy=f'put files {", ".join(SUFFIXES)} there'
        )
    for stem, found, others in (
        *((stem, path, root / MASKS) for stem, path in pictures.items() if stem not in masks),
        *((stem, path, folder) for stem, path in masks.items() if stem not in pictures),
    ):
        what = 'picture has no mask' if others.name == MASKS else 'mask has no picture'
        raise SourceError(f'this {what}', where=str(found), remedy=f'put {stem}.png into {others}, or take it away')
    pairs = tuple((pictures[stem], masks[stem]) for stem in sorted(pictures))
    grey = folder.name == 'grayscale'
    return Dataset(
        'pictures with binary instrument masks',
        str(root),
        Origin.REAL,
        (BinaryFolder(root.name, pairs),),
        remarks=(
            'Instrument against everything else: which instrument a model takes it for does not matter.',
            *(('The pictures are grey; the models are trained on colour.',) if grey else ()),
        ),
    )


def instrument_of(mask: NDArray[np.uint8], path: Path) -> NDArray[np.bool_]:
    """Turn a mask, 0 and 1 or 0 and 255, into where the instrument is.

    :raises SourceError: if it is no binary mask.
    """
    grey = mask if mask.ndim == 2 else mask.max(axis=2)
    highest = int(grey.max())
    if highest <= 1:
        return np.asarray(grey == 1)
    between = ((grey > 16) & (grey < 239)).mean()
    if between > 0.05 or highest < _HALF:
        raise SourceError(
            'this is no binary mask: it has more than two grey values',
            where=str(path),
            remedy='use 0 for the rest and 255 (or 1) for the instrument',
        )
    return np.asarray(grey >= _HALF)


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in found:
            raise SourceError(f'{found[path.stem].name} has the same name', where=str(path), remedy='take one away')
        found[path.stem] = path
    return found
