"""Reads detectors of the YOLOv8 and YOLO11 export layout: boxes, and masks where there are prototypes.

``boxes``: floats ``(1, 4 + classes + coefficients, n)``, centre and size of each box in pixels of the input, then a
probability for each class, then what the prototypes are to be summed up with. ``prototypes``: floats
``(1, coefficients, h, w)``. (ultralytics: ``output0`` and ``output1``.) Overlapping boxes are sorted out here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import BACKGROUND
from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.heads import no_probabilities, sigmoid
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.outputs import ClassNames, FloatOutput, assumed_confidence
from surgical_guidance.inference.placement import Placement
from surgical_guidance.inference.readings import Detected, Instances
from surgical_guidance.inference.task import task
from surgical_guidance.scene.state import Segmentation

_BOX = 4
_CANDIDATES = 1000  # boxes that overlaps are looked for among: beyond them are only the least likely
_FINER = 2  # the masks are painted at so many times the prototypes' resolution: their edges run between its pixels


@task('detection')
class Detection:
    """What was found, and with prototypes a label map painted from the masks, the likeliest on top.

    :raises ModelError: if the engine's outputs are not that.
    """

    needs_content = True

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        self._names = ClassNames(manifest, 1)
        self._thresholds = manifest.thresholds
        self._boxes = FloatOutput(manifest, engine, 'boxes')
        self._painter = None
        self.segments = 'prototypes' in manifest.outputs
        coefficients = 0
        if self.segments:
            self._painter = _Painter(manifest, engine)
            coefficients = self._painter.coefficients
        shape = self._boxes.tensor.shape
        rows = _BOX + self._names.count + coefficients
        if len(shape) != 3 or shape[0] != 1 or rows not in shape[1:]:
            raise ModelError(
                f'boxes are {self._boxes.tensor.dtype} {shape} for {self._names.count} classes',
                where=self._boxes.where,
                remedy=f'export (1, {rows}, boxes), or mend the classes',
            )
        self._rows_first = shape[1] == rows
        self._logits = manifest.scores == 'logits'
        least = self._thresholds.score
        self._least = math.log(least / (1.0 - least)) if self._logits else least
        wanted = [index for index, name in enumerate(manifest.contract_classes) if name != BACKGROUND]
        self._of_no_interest = np.array([index for index in range(self._names.count) if index not in wanted], np.intp)
        count = shape[2] if self._rows_first else shape[1]
        self._score, self._class = np.empty(count, np.float32), np.empty(count, np.intp)

    def read(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> tuple[Instances | None, str]:
        """Give what was found; the arrays hold until the next reading."""
        table = self._boxes(outputs)[0]
        table = table if self._rows_first else table.T
        scores = table[_BOX : _BOX + self._names.count]
        np.max(scores, axis=0, out=self._score)
        np.argmax(scores, axis=0, out=self._class)
        problem = '' if self._logits else no_probabilities(float(self._score.min()), float(self._score.max()))
        if problem:
            return None, problem
        chosen = self._chosen(table)
        found = [
            Detected(
                self._names.names[self._names.table[self._class[index]]],
                float(score),
                (float(x) - placement.x) / placement.width,
                (float(y) - placement.y) / placement.height,
                float(width) / placement.width,
                float(height) / placement.height,
            )
            for index, score, (x, y, width, height) in chosen
        ]
        if self._painter is None:
            return Instances(tuple(found), None), ''
        indices = [index for index, _, _ in chosen]
        labels = [int(self._names.table[self._class[index]]) for index in indices]
        mixtures = table[_BOX + self._names.count :, indices]
        boxes = [box for _, _, box in chosen]
        self._painter.paint(outputs, mixtures, labels, [detected.score for detected in found], boxes, placement)
        painted = Segmentation(
            placement.crop(self._painter.labels), placement.crop(self._painter.confidence), self._names.names
        )
        return Instances(tuple(found), painted), ''

    def forget(self) -> None:
        """Do nothing: each reading is of its own outputs alone."""

    def _chosen(self, table: NDArray[np.float32]) -> list[tuple[int, float, NDArray[np.float32]]]:
        """Give index, probability and box (left, top, width, height) of what is taken, the likeliest first."""
        likely = np.flatnonzero(self._score >= self._least)
        likely = likely[~np.isin(self._class[likely], self._of_no_interest)]
        if likely.size > _CANDIDATES:
            likely = likely[np.argpartition(self._score[likely], -_CANDIDATES)[-_CANDIDATES:]]
        if not likely.size:
            return []
        score = sigmoid(self._score[likely]) if self._logits else self._score[likely]
        boxes = table[:_BOX, likely].T.copy()
        boxes[:, :2] -= boxes[:, 2:] / 2.0
        # Ours, not the network's: what class_map calls the same is the same.
        classes = self._names.table[self._class[likely]].astype(np.int32)
        limits = self._thresholds
        kept = cv2.dnn.NMSBoxesBatched(boxes, score, classes, limits.score, limits.overlap)  # type: ignore[arg-type]
        order = sorted(np.asarray(kept).reshape(-1).tolist(), key=lambda index: -score[index])[: limits.detections]
        return [(int(likely[index]), float(score[index]), boxes[index]) for index in order]


class _Painter:
    """Paints masks into a label map.

    :raises ModelError: if the prototypes are not there, or not of their shape.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        self._prototypes = FloatOutput(manifest, engine, 'prototypes')
        shape = self._prototypes.tensor.shape
        if len(shape) != 4 or shape[0] != 1:
            raise ModelError(
                f'prototypes are {self._prototypes.tensor.dtype} {shape}',
                where=self._prototypes.where,
                remedy='export (1, coefficients, height, width)',
            )
        self.coefficients, rows, columns = shape[1:]
        self._size = (columns * _FINER, rows * _FINER)
        self._assumed = assumed_confidence(manifest, 'assumed_confidence')
        self._mask = np.empty((rows, columns), np.float32)
        self._finer = np.empty(self._size[::-1], np.float32)
        self._inside = np.empty(self._size[::-1], np.bool_)
        self.labels, self.confidence = np.empty(self._size[::-1], np.uint8), np.empty(self._size[::-1], np.uint8)

    def paint(
        self,
        outputs: Mapping[str, NDArray[Any]],
        mixtures: NDArray[np.float32],
        labels: list[int],
        scores: list[float],
        boxes: list[NDArray[np.float32]],
        placement: Placement,
    ) -> None:
        """Paint what was found, the likeliest last.

        :param mixtures: coefficients of each, ``(coefficients, n)``.
        :param boxes: left, top, width, height in pixels of the input; outside it nothing of the mask counts.
        """
        self.labels.fill(0)
        self.confidence.fill(self._assumed)
        prototypes = self._prototypes(outputs)[0].reshape(self.coefficients, -1)
        right, down = self._size[0] / placement.whole_width, self._size[1] / placement.whole_height
        for index in reversed(range(len(labels))):
            np.dot(mixtures[:, index], prototypes, out=self._mask.reshape(-1))
            cv2.resize(self._mask, self._size, self._finer, interpolation=cv2.INTER_LINEAR)
            x, y, width, height = (float(number) for number in boxes[index])
            window = (
                slice(max(0, round(y * down)), max(0, round((y + height) * down))),
                slice(max(0, round(x * right)), max(0, round((x + width) * right))),
            )
            inside = self._inside[window]
            np.greater(self._finer[window], 0.0, out=inside)  # before the sigmoid that is above one half
            np.copyto(self.labels[window], labels[index], where=inside)
            np.copyto(self.confidence[window], round(min(scores[index], 1.0) * 255), where=inside)
