"""Reads networks that tell the class of every pixel: by its index, or by a number for every class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import BACKGROUND
from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.heads import no_probabilities
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.outputs import ClassNames, FloatOutput, assumed_confidence, output_name
from surgical_guidance.inference.placement import Placement
from surgical_guidance.inference.task import Task, task
from surgical_guidance.inference.winners import Winners
from surgical_guidance.scene.state import ONE_CLASS, Segmentation


@task('semantic_segmentation')
def semantic_segmentation(manifest: Manifest, engine: Engine) -> Task:
    """Make the reader of ``half_logits``, ``scores``, or ``labels`` with or without ``confidence``: what is named.

    :raises ModelError: if the engine's outputs are not that.
    """
    names = _names(manifest)
    if 'half_logits' in manifest.outputs:
        return _FromHalfLogits(manifest, engine, names)
    if 'scores' in manifest.outputs:
        return _FromScores(manifest, engine, names)
    return _FromLabels(manifest, engine, names)


def _names(manifest: Manifest) -> ClassNames:
    names = ClassNames(manifest, 2)
    if not manifest.class_map and manifest.classes[0] != BACKGROUND:
        raise ModelError(
            f'the first class must be {BACKGROUND!r}',
            where=f'{manifest.path}: classes',
            remedy='in another order the classes go with a class_map',
        )
    return names


class _FromLabels:
    """Reads ``labels``, the winning class of every pixel, and ``confidence``, its probability.

    Labels are integers ``(1, h, w)``, with an axis of one for the class or without; the confidence is ``uint8`` times
    255 or floats, of the same shape.
    """

    segments = True
    needs_content = True

    def __init__(self, manifest: Manifest, engine: Engine, names: ClassNames) -> None:
        self._names = names
        self._labels_name = output_name(manifest, engine, 'labels')
        labels = engine.outputs[self._labels_name]
        shape = _map_shape(labels.shape)
        if shape is None or labels.dtype not in (np.uint8, np.int32, np.int64):
            raise ModelError(
                f'labels are {labels.dtype} {labels.shape}',
                where=f'{manifest.path}: outputs.labels',
                remedy='export uint8 (1, height, width), the argmax inside the network; or name its output "scores"',
            )
        self._shape = shape
        self._narrow = np.empty(shape, np.uint8)
        self._ours = np.empty(shape, np.uint8)
        self._bytes = np.empty(shape, np.uint8)
        self._scaled = np.empty(shape, np.float32)
        self._confidence_name = ''
        if 'confidence' in manifest.outputs:
            self._confidence_name = output_name(manifest, engine, 'confidence')
            confidence = engine.outputs[self._confidence_name]
            if confidence.dtype not in (np.uint8, np.float32, np.float16) or _map_shape(confidence.shape) != shape:
                raise ModelError(
                    f'confidence is {confidence.dtype} {confidence.shape}',
                    where=f'{manifest.path}: outputs.confidence',
                    remedy=f'export uint8 or float32 {labels.shape}, like the labels',
                )
        else:
            self._bytes.fill(assumed_confidence(manifest, 'outputs.confidence'))

    def read(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> tuple[Segmentation | None, str]:
        """Give the segmentation; the arrays hold until the engine's next run."""
        labels = outputs[self._labels_name].reshape(self._shape)
        highest, lowest = int(labels.max()), int(labels.min())
        if highest >= self._names.count or lowest < 0:
            odd = highest if highest >= self._names.count else lowest
            return None, f'the network gave class {odd}, and it knows {self._names.count}'
        if labels.dtype != np.uint8:
            np.copyto(self._narrow, labels, casting='unsafe')
            labels = self._narrow
        return _segmentation(labels, self._confidence(outputs), self._names, self._ours, placement)

    def _confidence(self, outputs: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
        if not self._confidence_name:
            return self._bytes
        raw = outputs[self._confidence_name].reshape(self._shape)
        return raw if raw.dtype == np.uint8 else _as_bytes(raw, self._scaled, self._bytes)

    def forget(self) -> None:
        """Do nothing: each reading is of its own outputs alone."""


class _FromHalfLogits:
    """Reads ``half_logits``, floats ``(1, classes, h, w)`` at half the size of the labels that are made of them."""

    segments = True
    needs_content = True

    def __init__(self, manifest: Manifest, engine: Engine, names: ClassNames) -> None:
        self._names = names
        self._logits = FloatOutput(manifest, engine, 'half_logits')
        shape = self._logits.tensor.shape
        if len(shape) != 4 or shape[:2] != (1, names.count):
            raise ModelError(
                f'half_logits are {self._logits.tensor.dtype} {shape} for {names.count} classes',
                where=self._logits.where,
                remedy=f'export (1, {names.count}, height / 2, width / 2), or mend the classes',
            )
        self._winners = Winners((shape[1], shape[2], shape[3]))
        self._ours = np.empty_like(self._winners.labels)

    def read(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> tuple[Segmentation | None, str]:
        """Give the segmentation; the arrays hold until the next reading."""
        self._winners.find(self._logits(outputs)[0])
        return _segmentation(self._winners.labels, self._winners.confidence, self._names, self._ours, placement)

    def forget(self) -> None:
        """Do nothing: each reading is of its own outputs alone."""


class _FromScores:
    """Reads ``scores``, a number for every class and pixel: logits or probabilities.

    Floats ``(1, classes, h, w)`` or ``(1, h, w, classes)``. One number for two classes is that of the second.
    """

    segments = True
    needs_content = True

    def __init__(self, manifest: Manifest, engine: Engine, names: ClassNames) -> None:
        self._names = names
        self._scores = FloatOutput(manifest, engine, 'scores')
        self._logits = manifest.scores == 'logits'
        shape = self._scores.tensor.shape
        wanted = (names.count,) if names.count > 2 else (1, 2)
        axes = [axis for axis in (1, 3) if len(shape) == 4 and shape[0] == 1 and shape[axis] in wanted]
        if not axes:
            raise ModelError(
                f'scores are {self._scores.tensor.dtype} {shape} for {names.count} classes',
                where=self._scores.where,
                remedy=f'export (1, {names.count}, height, width), the classes first or last, or mend the classes',
            )
        self._axis = axes[0] if len(axes) == 1 or manifest.input.layout == 'nchw' else axes[1]
        self._planes = shape[self._axis]
        size = shape[2:] if self._axis == 1 else shape[1:3]
        self._labels, self._ours, self._bytes = (np.empty(size, np.uint8) for _ in range(3))
        self._best, self._plane, self._sum, self._scaled = (np.empty(size, np.float32) for _ in range(4))
        self._better = np.empty(size, np.bool_)

    def read(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> tuple[Segmentation | None, str]:
        """Give the segmentation; the arrays hold until the next reading."""
        scores = self._scores(outputs)[0]
        first = self._begin(scores)
        for index in range(first, self._planes):
            plane = self._of_class(scores, index)
            np.greater(plane, self._best, out=self._better)
            np.copyto(self._labels, index + self._names.count - self._planes, where=self._better)
            np.maximum(self._best, plane, out=self._best)
        problem = '' if self._logits else no_probabilities(float(self._best.min()), float(self._best.max()))
        if problem:
            return None, problem
        probability = self._probability(scores, first) if self._logits else self._best
        confidence = _as_bytes(probability, self._scaled, self._bytes)
        return _segmentation(self._labels, confidence, self._names, self._ours, placement)

    def forget(self) -> None:
        """Do nothing: each reading is of its own outputs alone."""

    def _begin(self, scores: NDArray[np.float32]) -> int:
        """Let the first class win everywhere; give the index of the first plane that is another's."""
        self._labels.fill(0)
        if self._planes == self._names.count:
            np.copyto(self._best, self._of_class(scores, 0))
            return 1
        if self._logits:  # of one logit the other side's is 0
            self._best.fill(0.0)
        else:
            np.subtract(1.0, self._of_class(scores, 0), out=self._best)
        return 0

    def _of_class(self, scores: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        if self._axis == 1:
            return scores[index]
        cv2.extractChannel(scores, index, self._plane)
        return self._plane

    def _probability(self, scores: NDArray[np.float32], first: int) -> NDArray[np.float32]:
        """Give the softmax of the winners, from the logits' distances to them."""
        if first:
            self._sum.fill(0.0)
        else:
            np.negative(self._best, out=self._scaled)
            cv2.exp(self._scaled, self._sum)
        for index in range(self._planes):
            np.subtract(self._of_class(scores, index), self._best, out=self._scaled)
            cv2.exp(self._scaled, self._scaled)
            np.add(self._sum, self._scaled, out=self._sum)
        np.reciprocal(self._sum, out=self._sum)
        return self._sum


def _map_shape(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Give height and width of a map ``(1, h, w)``, ``(1, 1, h, w)`` or ``(1, h, w, 1)``; None of anything else."""
    if len(shape) == 4 and 1 in (shape[1], shape[3]):
        shape = (shape[0], *(shape[2:] if shape[1] == 1 else shape[1:3]))
    return (shape[1], shape[2]) if len(shape) == 3 and shape[0] == 1 else None


def _as_bytes(probability: NDArray[Any], scaled: NDArray[np.float32], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    np.multiply(probability, 255.0, out=scaled)
    np.clip(scaled, 0.0, 255.0, out=scaled)
    np.copyto(target, scaled, casting='unsafe')
    return target


def _segmentation(
    labels: NDArray[np.uint8],
    confidence: NDArray[np.uint8],
    names: ClassNames,
    ours: NDArray[np.uint8],
    placement: Placement,
) -> tuple[Segmentation | None, str]:
    """Leave out what is not of the picture, and give the classes our names."""
    labels, confidence = placement.crop(labels), placement.crop(confidence)
    if names.changed:
        target = ours[: labels.shape[0], : labels.shape[1]]
        cv2.LUT(labels, names.table, target)
        labels = target
    highest = int(labels.max())
    if highest == int(labels.min()):
        return None, f'{ONE_CLASS} {names.names[highest]}'
    return Segmentation(labels, confidence, names.names), ''
