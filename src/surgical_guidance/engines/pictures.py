"""The pictures that an engine is verified on: a folder of any kind that is known, or the phantom."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from surgical_guidance.engines.calibration_set import KINDS, open_set
from surgical_guidance.evaluation.datasets.phantom_takes import open_phantom
from surgical_guidance.evaluation.datasets.recognise import open_folder
from surgical_guidance.evaluation.example import Dataset, Example

SCENARIO, SEEDS, VENDORS, SIZE = 'operation', '9001', 'held-out', '640x360'
"""The phantom's pictures where no others are given: a patient and cameras that no model was trained on."""


def from_folder(root: Path, count: int) -> Iterator[Example]:
    """Give pictures of a folder, spread over it: a calibration set, or whatever ``evaluate --data`` takes."""
    if root.is_dir() and any((root / kind).is_dir() for kind in KINDS):
        for number, path in enumerate(open_set(root).spread(count)):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            yield Example(number, path.name, np.asarray(image, np.uint8))
        return
    yield from _spread(open_folder(root), count)


def from_phantom(count: int) -> Iterator[Example]:
    """Render pictures with their truth."""
    return _spread(open_phantom(SCENARIO, SEEDS, VENDORS, SIZE), count)


def _spread(dataset: Dataset, count: int) -> Iterator[Example]:
    """Give about as many from each take, and those evenly from its beginning to its end."""
    each = -(-count // len(dataset.takes))
    left = count
    for take in dataset.takes:
        stride = max(1, take.frames // each)
        taken = 0
        for example in islice(take.examples(lambda index, stride=stride: index % stride == 0), min(each, left)):  # type: ignore[misc]
            taken += 1
            yield example
        left -= taken
