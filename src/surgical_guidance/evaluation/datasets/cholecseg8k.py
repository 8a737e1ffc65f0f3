"""Folders in the form of CholecSeg8k (Hong et al., 2020): pictures ``*_endo.png`` with a mask beside each.

``*_endo_watershed_mask.png`` holds a grey value for each class, ``*_endo_color_mask.png`` a colour; the first is taken
where both are there. ``*_endo_mask.png``, the annotation before watershed filled it, leaves most of a frame open and
is not used. Grey 0 and 255 (in the colour mask white) are unlabelled pixels: the rim of every mask, and holes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import SourceError
from surgical_guidance.evaluation.datasets.images import check_size, read_mask, read_picture
from surgical_guidance.evaluation.example import Dataset, Example, Origin, every_one
from surgical_guidance.evaluation.metrics.overlap import VOID

PICTURE = '_endo.png'
WATERSHED = '_endo_watershed_mask.png'
COLOUR = '_endo_color_mask.png'

GREYS: dict[int, str] = {
    50: 'background', 11: 'abdominal_wall', 21: 'liver', 13: 'gastrointestinal_tract', 12: 'fat', 31: 'grasper',
    23: 'connective_tissue', 24: 'blood', 25: 'cystic_duct', 32: 'l_hook_electrocautery', 22: 'gallbladder',
    33: 'hepatic_vein', 5: 'liver_ligament',
}  # fmt: skip
"""Grey value of the watershed mask -> class of the contract."""

COLOURS: dict[tuple[int, int, int], str] = {
    (127, 127, 127): 'background', (210, 140, 140): 'abdominal_wall', (255, 114, 114): 'liver',
    (231, 70, 156): 'gastrointestinal_tract', (186, 183, 75): 'fat', (170, 255, 0): 'grasper',
    (255, 85, 0): 'connective_tissue', (255, 0, 0): 'blood', (255, 255, 0): 'cystic_duct',
    (169, 255, 184): 'l_hook_electrocautery', (255, 160, 165): 'gallbladder', (0, 50, 128): 'hepatic_vein',
    (111, 74, 0): 'liver_ligament',
}  # fmt: skip
"""Red, green and blue of the colour mask -> class of the contract."""

_UNLABELLED_GREYS = (0, 255)
_UNLABELLED_COLOUR = (255, 255, 255)
_NO_CLASS = 254
_STRAY = 0.01  # share of a mask that may be values of no class; they are left out as unlabelled. More is another format


@dataclass(frozen=True, slots=True)
class MaskFolder:
    """Labelled pictures of one folder; a :class:`surgical_guidance.evaluation.example.Take`."""

    name: str
    pairs: tuple[tuple[Path, Path], ...]
    rate: float = 0.0  # the frames of a folder follow each other, but nothing in it says how fast

    @property
    def frames(self) -> int:
        """Number of pictures."""
        return len(self.pairs)

    def examples(self, wanted: Callable[[int], bool] = every_one) -> Iterator[Example]:
        """Read pictures and masks."""
        for index in filter(wanted, range(len(self.pairs))):
            picture, mask = self.pairs[index]
            image = read_picture(picture)
            raw = read_mask(mask)
            check_size(image, raw, mask)
            yield Example(index, picture.name, image, labels=labels_of(raw, mask))


def open_cholecseg8k(root: Path) -> Dataset:
    """Open a folder with such pictures, anywhere below it; every folder that holds some is a take.

    :raises SourceError: if a picture has no mask, or a mask no picture.
    """
    folders: dict[Path, list[tuple[Path, Path]]] = defaultdict(list)
    pictures = sorted(root.rglob(f'*{PICTURE}'), key=_by_number)
    for picture in pictures:
        stem = picture.name.removesuffix(PICTURE)
        masks = [picture.with_name(stem + suffix) for suffix in (WATERSHED, COLOUR)]
        mask = next((mask for mask in masks if mask.is_file()), None)
        if mask is None:
            raise SourceError(
                'this picture has no mask',
                where=str(picture),
                remedy=f'put {masks[0].name} or {masks[1].name} beside it',
            )
        folders[picture.parent].append((picture, mask))
    for mask in (*root.rglob(f'*{WATERSHED}'), *root.rglob(f'*{COLOUR}')):
        stem = mask.name.removesuffix(WATERSHED).removesuffix(COLOUR)
        if not mask.with_name(stem + PICTURE).is_file():
            raise SourceError(
                'this mask has no picture', where=str(mask), remedy=f'put {stem + PICTURE} beside it, or take it away'
            )
    takes = tuple(
        MaskFolder(str(folder.relative_to(root)) if folder != root else root.name, tuple(pairs))
        for folder, pairs in folders.items()
    )
    return Dataset(
        'CholecSeg8k-style folder',
        str(root),
        Origin.REAL,
        takes,
        remarks=(
            'Its classes lack the cystic artery, the clipper and the suction: what is found as one of them is wrong.',
        ),
    )


def labels_of(mask: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    """Turn a watershed or colour mask into indices of the contract's classes.

    :param path: of the mask; its name tells which of the two it is.
    :raises SourceError: if more than a hundredth of it is of no class.
    """
    if not path.name.endswith(COLOUR):
        labels = _by_grey()[mask if mask.ndim == 2 else mask[:, :, 0]]
    else:
        bgr = (mask if mask.ndim == 3 else np.dstack([mask] * 3)).astype(np.uint32)
        codes, where = np.unique(bgr[:, :, 2] << 16 | bgr[:, :, 1] << 8 | bgr[:, :, 0], return_inverse=True)
        table = {red << 16 | green << 8 | blue: CLASSES.index(name) for (red, green, blue), name in COLOURS.items()}
        table[_UNLABELLED_COLOUR[0] << 16 | _UNLABELLED_COLOUR[1] << 8 | _UNLABELLED_COLOUR[2]] = VOID
        labels = np.array([table.get(int(code), _NO_CLASS) for code in codes], np.uint8)[where.reshape(mask.shape[:2])]
    stray = labels == _NO_CLASS
    if stray.mean() > _STRAY:
        raise SourceError(
            f'{stray.mean():.0%} of this mask is of no class of CholecSeg8k',
            where=str(path),
            remedy='use the watershed grey values or the colours of the data set (docs/evaluation.md lists them)',
        )
    labels[stray] = VOID
    return labels


def _by_grey() -> NDArray[np.uint8]:
    table = np.full(256, _NO_CLASS, np.uint8)
    for grey, name in GREYS.items():
        table[grey] = CLASSES.index(name)
    table[list(_UNLABELLED_GREYS)] = VOID
    return table


def _by_number(path: Path) -> tuple[str, int, str]:
    """Sort ``frame_9`` before ``frame_10``."""
    digits = ''.join(filter(str.isdigit, path.name))
    return str(path.parent), int(digits) if digits else 0, path.name
