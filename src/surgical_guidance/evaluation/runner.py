"""Runs models over a data set: one pass for the numbers, a second one over the few frames that are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import SourceError
from surgical_guidance.evaluation.example import Dataset, Example
from surgical_guidance.evaluation.metrics.tips import Tip
from surgical_guidance.evaluation.observer import Observer
from surgical_guidance.evaluation.selection import Selection
from surgical_guidance.evaluation.tally import FrameRecord, Tally

Tell = Callable[[int, int, str], None]
"""Takes frames done, frames in all (0: not known), and what is being looked at."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame that the report shows.

    :param take: name of its take.
    :param labels: what the segmentation says of it, ``uint8 (h, w)`` at the network's own size; None: nothing usable.
    :param tips: that were found in it.
    """

    take: str
    record: FrameRecord
    example: Example
    labels: NDArray[np.uint8] | None
    tips: tuple[Tip, ...]


def tally(dataset: Dataset, observer: Observer, every: int, tell: Tell) -> Tally:
    """Look at every ``every``-th frame of every take and add up how it fits. One frame is in memory at a time.

    :raises SourceError: if a frame or its truth cannot be read, or there is none.
    :raises EngineError: if an engine fails.
    """
    sums = Tally(dataset, observer)
    expected = [-(-take.frames // every) for take in dataset.takes]
    total = sum(expected) if all(expected) else 0
    for take in dataset.takes:
        sums.start(take.name, take.rate / every)
        observer.start(take.rate / every)
        for example in take.examples(lambda index: index % every == 0):
            sums.add(example, observer.look(example.image))
            tell(sums.frames, total, take.name)
        sums.end()
    if not sums.frames:
        raise SourceError('there is no frame in it', where=dataset.where)
    return sums


def look_again(dataset: Dataset, observer: Observer, groups: Sequence[Selection]) -> list[tuple[str, list[Shown]]]:
    """Look once more at the frames that are worth a picture; give them group by group, with the group's name.

    A segmentation knows no past, so it says the same again. Phase and events, which do, are those of the first pass.
    """
    wanted: dict[int, set[int]] = {}
    for group in groups:
        for record in group.frames:
            wanted.setdefault(record.take, set()).add(record.index)
    again: dict[tuple[int, int], tuple[Example, NDArray[np.uint8] | None, tuple[Tip, ...]]] = {}
    for number, indices in wanted.items():
        observer.start(0.0)
        for example in dataset.takes[number].examples(indices.__contains__):
            seen = observer.look(example.image)
            labels = None if seen.labels is None else seen.labels.copy()
            again[number, example.index] = example, labels, seen.tips or ()
    return [
        (
            group.name,
            [
                Shown(dataset.takes[record.take].name, record, *again[record.take, record.index])
                for record in group.frames
            ],
        )
        for group in groups
    ]
