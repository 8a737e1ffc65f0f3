"""Reading pictures and masks from files, and saying what is wrong with those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import SourceError


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture as ``uint8 (h, w, 3)`` bgr8, whatever it is stored as.

    :raises SourceError: if it is no picture.
    """
    return _read(path, cv2.IMREAD_COLOR)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask as it is stored: ``uint8 (h, w)`` or ``uint8 (h, w, 3)`` bgr.

    :raises SourceError: if it is no picture of 8 bits.
    """
    mask = _read(path, cv2.IMREAD_UNCHANGED)
    if mask.dtype != np.uint8:
        raise SourceError(f'the mask has {mask.dtype} values', where=str(path), remedy='store it with 8 bits')
    return np.ascontiguousarray(mask[:, :, :3]) if mask.ndim == 3 and mask.shape[2] == 4 else mask


def check_size(picture: NDArray[np.uint8], mask: NDArray[np.uint8], path: Path) -> None:
    """Refuse a mask that is not as large as its picture.

    :raises SourceError: naming the mask.
    """
    if mask.shape[:2] != picture.shape[:2]:
        raise SourceError(
            f'the mask is {mask.shape[1]}x{mask.shape[0]}, its picture {picture.shape[1]}x{picture.shape[0]}',
            where=str(path),
            remedy='masks must be as large as their pictures: export it again, scaled without interpolation',
        )


def _read(path: Path, how: int) -> NDArray[np.uint8]:
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise SourceError(f'it cannot be read ({error.strerror})', where=str(path)) from error
    image = cv2.imdecode(content, how) if len(content) else None
    if image is None:
        raise SourceError(
            'this is no picture', where=str(path), remedy='replace the file, or take it out of the folder'
        )
    return np.asarray(image)
