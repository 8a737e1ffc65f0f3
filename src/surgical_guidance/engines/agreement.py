"""Holds what an engine says against what the FP32 network says of the same pictures: the numbers and their meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.evaluation.example import Example
from surgical_guidance.evaluation.metrics.overlap import VOID, Confusion
from surgical_guidance.inference.manifest import Manifest

Outputs = Mapping[str, NDArray[Any]]


class Scores(NamedTuple):
    """A metric of the FP32 network and of the engine, 0 to 1; 1 is best."""

    metric: str
    reference: float
    value: float


class Agreement(Protocol):
    """Compares what one task makes of outputs, picture by picture."""

    def add(self, example: Example, reference: Outputs, given: Outputs) -> None:
        """Count one picture."""

    def scores(self) -> Scores:
        """Give the metric over all pictures."""


class Labels:
    """Mean IoU of a segmentation, against the truth where there is one, else against the FP32 network's labels."""

    def __init__(self, manifest: Manifest) -> None:
        self._output = manifest.outputs['labels']
        self._reference, self._given = Confusion(manifest.classes), Confusion(manifest.classes)
        self._truths = 0
        self._own = np.full(256, VOID, np.uint8)  # index of the contract -> index of this network
        for index, name in enumerate(manifest.classes):
            self._own[CLASSES.index(name)] = index

    def add(self, example: Example, reference: Outputs, given: Outputs) -> None:
        """Count the pixels of one picture."""
        expected, found = reference[self._output][0], given[self._output][0]
        truth = expected
        if example.labels is not None:
            self._truths += 1
            size = (expected.shape[1], expected.shape[0])
            truth = self._own[cv2.resize(example.labels, size, interpolation=cv2.INTER_NEAREST)]
        self._reference.add(truth, expected)
        self._given.add(truth, np.minimum(found, len(self._given.classes) - 1))

    def scores(self) -> Scores:
        """Give the mean IoU."""
        against = 'the truth' if self._truths else 'the FP32 labels'
        return Scores(f'mean IoU against {against}', self._reference.mean_iou, self._given.mean_iou)


class Choices:
    """Share of pictures where every head of a classification chooses what the FP32 network chooses."""

    def __init__(self, manifest: Manifest) -> None:
        self._heads = [manifest.outputs[own] for own in manifest.heads]
        self._same: list[bool] = []

    def add(self, example: Example, reference: Outputs, given: Outputs) -> None:
        """Compare the choices for one picture."""
        for name in self._heads:
            self._same.append(bool(np.argmax(reference[name]) == np.argmax(given[name])))

    def scores(self) -> Scores:
        """Give the share."""
        return Scores('choices as in FP32', 1.0, float(np.mean(self._same)))


class Levels:
    """Share of levels of a multilabel model that are on the same side of the threshold as in FP32."""

    def __init__(self, manifest: Manifest) -> None:
        self._heads = [manifest.outputs[own] for own in manifest.heads]
        self._limit = manifest.thresholds.event_level
        self._same: list[float] = []

    def add(self, example: Example, reference: Outputs, given: Outputs) -> None:
        """Compare the levels of one picture."""
        for name in self._heads:
            self._same.append(float(np.mean((reference[name] >= self._limit) == (given[name] >= self._limit))))

    def scores(self) -> Scores:
        """Give the share."""
        return Scores('events as in FP32', 1.0, float(np.mean(self._same)))


class Numbers:
    """Of any other task: 1 less the root of the error's energy over the outputs' own."""

    def __init__(self, manifest: Manifest) -> None:
        self._energy = self._error = 0.0

    def add(self, example: Example, reference: Outputs, given: Outputs) -> None:
        """Add the energies of one picture."""
        for name, value in reference.items():
            expected = value.astype(np.float64)
            self._energy += float(np.square(expected).sum())
            self._error += float(np.square(expected - given[name].astype(np.float64)).sum())

    def scores(self) -> Scores:
        """Give the likeness; none at all where nothing was to be compared."""
        likeness = 1.0 - float(np.sqrt(self._error / self._energy)) if self._energy else float(self._error == 0.0)
        return Scores('likeness of the outputs', 1.0, likeness)


_BY_TASK: Mapping[str, Callable[[Manifest], Agreement]] = {
    'semantic_segmentation': Labels,
    'classification': Choices,
    'multilabel': Levels,
}


def agreement_for(manifest: Manifest) -> Agreement:
    """Make the comparison for a model's task."""
    fits = manifest.task != 'semantic_segmentation' or 'labels' in manifest.outputs
    return _BY_TASK[manifest.task](manifest) if manifest.task in _BY_TASK and fits else Numbers(manifest)


class Errors:
    """Differences of every output from the FP32 network's: the largest, and the mean over pictures."""

    def __init__(self, network: onnx.ModelProto) -> None:
        self._names = [value.name for value in network.graph.output]
        self._largest = dict.fromkeys(self._names, 0.0)
        self._sums = dict.fromkeys(self._names, 0.0)
        self._pictures = 0
        self.not_numbers: set[str] = set()

    def add(self, reference: Outputs, given: Outputs) -> None:
        """Count the outputs of one picture."""
        self._pictures += 1
        for name in self._names:
            found = given[name].astype(np.float64)
            if not np.isfinite(found).all():
                self.not_numbers.add(name)
                continue
            off = np.abs(reference[name].astype(np.float64) - found)
            self._largest[name] = max(self._largest[name], float(off.max(initial=0.0)))
            self._sums[name] += float(off.mean()) if off.size else 0.0

    def facts(self) -> dict[str, dict[str, float]]:
        """Give them for a sidecar."""
        count = max(self._pictures, 1)
        return {name: {'largest': self._largest[name], 'mean': self._sums[name] / count} for name in self._names}
