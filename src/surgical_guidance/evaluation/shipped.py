"""The models that come with the package, or others by their manifests, as one observer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import ModelError
from surgical_guidance.evaluation.metrics.tips import Tip
from surgical_guidance.evaluation.observer import ModelInfo, Observation
from surgical_guidance.frames import Frame
from surgical_guidance.inference.manifest import DEFAULT_MODELS
from surgical_guidance.inference.pipeline import Pipeline, Result
from surgical_guidance.inference.readings import Choices, Levels
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import Segmentation

CAMERA_RATE = 30.0
"""The strides of manifests are meant for a camera of this rate [Hz]."""

_PHASE, _VERB = 'phase', 'verb'


class ShippedModels:
    """Models at work; see :class:`surgical_guidance.evaluation.observer.Observer`.

    A segmentation looks at every frame it is given. The others look as often as they would in the product, and between
    two looks what they said last holds.

    :param models: names or paths of manifests; empty: all that come with the package.
    :param threads: processor threads that one inference may use.
    :raises ModelError: if one cannot be used, or two are for the same task.
    """

    def __init__(self, models: Sequence[str] = (), threads: int = 2) -> None:
        self._builder = SceneBuilder()
        self._pipelines: dict[str, Pipeline] = {}
        try:
            for name in models or shipped_names():
                self._add(Pipeline.load(name, threads=threads))
        except ModelError:
            self.close()
            raise
        self._rate = 0.0
        self._count = 0
        self._last: dict[str, Result] = {}

    def _add(self, pipeline: Pipeline) -> None:
        other = self._pipelines.get(pipeline.manifest.task)
        if other is not None:
            pipeline.close()
            raise ModelError(
                f'{pipeline.manifest.name} and {other.manifest.name} are both for {pipeline.manifest.task}',
                where=str(pipeline.manifest.path),
                remedy='name one model for each task',
            )
        self._pipelines[pipeline.manifest.task] = pipeline

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """What is at work."""
        return tuple(
            ModelInfo(each.manifest.name, each.manifest.task, each.manifest.sha256, each.describe())
            for each in self._pipelines.values()
        )

    @property
    def classes(self) -> frozenset[str]:
        """The classes that its segmentation can give; empty without one."""
        return frozenset(name for each in self._pipelines.values() for name in each.manifest.classes)

    @property
    def events(self) -> frozenset[str]:
        """The events that it can claim."""
        multilabel = self._pipelines.get('multilabel')
        if multilabel is None:
            return frozenset()
        return frozenset(name for names in multilabel.manifest.heads.values() for name in names)

    def start(self, rate: float) -> None:
        """Forget what came before."""
        self._rate = rate
        self._count = 0
        self._last.clear()
        self._builder = SceneBuilder()
        for pipeline in self._pipelines.values():
            pipeline.forget()

    def look(self, image: NDArray[np.uint8]) -> Observation:
        """Look at the next frame."""
        frame = frame_of(image, self._count + 1, round(self._count / (self._rate or 1.0) * NS_PER_S))
        if self._rate == 0.0:
            self._builder = SceneBuilder()
        for task, pipeline in self._pipelines.items():
            if self._rate == 0.0:
                pipeline.forget()
            if task == 'semantic_segmentation' or self._count % self._step(pipeline) == 0:
                self._last[task] = pipeline.run(frame)
        self._count += 1
        return self._observation(frame)

    def close(self) -> None:
        """Give the engines back."""
        for pipeline in self._pipelines.values():
            pipeline.close()
        self._pipelines.clear()

    def _step(self, pipeline: Pipeline) -> int:
        """Give the stride for frames of this rate that is nearest in time to the manifest's."""
        return max(1, round(pipeline.manifest.stride * self._rate / CAMERA_RATE)) if self._rate else 1

    def _observation(self, frame: Frame) -> Observation:
        names: dict[str, str] = {}
        events: frozenset[str] | None = None
        levels: dict[str, float] = {}
        labels: NDArray[np.uint8] | None = None
        tips: tuple[Tip, ...] | None = None
        problems = []
        for task, result in self._last.items():
            reading = result.reading
            if result.problem:
                problems.append(f'{self._pipelines[task].manifest.name}: {result.problem}')
            if isinstance(reading, Segmentation):
                labels = contract_labels(reading)
                tips = self._tips(frame, reading)
            elif isinstance(reading, Choices):
                names |= {head: choice.name for head, choice in reading.heads.items()}
            elif isinstance(reading, Levels):
                events, levels = reading.active, dict(reading.levels)
        return Observation(labels, tips, names.get(_PHASE), names.get(_VERB), events, levels, tuple(problems))

    def _tips(self, frame: Frame, segmentation: Segmentation) -> tuple[Tip, ...]:
        scene = self._builder.build(frame, segmentation)
        return tuple(
            Tip(instrument.class_name, instrument.tip_x, instrument.tip_y, instrument.mm_per_px)
            for instrument in scene.instruments
            if instrument.tip_visible
        )


def shipped_names() -> list[str]:
    """Name the models that come with the package."""
    return sorted(DEFAULT_MODELS)


def contract_labels(segmentation: Segmentation) -> NDArray[np.uint8]:
    """Turn the network's own labels into indices of the contract's classes."""
    table = np.zeros(256, np.uint8)
    table[: len(segmentation.classes)] = [CLASSES.index(name) for name in segmentation.classes]
    return table[segmentation.labels]


def frame_of(image: NDArray[np.uint8], sequence: int, stamp_ns: int) -> Frame:
    """Give a picture the form of a camera's frame. It lies in no ring, so nothing overwrites it."""
    return Frame(sequence, stamp_ns, stamp_ns, image, 'bgr8', '', 0, lambda: sequence)
