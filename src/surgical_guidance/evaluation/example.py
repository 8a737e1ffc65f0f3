"""What is evaluated on: takes of frames, each frame with as much truth as its data set has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.evaluation.metrics.tips import Tip


class Origin(StrEnum):
    """Where pictures come from; the report says it with every number."""

    PHANTOM = 'phantom'
    REAL = 'real'


@dataclass(frozen=True, slots=True)
class Example:
    """One frame and what is known of it. None: the data set does not say.

    :param index: of the frame in its take, from 0.
    :param name: for people: a file name or a number.
    :param image: ``uint8 (h, w, 3)``, bgr8.
    :param labels: ``uint8 (h, w)``, indices into :data:`surgical_guidance.contract.CLASSES`;
        :data:`surgical_guidance.evaluation.metrics.overlap.VOID` where nobody knows.
    :param instrument: ``bool (h, w)``, where an instrument is, whichever.
    :param tips: of the instruments whose tip is visible.
    :param phase: name of the surgical phase.
    :param verb: name of the action.
    :param events: names of what goes on.
    """

    index: int
    name: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None = None
    instrument: NDArray[np.bool_] | None = None
    tips: tuple[Tip, ...] | None = None
    phase: str | None = None
    verb: str | None = None
    events: frozenset[str] | None = None


def every_one(index: int) -> bool:
    """Want every frame of a take."""
    return index >= 0


class Take(Protocol):
    """Frames that follow each other, or that at least belong together."""

    @property
    def name(self) -> str:
        """For people, and the same on every machine."""

    @property
    def frames(self) -> int:
        """About how many it has, for a progress bar; 0 where nobody knows before the end."""

    @property
    def rate(self) -> float:
        """Frames per second [Hz]; 0 where the frames do not follow each other in time."""

    def examples(self, wanted: Callable[[int], bool] = every_one) -> Iterator[Example]:
        """Give the frames whose index is wanted, one after another. The others cost as little as can be.

        :raises SourceError: if a frame or its truth cannot be read: which file, and what to do.
        """


@dataclass(frozen=True, slots=True)
class Dataset:
    """Takes of one kind.

    :param kind: what was recognised, for people.
    :param where: folder, or what was rendered.
    :param origin: of the pictures.
    :param takes: at least one.
    :param events: names of the events that its truth tells of; others are not counted there.
    :param remarks: what a reader of the numbers has to know.
    """

    kind: str
    where: str
    origin: Origin
    takes: tuple[Take, ...]
    events: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
