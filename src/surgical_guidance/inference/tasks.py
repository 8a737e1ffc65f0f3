"""From a network's outputs to what they mean, one class a task, and whether they can be believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.scene.state import Segmentation

_PROBE = 8  # every such pixel of the input tells whether the picture changed


class Task(Protocol):
    """Reads the outputs of one engine."""

    def read(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[Segmentation | None, str]:
        """Give the meaning of the outputs and ``''``, or None and why they cannot be believed."""


class SemanticSegmentation:
    """The winning class of every pixel, ``uint8 (1, h, w)``, and its probability: ``uint8`` times 255, or ``float32``.

    :raises ModelError: if the engine's outputs are not that.
    """

    OUTPUTS = ('labels', 'confidence')

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        self._classes = manifest.classes
        self._names = {own: _output_name(manifest, engine, own) for own in self.OUTPUTS}
        labels, confidence = (engine.outputs[self._names[own]] for own in self.OUTPUTS)
        if labels.dtype != np.uint8 or len(labels.shape) != 3 or labels.shape[0] != 1:
            raise ModelError(
                f'labels are {labels.dtype} {labels.shape}',
                where=f'{manifest.path}: outputs.labels',
                remedy='export uint8 (1, height, width), the argmax inside the network',
            )
        if confidence.dtype not in (np.uint8, np.float32) or confidence.shape != labels.shape:
            raise ModelError(
                f'confidence is {confidence.dtype} {confidence.shape}',
                where=f'{manifest.path}: outputs.confidence',
                remedy=f'export uint8 or float32 {labels.shape}, like the labels',
            )
        self._bytes = np.empty(labels.shape[1:], np.uint8)
        self._scaled = np.empty(labels.shape[1:], np.float32)
        self._frozen = _FrozenCheck(
            engine.input(manifest.input.name)[0], labels.shape[1:], manifest.thresholds.frozen_results
        )

    def read(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[Segmentation | None, str]:
        """Give the segmentation; the arrays belong to the engine and hold until its next run."""
        labels: NDArray[np.uint8] = outputs[self._names['labels']][0]
        raw = outputs[self._names['confidence']][0]
        highest = int(labels.max())
        if highest >= len(self._classes):
            return None, f'the network gave class {highest}, and it knows {len(self._classes)}'
        if highest == int(labels.min()):
            return None, f'the network sees nothing but {self._classes[highest]}'
        if raw.dtype == np.float32:
            if not np.isfinite(raw.sum()):  # one NaN or infinity makes the sum one
                return None, 'the network gave NaN'
            np.multiply(raw, 255.0, out=self._scaled)
            np.clip(self._scaled, 0.0, 255.0, out=self._scaled)
            np.copyto(self._bytes, self._scaled, casting='unsafe')
            confidence = self._bytes
        else:
            confidence = raw
        if self._frozen.hangs(labels):
            return None, 'the network gives the same result for different pictures'
        return Segmentation(labels, confidence, self._classes), ''


class _FrozenCheck:
    """Counts equal results of different pictures. A still picture may give a still result."""

    def __init__(self, picture: NDArray[Any], shape: tuple[int, ...], limit: int) -> None:
        # Of the axis of colours, wherever it is, the first one is enough.
        self._picture = picture[tuple(slice(None, None, _PROBE) for _ in picture.shape)]
        self._last_picture = np.zeros_like(self._picture)
        self._last_labels = np.zeros(shape, np.uint8)
        self._limit = limit
        self._equal = 0

    def hangs(self, labels: NDArray[np.uint8]) -> bool:
        moved = not np.array_equal(self._picture, self._last_picture)
        np.copyto(self._last_picture, self._picture)
        if cv2.norm(labels, self._last_labels, cv2.NORM_L1):  # unlike NumPy's comparison it allocates nothing
            np.copyto(self._last_labels, labels)
            self._equal = 0
        elif moved:
            self._equal += 1
        return self._equal >= self._limit


TASKS: Mapping[str, Callable[[Manifest, Engine], Task]] = {'semantic_segmentation': SemanticSegmentation}


def make_task(manifest: Manifest, engine: Engine) -> Task:
    """Make the reader of a model's outputs.

    :raises ModelError: if there is no such task, or the engine does not fit what the manifest says.
    """
    if manifest.task not in TASKS:
        raise ModelError(
            f'there is no task {manifest.task!r}', where=f'{manifest.path}: task', remedy=f'use {", ".join(TASKS)}'
        )
    _check_input(manifest, engine)
    return TASKS[manifest.task](manifest, engine)


def _check_input(manifest: Manifest, engine: Engine) -> None:
    spec = manifest.input
    tensor = engine.inputs.get(spec.name)
    if tensor is None or len(engine.inputs) != 1:
        raise ModelError(
            f'the network takes {", ".join(engine.inputs)}',
            where=f'{manifest.path}: input.name',
            remedy=f'it must take {spec.name} and nothing else, or the manifest must say its name',
        )
    if tensor.shape != spec.shape or tensor.dtype != np.dtype(spec.dtype):
        raise ModelError(
            f'the network takes {tensor.dtype} {tensor.shape}, the manifest says {spec.dtype} {spec.shape}',
            where=f'{manifest.path}: input',
            remedy='mend width, height, layout or normalisation',
        )


def _output_name(manifest: Manifest, engine: Engine, own: str) -> str:
    name = manifest.outputs.get(own)
    if name is None:
        raise ModelError('this field is missing', where=f'{manifest.path}: outputs.{own}')
    if name not in engine.outputs:
        raise ModelError(
            f'the network has no output {name!r}',
            where=f'{manifest.path}: outputs.{own}',
            remedy=f'it has {", ".join(engine.outputs)}',
        )
    return name
