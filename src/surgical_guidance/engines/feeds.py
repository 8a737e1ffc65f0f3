"""From pictures to what a network takes, by the same preprocessing as in live work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.preprocess import Preprocessor

Feed = dict[str, NDArray[Any]]


class Feeder:
    """Makes the inputs of a network from one picture at a time; what it remembers is 0, as at the start.

    :param manifest: tells the picture's input.
    :param network: tells the others.
    """

    def __init__(self, manifest: Manifest, network: onnx.ModelProto) -> None:
        spec = manifest.input
        self._feed: Feed = {
            value.name: np.zeros(_shape(value), helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
            for value in network.graph.input
            if value.name != spec.name
        }
        self._picture = np.zeros(spec.shape, spec.dtype)
        self._feed[spec.name] = self._picture
        self._prepare = Preprocessor(spec, self._picture)

    def __call__(self, image: NDArray[np.uint8]) -> Feed:
        """Give the inputs for a picture, ``uint8 (h, w, 3)`` bgr8; the memory is the same at every call."""
        self._prepare(image)
        return self._feed


class PictureReader:
    """Reads pictures for a calibration, in parts: what ONNX Runtime calls a data reader with a range.

    :param feeder: makes the inputs.
    :param pictures: paths.
    :param seen: hears of pictures done and in all.
    """

    def __init__(self, feeder: Feeder, pictures: Sequence[Path], seen: Any) -> None:
        self._feeder, self._pictures, self._seen = feeder, pictures, seen
        self._next = iter(range(len(pictures)))

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[Feed]:
        return self

    def __next__(self) -> Feed:
        feed = self.get_next()
        if feed is None:
            raise StopIteration
        return feed

    def set_range(self, start_index: int, end_index: int) -> None:
        """Go on with these pictures."""
        self._next = iter(range(start_index, end_index))

    def get_next(self) -> Feed | None:
        """Give the inputs for the next picture; None at the end of the range."""
        index = next(self._next, None)
        if index is None:
            return None
        path = self._pictures[index]
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise ModelError('the picture cannot be read', where=str(path), remedy='remove it')
        self._seen(index + 1, len(self._pictures))
        return {name: value.copy() for name, value in self._feeder(np.asarray(image, np.uint8)).items()}


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    return [side.dim_value or 1 for side in value.type.tensor_type.shape.dim]
