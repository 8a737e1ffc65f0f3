"""Scenes of takes of the phantom: as they truly are, and as the models that ship see them.

What no picture tells comes from the truth both times, as it would come from devices and people in an operation: whether
current flows (a pedal), which structures have been identified and how far the critical view is met (somebody says so).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.evaluation.shipped import frame_of
from surgical_guidance.evaluation.truth_scene import GROWING, ground_truth_scene
from surgical_guidance.inference.lineup import Lineup
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import FrameTruth
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import Energy, SceneState, Structure

LABELS = (320, 180)
"""Size of the label maps that true scenes are made from [px]."""

GIVEN = ('whether current flows', 'which structures have been identified', 'the critical view of safety')
"""What comes from the truth even where the models see."""

_BUDGET_MS = 1e9  # every model looks whenever its turn comes: the machine that evaluates has time
_BLOOD = 'blood'


class SceneMaker(Protocol):
    """Makes the scenes of a take."""

    @property
    def name(self) -> str:
        """``truth`` or ``models``."""

    @property
    def models(self) -> tuple[str, ...]:
        """What sees, one line each."""

    def scenes(self, take: Take, truths: Sequence[FrameTruth]) -> Iterator[SceneState]:
        """Give the scene of frame after frame.

        :param truths: of all frames of the take.
        """

    def close(self) -> None:
        """Give back what it holds."""


class TrueScenes:
    """Scenes as a perfect perception would give them."""

    name = 'truth'
    models: tuple[str, ...] = ()

    def scenes(self, take: Take, truths: Sequence[FrameTruth]) -> Iterator[SceneState]:
        """Give the scene of frame after frame.

        :param truths: of all frames of the take.
        """
        for index, truth in enumerate(truths):
            yield with_first_blood(ground_truth_scene(truth, take.labels(index, *LABELS)), truth)

    def close(self) -> None:
        """Do nothing: it holds nothing."""


class SeenScenes:
    """Scenes as the models see rendered frames, through the pipelines and the scene builder of the product.

    :param models: names or paths of manifests; empty: those that come with the package.
    :param threads: processor threads that one inference may use.
    :raises ModelError: if one cannot be used.
    """

    name = 'models'

    def __init__(self, models: Sequence[str] = (), threads: int = 2) -> None:
        options = {'models': models} if models else {}
        self._lineup = Lineup.load(threads=threads, budget_ms=_BUDGET_MS, **options)  # type: ignore[arg-type]

    @property
    def models(self) -> tuple[str, ...]:
        """What sees, one line each."""
        return tuple(f'{each.manifest.name} ({each.manifest.sha256[:12]})' for each in self._lineup.members)

    def scenes(self, take: Take, truths: Sequence[FrameTruth]) -> Iterator[SceneState]:
        """Give the scene of frame after frame.

        :param truths: of all frames of the take.
        """
        self._lineup.forget()
        builder = SceneBuilder()
        image = np.empty((take.height, take.width, 3), np.uint8)
        for index, truth in enumerate(truths):
            take.render(index, image)
            frame = frame_of(image, index + 1, round((1.0 + truth.time_s) * NS_PER_S))
            look = self._lineup.look(frame)
            context = replace(
                look.context,
                energy=Energy.ON if truth.energy else Energy.OFF,
                critical_view=truth.critical_view,
                identified=truth.identified,
            )
            scene = builder.build(frame, look.segmentation, look.problem, context=context)
            yield replace(scene, stages=())  # how long it took is no matter here, and differs every time

    def close(self) -> None:
        """Give the engines back."""
        self._lineup.close()


def with_first_blood(scene: SceneState, truth: FrameTruth) -> SceneState:
    """Add blood that is there but still too small for an outline: a perfect perception knows of the first drop."""
    bleeding = truth.events.bleeding
    if bleeding is None or any(one.class_name == _BLOOD for one in scene.structures):
        return scene
    drop = Structure(
        _BLOOD,
        1.0,
        np.empty((0, 2), np.float32),
        bleeding.share,
        growth=GROWING if bleeding.growing else 0.0,
        source_x=bleeding.source[0],
        source_y=bleeding.source[1],
    )
    return replace(scene, structures=(*scene.structures, drop))
