"""The pictures that INT8 ranges are found from, and what such a set must hold before it may be used.

A set is a folder of folders, ``<kind>/<vendor>/*.png``: what disturbs the view, and whose camera took it. A network
whose ranges were found on clear pictures alone fails when it matters, in smoke and in blood; therefore every kind of
:data:`KINDS` must be there, often enough, from several makers, and no picture counts twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict

from surgical_guidance.engines.likeness import perceptual_hash, repeats
from surgical_guidance.errors import ModelError

KINDS = ('heavy_bleeding', 'smoke', 'lens_contamination', 'strong_specular', 'low_light')
"""The disturbances a set must hold. Other folders, such as ``clear``, are used too and not asked for."""

MIN_PICTURES = 200  # different ones, of each kind
MIN_VENDORS = 2  # of each kind
SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff')

Seen = Callable[[int, int], None]


class Kind(BaseModel):
    """What there is of one kind.

    :param pictures: files.
    :param distinct: without those that repeat an earlier one, of whichever kind.
    """

    model_config = ConfigDict(frozen=True)

    pictures: int = 0
    distinct: int = 0
    vendors: tuple[str, ...] = ()


class Audit(BaseModel):
    """What a set holds and lacks.

    :param sha256: of the files that count, names and contents.
    :param missing: what it lacks, each in words; nothing: it may be used.
    """

    model_config = ConfigDict(frozen=True)

    kinds: dict[str, Kind]
    repeated: int
    unreadable: tuple[str, ...]
    sha256: str
    missing: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Give it for a sidecar."""
        return self.model_dump(mode='json')


class CalibrationSet:
    """A set of pictures and its audit.

    :param root: the folder.
    :param audit: what it holds and lacks.
    :param pictures: the paths that count, in the order of their names.
    """

    def __init__(self, root: Path, audit: Audit, pictures: tuple[Path, ...]) -> None:
        self.root = root
        self.audit = audit
        self.pictures = pictures

    def spread(self, count: int) -> tuple[Path, ...]:
        """Give so many pictures, as many of each kind and of each vendor as can be, the same ones every time.

        :param count: at least 1.
        """
        shelves: dict[Path, list[Path]] = {}
        for path in self.pictures:
            shelves.setdefault(path.parent, []).append(path)
        chosen: list[Path] = []
        while len(chosen) < count and any(shelves.values()):
            chosen.extend(shelf.pop(0) for shelf in shelves.values() if shelf)
        return tuple(chosen[:count])

    def demand(self, override: str = '') -> None:
        """Refuse a set that lacks something.

        :param override: why it is used all the same; it stays in the sidecar.
        :raises ModelError: what is missing, by name.
        """
        if not self.pictures:
            raise ModelError(
                'there is not one picture in it',
                where=str(self.root),
                remedy='put them into <kind>/<vendor>/, or make a set: `surgical-guidance engine calibration-set`',
            )
        if self.audit.missing and not override:
            raise ModelError(
                f'the calibration set is not complete: {"; ".join(self.audit.missing)}',
                where=str(self.root),
                remedy='add such pictures, or use it all the same with --override REASON, which stays in the sidecar',
            )


def open_set(root: Path, seen: Seen = lambda _done, _all: None) -> CalibrationSet:
    """Read a set and audit it.

    :param seen: hears of pictures read and pictures in all.
    :raises ModelError: if there is no such folder.
    """
    if not root.is_dir():
        raise ModelError('there is no such folder', where=str(root), remedy='give the folder of a calibration set')
    files = sorted(path for path in root.glob('*/*/*') if path.suffix.lower() in SUFFIXES)
    readable, hashes, unreadable = [], [], []
    digest = hashlib.sha256()
    contents = []
    for number, path in enumerate(files):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            unreadable.append(str(path.relative_to(root)))
        else:
            readable.append(path)
            hashes.append(perceptual_hash(np.asarray(image, np.uint8)))
            contents.append(hashlib.sha256(path.read_bytes()).digest())
        seen(number + 1, len(files))
    first = repeats(hashes)
    counting = [path for path, repeated in zip(readable, first, strict=True) if repeated is None]
    for path, content, repeated in zip(readable, contents, first, strict=True):
        if repeated is None:
            digest.update(str(path.relative_to(root)).encode() + content)
    kinds = _kinds(root, readable, counting)
    audit = Audit(
        kinds=kinds,
        repeated=len(readable) - len(counting),
        unreadable=tuple(unreadable),
        sha256=digest.hexdigest(),
        missing=tuple(_missing(kinds)),
    )
    return CalibrationSet(root, audit, tuple(counting))


def _kinds(root: Path, readable: list[Path], counting: list[Path]) -> dict[str, Kind]:
    names = dict.fromkeys((*KINDS, *(path.relative_to(root).parts[0] for path in readable)))
    return {
        name: Kind(
            pictures=sum(path.relative_to(root).parts[0] == name for path in readable),
            distinct=sum(path.relative_to(root).parts[0] == name for path in counting),
            vendors=tuple(
                sorted(
                    {path.relative_to(root).parts[1] for path in counting if path.relative_to(root).parts[0] == name}
                )
            ),
        )
        for name in names
    }


def _missing(kinds: dict[str, Kind]) -> list[str]:
    missing = []
    for name in KINDS:
        kind = kinds[name]
        if kind.distinct < MIN_PICTURES:
            missing.append(f'{name} has {kind.distinct} different pictures of {MIN_PICTURES}')
        if kind.distinct and len(kind.vendors) < MIN_VENDORS:
            missing.append(f'{name} has one vendor only ({kind.vendors[0]})')
    return missing
