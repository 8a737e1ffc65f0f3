"""Reads a network that tells the class of every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.outputs import output_name
from surgical_guidance.scene.state import Segmentation

_PROBE = 8  # every such pixel of the input tells whether the picture changed
_FLAT = 12.0  # grey values; a picture whose values all lie so close together shows nothing


class SemanticSegmentation:
    """The winning class of every pixel, ``uint8 (1, h, w)``, and its probability: ``uint8`` times 255, or ``float32``.

    :raises ModelError: if the engine's outputs are not that.
    """

    OUTPUTS = ('labels', 'confidence')

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        if len(manifest.classes) < 2:
            raise ModelError(
                'this field is missing', where=f'{manifest.path}: classes', remedy='name two classes or more'
            )
        self._classes = manifest.classes
        self._names = {own: output_name(manifest, engine, own) for own in self.OUTPUTS}
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
        picture = engine.input(manifest.input.name)[0]
        # Of the axis of colours, wherever it is, the first one is enough.
        self._probe = picture[tuple(slice(None, None, _PROBE) for _ in picture.shape)]
        scale = 1.0 if isinstance(manifest.input.normalisation, str) else max(manifest.input.normalisation.scale)
        self._flat = _FLAT / scale
        self._bytes = np.empty(labels.shape[1:], np.uint8)
        self._scaled = np.empty(labels.shape[1:], np.float32)
        self._frozen = _FrozenCheck(self._probe, labels.shape[1:], manifest.thresholds.frozen_results)

    def read(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[Segmentation | None, str]:
        """Give the segmentation; the arrays belong to the engine and hold until its next run."""
        labels: NDArray[np.uint8] = outputs[self._names['labels']][0]
        raw = outputs[self._names['confidence']][0]
        if float(self._probe.max()) - float(self._probe.min()) < self._flat:
            return None, 'the picture is the same everywhere: there is nothing to see in it'
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

    def forget(self) -> None:
        """Let equal results of the past count for nothing."""
        self._frozen.forget()


class _FrozenCheck:
    """Counts equal results of different pictures. A still picture may give a still result."""

    def __init__(self, picture: NDArray[Any], shape: tuple[int, ...], limit: int) -> None:
        self._picture = picture
        self._last_picture = np.zeros_like(self._picture)
        self._last_labels = np.zeros(shape, np.uint8)
        self._limit = limit
        self._equal = 0

    def forget(self) -> None:
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
