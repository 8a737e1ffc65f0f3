"""What the models say of a frame, in the words of the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.evaluation.metrics.tips import Tip


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that was evaluated.

    :param name: of its manifest.
    :param task: of its manifest.
    :param sha256: of the network's file.
    :param engine: what ran it and on what, in one line.
    """

    name: str
    task: str
    sha256: str
    engine: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What the models say of one frame. None: no model says it, or what it says cannot be believed.

    :param labels: ``uint8 (h, w)`` at the model's own size, indices into
        :data:`surgical_guidance.contract.CLASSES`; its own memory, nobody else writes it.
    :param tips: of the instruments found whose tip is visible, in pixels of the picture; None without a segmentation.
    :param phase: name of the phase.
    :param verb: name of the action.
    :param events: those that a model claims.
    :param levels: how sure it is of each, or how strong each is, 0 to 1.
    :param problems: why something is None, in words.
    """

    labels: NDArray[np.uint8] | None = None
    tips: tuple[Tip, ...] | None = None
    phase: str | None = None
    verb: str | None = None
    events: frozenset[str] | None = None
    levels: Mapping[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class Observer(Protocol):
    """Models at work on takes, one frame after another."""

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """What is at work."""

    @property
    def classes(self) -> frozenset[str]:
        """The classes that its segmentation can give; empty without one."""

    @property
    def events(self) -> frozenset[str]:
        """The events that it can claim."""

    def start(self, rate: float) -> None:
        """Forget what came before: another take begins.

        :param rate: of the frames that will come [Hz]; 0: they do not follow each other in time.
        """

    def look(self, image: NDArray[np.uint8]) -> Observation:
        """Look at the next frame, ``uint8 (h, w, 3)`` bgr8.

        :raises EngineError: if an engine fails.
        """

    def close(self) -> None:
        """Give the engines back."""
