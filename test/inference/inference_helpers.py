"""Frames made by hand, and an engine that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.errors import EngineError
from surgical_guidance.frames import Frame
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.manifest import Manifest


def as_frame(image: np.ndarray, sequence: int = 1, current: Callable[[], int] | None = None) -> Frame:
    encoding = 'bgr8' if image.ndim == 3 else 'mono8'
    now = monotonic_ns()
    return Frame(sequence, now, now, image, encoding, 'test', 0, current or (lambda: sequence))


class ToldEngine:
    """An engine of 16x16 pictures whose outputs a test sets; it fails while ``failing`` is set."""

    passed_over = ()

    def __init__(self, confidence: type = np.uint8) -> None:
        self.inputs = {'image': Tensor('image', np.dtype(np.uint8), (1, 16, 16, 3))}
        self.outputs = {
            'labels': Tensor('labels', np.dtype(np.uint8), (1, 16, 16)),
            'confidence': Tensor('confidence', np.dtype(confidence), (1, 16, 16)),
        }
        self.picture = np.zeros((1, 16, 16, 3), np.uint8)
        self.results = {name: np.ones(t.shape, t.dtype) for name, t in self.outputs.items()}
        self.results['labels'][0, :8] = 0
        self.failing = False
        self.before = lambda: None

    def input(self, name: str) -> np.ndarray:
        return self.picture

    def infer(self) -> Mapping[str, np.ndarray]:
        self.before()
        if self.failing:
            raise EngineError('the engine is told to fail')
        return self.results

    def describe(self) -> str:
        return 'told'

    def close(self) -> None:
        pass


class GivenEngine:
    """An engine of any outputs, with a picture as its only input; a test sets what they are."""

    passed_over = ()

    def __init__(
        self, outputs: Mapping[str, np.ndarray], shape: tuple[int, ...] = (1, 16, 16, 3), dtype: type = np.uint8
    ):
        self.inputs = {'image': Tensor('image', np.dtype(dtype), shape)}
        self.results = dict(outputs)
        self.outputs = {name: Tensor(name, value.dtype, value.shape) for name, value in outputs.items()}
        self.picture = np.zeros(shape, dtype)
        self.runs = 0
        self.failing = False
        self.closed = False

    def input(self, name: str) -> np.ndarray:
        return self.picture

    def infer(self) -> Mapping[str, np.ndarray]:
        self.runs += 1
        if self.failing:
            raise EngineError('the engine is told to fail')
        return self.results

    def describe(self) -> str:
        return 'given'

    def close(self) -> None:
        self.closed = True


def told(task: str, outputs: Mapping[str, str], /, **fields: object) -> Manifest:
    """A manifest of a model of 16x16 pictures."""
    usual = {
        'name': 'told', 'task': task, 'file': 'told.onnx', 'sha256': '0' * 64, 'budget_ms': 5.0, 'outputs': outputs,
        'input': {'name': 'image', 'width': 16, 'height': 16, 'layout': 'nhwc', 'colour': 'bgr',
                  'normalisation': 'in_graph'},
    }  # fmt: skip
    return Manifest.model_validate(usual | fields)


def noise(seed: int = 0, height: int = 64, width: int = 96) -> np.ndarray:
    """A picture in which there is something; another seed is another picture."""
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
