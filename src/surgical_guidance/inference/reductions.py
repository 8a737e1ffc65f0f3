"""What becomes of a network's outputs on the GPU, so that only small data comes back; one class for each form.

A reduction takes some outputs of the network and gives outputs of its own, of the same form as a network gives that
does this work itself. So the tasks read both alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.cuda.arguments import (
    BOXES,
    MAX_BOXES,
    MAX_CLASSES,
    MAX_EXTRAS,
    STATISTICS,
    Decode,
    Flag,
    Map,
    Reduce,
    Type,
)
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.kernels import Kernels
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.manifest import Manifest

STATISTICS_NAME, BOXES_NAME = 'statistics', 'likely boxes'
LABELS, CONFIDENCE = 'labels', 'confidence'
SMALLEST_SHARE = 0.0005
"""Components smaller than this share of the map are noise; the same as the scene's."""

_TYPES = {'uint8': Type.uint8, 'float32': Type.float32, 'float16': Type.float16}


class Reduction(Protocol):
    """Work on outputs. Used by the thread of CUDA."""

    @property
    def taken(self) -> tuple[str, ...]:
        """Outputs of the network that it uses up: they stay on the GPU."""

    @property
    def given(self) -> Mapping[str, Tensor]:
        """What it leaves in device memory, to be brought to the host."""

    @property
    def tells(self) -> Mapping[str, Tensor]:
        """Outputs of its own, as they are read."""

    def allocate(self, cuda: Cuda, kernels: Kernels, at: Mapping[str, int]) -> None:
        """Get ready.

        :param at: device addresses of the network's outputs and of those it gives.
        """

    def enqueue(self, stream: int) -> None:
        """Give the work to a stream."""

    def read(self, values: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Give the outputs from what came to the host; they hold until the next reading."""

    def close(self) -> None:
        """Give everything back."""


class Nothing:
    """For outputs that are small as they are."""

    taken: tuple[str, ...] = ()
    given: Mapping[str, Tensor] = {}
    tells: Mapping[str, Tensor] = {}

    def allocate(self, cuda: Cuda, kernels: Kernels, at: Mapping[str, int]) -> None:
        """Need nothing."""

    def enqueue(self, stream: int) -> None:
        """Do nothing."""

    def read(self, values: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Give them as they are."""
        return values

    def close(self) -> None:
        """Have nothing."""


class ClassMap:
    """Checks, statistics of each class and connected components of a segmentation.

    :param classes: number of them.
    :param logits: output ``float (1, classes, h, w)``, of which the winner and its probability are found first;
        None: the network has done that itself.
    :param labels: name of the labels, ``uint8 (1, h, w)``.
    :param confidence: of the confidence, which may be floats if it is the network's.
    """

    def __init__(self, classes: int, logits: Tensor | None, labels: Tensor, confidence: Tensor) -> None:
        self._classes, self._logits, self._labels, self._confidence = classes, logits, labels, confidence
        self._height, self._width = labels.shape[1:]
        self.taken = () if logits is None else (logits.name,)
        own = () if logits is None else (labels, confidence)
        statistics = Tensor(STATISTICS_NAME, STATISTICS, ())
        self.given: Mapping[str, Tensor] = {tensor.name: tensor for tensor in (*own, statistics)}
        self.tells = self.given
        self._reduce: Reduce | None = None
        self._cuda: Cuda | None = None
        self._scratch = 0

    def allocate(self, cuda: Cuda, kernels: Kernels, at: Mapping[str, int]) -> None:
        """Take memory for the components and fix all addresses."""
        pixels = self._width * self._height
        self._cuda, self._kernels = cuda, kernels
        self._scratch = cuda.allocate(4 * 4 * pixels)  # three maps of 32 bits, and one of bytes that has room for more
        labels, confidence, statistics = at[self._labels.name], at[self._confidence.name], at[STATISTICS_NAME]
        kind = _TYPES[self._confidence.dtype.name]
        levels = confidence if kind == Type.uint8 else self._scratch + 12 * pixels
        if self._logits is not None:
            self._reduce = Reduce(
                at[self._logits.name], labels, confidence, statistics,
                self._width, self._height, self._classes, _TYPES[self._logits.dtype.name],
            )  # fmt: skip
        self._map = Map(
            labels, confidence, levels, statistics,
            self._scratch, self._scratch + 4 * pixels, self._scratch + 8 * pixels,
            self._width, self._height, self._classes, kind, max(1, round(SMALLEST_SHARE * pixels)),
        )  # fmt: skip
        self._statistics = statistics

    def enqueue(self, stream: int) -> None:
        """Give the kernels to a stream."""
        assert self._cuda is not None  # noqa: S101  (allocate comes first)
        width, height, pixels = self._width, self._height, self._width * self._height
        self._cuda.clear(self._statistics, STATISTICS.itemsize, stream)
        if self._reduce is not None:
            self._kernels.over_line('reduce_logits', pixels, stream, self._reduce)
        self._kernels.over_pixels('class_statistics', width, height, stream, self._map)
        self._kernels.over_pixels('join_neighbours', width, height, stream, self._map)
        self._kernels.over_line('count_components', pixels, stream, self._map)
        self._kernels.over_line('keep_components', pixels, stream, self._map)
        self._kernels.over_pixels('measure_components', width, height, stream, self._map)

    def read(self, values: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Give them as they are."""
        return values

    def close(self) -> None:
        """Give the memory back."""
        if self._cuda is not None:
            self._cuda.free(self._scratch)
            self._cuda = None


class LikelyBoxes:
    """Of a detector's boxes those that are likely enough, in the layout they had but for their number.

    :param raw: output ``float (1, 4 + classes + extras, anchors)``, as YOLOv8 and YOLO11 are exported.
    :param threshold: probability from which on a box counts.
    """

    def __init__(self, raw: Tensor, classes: int, extras: int, threshold: float) -> None:
        self._raw, self._classes, self._extras, self._threshold = raw, classes, extras, threshold
        self.taken = (raw.name,)
        self.given: Mapping[str, Tensor] = {BOXES_NAME: Tensor(BOXES_NAME, BOXES, ())}
        told = Tensor(raw.name, np.dtype(np.float32), (1, raw.shape[1], MAX_BOXES))
        self.tells: Mapping[str, Tensor] = {told.name: told, **self.given}
        self._table = np.zeros(told.shape, np.float32)
        self._cuda: Cuda | None = None

    def allocate(self, cuda: Cuda, kernels: Kernels, at: Mapping[str, int]) -> None:
        """Fix all addresses."""
        self._cuda, self._kernels, self._boxes = cuda, kernels, at[BOXES_NAME]
        self._decode = Decode(
            at[self._raw.name], self._boxes, self._raw.shape[2], self._classes, self._extras,
            _TYPES[self._raw.dtype.name], self._threshold,
        )  # fmt: skip

    def enqueue(self, stream: int) -> None:
        """Give the kernel to a stream."""
        assert self._cuda is not None  # noqa: S101  (allocate comes first)
        self._cuda.clear(self._boxes, BOXES.itemsize, stream)
        self._kernels.over_line('decode_boxes', self._raw.shape[2], stream, self._decode)

    def read(self, values: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Lay the boxes out as the network does, by their anchors: the GPU keeps them in an order by chance."""
        boxes = values[BOXES_NAME]
        count = min(int(boxes['count']), MAX_BOXES)
        found = np.sort(boxes['box'][:count], order='anchor')
        table = self._table[0]
        table.fill(0.0)
        for row, name in enumerate(('x', 'y', 'width', 'height')):
            table[row, :count] = found[name]
        table[4 + found['label'], np.arange(count)] = found['score']
        table[4 + self._classes :, :count] = found['extras'][:, : self._extras].T
        return {**values, self._raw.name: self._table}

    def close(self) -> None:
        """Have nothing."""


def _detection(manifest: Manifest, outputs: Mapping[str, Tensor]) -> tuple[Manifest, Reduction]:
    classes = len(manifest.classes)
    raw, prototypes = (outputs.get(manifest.outputs.get(own, '')) for own in ('boxes', 'prototypes'))
    extras = prototypes.shape[1] if prototypes is not None and len(prototypes.shape) == 4 else 0
    fits = raw is not None and len(raw.shape) == 3 and raw.shape[:2] == (1, 4 + classes + extras)
    if raw is None or not fits or extras > MAX_EXTRAS or raw.dtype.name not in ('float32', 'float16'):
        return manifest, Nothing()
    if manifest.scores != 'probabilities':
        return manifest, Nothing()
    return manifest, LikelyBoxes(raw, classes, extras, manifest.thresholds.score)


def _segmentation(manifest: Manifest, outputs: Mapping[str, Tensor]) -> tuple[Manifest, Reduction]:
    classes = len(manifest.classes)
    names = manifest.outputs
    if LABELS in names:
        found = [outputs.get(names.get(own, '')) for own in (LABELS, CONFIDENCE)]
        if any(t is None or len(t.shape) != 3 or t.dtype.name not in _TYPES for t in found):
            return manifest, Nothing()  # the task tells what is wrong with it
        labels, confidence = (t for t in found if t is not None)
        if labels.dtype != np.uint8:
            return manifest, Nothing()
        return manifest, ClassMap(classes, None, labels, confidence)
    logits = outputs.get(names.get('scores', ''))
    if logits is None or len(logits.shape) != 4 or logits.dtype.name not in ('float32', 'float16'):
        return manifest, Nothing()
    if not 2 <= logits.shape[1] <= MAX_CLASSES or logits.shape[1] != classes or manifest.scores != 'logits':
        return manifest, Nothing()
    shape = (1, *logits.shape[2:])
    labels, confidence = (Tensor(name, np.dtype(np.uint8), shape) for name in (LABELS, CONFIDENCE))
    read_as = manifest.model_copy(update={'outputs': {LABELS: LABELS, CONFIDENCE: CONFIDENCE}})
    return read_as, ClassMap(classes, logits, labels, confidence)


REDUCTIONS: Mapping[str, Callable[[Manifest, Mapping[str, Tensor]], tuple[Manifest, Reduction]]] = {
    'semantic_segmentation': _segmentation,
    'detection': _detection,
}
"""Task -> what is done for it on the GPU. Of any other task the outputs come back as they are."""


def make_reduction(manifest: Manifest, outputs: Mapping[str, Tensor]) -> tuple[Manifest, Reduction]:
    """Choose what is done with a network's outputs; give it, and the manifest of what comes back.

    :raises ModelError: if the outputs cannot be what the task needs.
    """
    for name in manifest.outputs.values():
        if name not in outputs:
            raise ModelError(
                f'the network has no output {name!r}',
                where=f'{manifest.path}: outputs',
                remedy=f'it has {", ".join(outputs)}',
            )
    reduction = REDUCTIONS.get(manifest.task)
    return reduction(manifest, outputs) if reduction is not None else (manifest, Nothing())


def problem_of(values: Mapping[str, Any]) -> str:
    """Give what the GPU found wrong with outputs; '' where nothing is."""
    if STATISTICS_NAME in values:
        flags = Flag(int(values[STATISTICS_NAME]['flags']))
        if flags & Flag.NOT_FINITE:
            return 'the network gave NaN'
        if flags & Flag.UNKNOWN_CLASS:
            return 'the network gave a class that it does not know'
    if BOXES_NAME in values:
        flags = Flag(int(values[BOXES_NAME]['flags']))
        if flags & Flag.NOT_FINITE:
            return 'the network gave NaN'
        if flags & Flag.TOO_MANY:
            return f'the network gave more than {MAX_BOXES} likely boxes'
    return ''
