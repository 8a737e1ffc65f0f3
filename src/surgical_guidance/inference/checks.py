"""Whether a picture shows anything, and whether what a network gives can be believed; the same for every task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest

_FLAT = 12  # grey values; a picture whose values all lie so close together shows nothing
_SAMPLES = 48  # pixels of a side that tell whether a picture changed
_COMPARED = 1 << 18  # bytes of an output that are compared; of a larger one, bytes spread over it


class PictureCheck:
    """Looks at a few pixels of every frame.

    ``flat``: the picture is the same everywhere, such as black. ``moved``: it is another one than last time.
    """

    def __init__(self) -> None:
        self.flat = False
        self.moved = True
        self._last = np.zeros((0, 0), np.uint8)

    def look(self, image: NDArray[np.uint8]) -> None:
        """Look at a picture, ``uint8 (h, w)`` or ``(h, w, 3)``; of colours, wherever they are, the first is enough."""
        plane = image if image.ndim == 2 else image[:, :, 0]
        rows, columns = plane.shape
        sample = plane[:: max(1, rows // _SAMPLES), :: max(1, columns // _SAMPLES)]
        if sample.shape != self._last.shape:
            self._last = np.zeros(sample.shape, np.uint8)
            self.moved = True
        else:
            self.moved = not np.array_equal(sample, self._last)
        np.copyto(self._last, sample)
        self.flat = int(sample.max()) - int(sample.min()) < _FLAT


class OutputCheck:
    """Looks for what no output may be: of another shape than the engine promised, not a number, the same for ever.

    :param manifest: says which outputs are read, and how often the same result in a row is too often.
    :param engine: whose outputs they are.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        names = [name for name in (*manifest.outputs.values(), *manifest.memory.values()) if name in engine.outputs]
        self._tensors = [engine.outputs[name] for name in dict.fromkeys(names)]
        self._last = {
            tensor.name: np.zeros(_compared(tensor.shape, tensor.dtype), np.uint8) for tensor in self._tensors
        }
        self._now = {name: np.zeros_like(last) for name, last in self._last.items()}
        self._limit = manifest.thresholds.frozen_results
        self._equal = 0
        self._compared = False

    def problem(self, outputs: Mapping[str, NDArray[Any]], *, moved: bool) -> str:
        """Give what is wrong with the outputs; '' where nothing is.

        :param moved: the picture is another one than last time: a still picture may give a still result.
        """
        for tensor in self._tensors:
            value = outputs[tensor.name]
            if value.shape != tensor.shape or value.dtype != tensor.dtype:
                return (
                    f'the network gave {tensor.name} as {value.dtype} {value.shape}, not {tensor.dtype} {tensor.shape}'
                )
            if value.dtype.kind == 'f' and not _is_finite(value):
                return 'the network gave NaN'
        return 'the network gives the same result for different pictures' if self._hangs(outputs, moved) else ''

    def forget(self) -> None:
        """Let equal results of the past count for nothing."""
        self._equal = 0

    def _hangs(self, outputs: Mapping[str, NDArray[Any]], moved: bool) -> bool:
        changed, self._compared = not self._compared, True
        for tensor in self._tensors:
            last = self._last[tensor.name]
            now = outputs[tensor.name].reshape(-1).view(np.uint8)
            if now.size > last.size:  # OpenCV takes no strides: they are gathered first
                spread, now = now[:: now.size // last.size], self._now[tensor.name]
                np.copyto(now, spread[: now.size])
            # NumPy would allocate to compare. As one row: OpenCV takes a vector for a column, 70 times slower.
            if cv2.norm(now.reshape(1, -1), last.reshape(1, -1), cv2.NORM_INF):
                changed = True
                np.copyto(last, now)
        if changed:
            self._equal = 0
        elif moved:
            self._equal += 1
        return self._equal >= self._limit


@np.errstate(invalid='ignore', over='ignore')
def _is_finite(values: NDArray[Any]) -> bool:
    # One NaN or infinity makes the sum one; halves are summed as floats, which they cannot overflow.
    return bool(np.isfinite(np.sum(values, dtype=np.float32)))


def _compared(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    size = int(np.prod(shape)) * dtype.itemsize
    return size if size <= _COMPARED else size // max(1, size // _COMPARED)
