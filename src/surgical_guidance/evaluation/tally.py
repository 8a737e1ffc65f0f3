"""Adds up, frame by frame, how what the models say fits the truth. It keeps numbers, never pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES, INSTRUMENT_CLASSES
from surgical_guidance.evaluation.example import Dataset, Example
from surgical_guidance.evaluation.metrics.events import EventMatch, Interval, intervals, match
from surgical_guidance.evaluation.metrics.overlap import VOID, Confusion, mean_iou
from surgical_guidance.evaluation.metrics.tips import TipError, tip_errors
from surgical_guidance.evaluation.observer import Observation, Observer

REST, INSTRUMENT = 'rest', 'instrument'
CLEAR = 'clear view'

TOLERANCE_S = 0.5
"""How much too early a claim may come [I]."""

GAP_S = 0.5
"""Pauses that are bridged in what a model claims [I]: advice holds its suggestions at least as long."""

SHORTEST_S = 0.2
"""Claims that are shorter than this do not count [I]: no rule speaks on them either."""

_IS_INSTRUMENT = np.isin(np.arange(256), [CLASSES.index(name) for name in INSTRUMENT_CLASSES]).astype(np.uint8)
_IS_INSTRUMENT[VOID] = VOID


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """What is remembered of a frame.

    :param take: index of the take in the data set.
    :param index: of the frame in its take.
    :param name: of the frame.
    :param score: mean IoU of this frame alone over the classes in its truth, or the instrument's IoU where the truth is
        binary; NaN without such truth.
    """

    take: int
    index: int
    name: str
    score: float
    phase: str | None
    true_phase: str | None
    verb: str | None
    true_verb: str | None
    events: frozenset[str]
    true_events: frozenset[str]
    levels: Mapping[str, float]


@dataclass(slots=True)
class Timeline:
    """One kind of event in one take.

    :param true: when it really goes on [frames looked at].
    :param claimed: when a model says so.
    :param matched: how the two fit.
    """

    true: list[Interval]
    claimed: list[Interval]
    matched: EventMatch


@dataclass(slots=True)
class TakeRecord:
    """What is remembered of a take.

    :param rate: of the frames looked at [Hz]; 0: they do not follow each other in time.
    :param timelines: by event; those that both the truth and a model tell of.
    """

    name: str
    rate: float
    frames: list[FrameRecord] = field(default_factory=list)
    timelines: dict[str, Timeline] = field(default_factory=dict)


@dataclass(slots=True)
class ViewSums:
    """The frames in which one thing disturbs the view, or nothing does."""

    labels: Confusion = field(default_factory=lambda: Confusion(CLASSES))
    tips: list[TipError] = field(default_factory=list)
    frames: int = 0


class Tally:
    """The sums.

    :param dataset: what is looked at.
    :param observer: what looks.
    """

    def __init__(self, dataset: Dataset, observer: Observer) -> None:
        self.labels = Confusion(CLASSES)
        self.binary = Confusion((REST, INSTRUMENT))
        self.tips: list[TipError] = []
        self.false_tips = 0
        self.takes: list[TakeRecord] = []
        self.views: dict[str, ViewSums] = {}
        self.problems: dict[str, int] = {}
        self.unbelieved = 0
        self.width = self.height = 0
        self.events = tuple(name for name in dataset.events if name in observer.events)
        self._segments = bool(observer.classes)

    @property
    def frames(self) -> int:
        """How many frames were looked at."""
        return sum(len(take.frames) for take in self.takes)

    def start(self, name: str, rate: float) -> None:
        """Begin a take."""
        self.takes.append(TakeRecord(name, rate))

    def add(self, example: Example, seen: Observation) -> None:
        """Count a frame of the take that was begun last."""
        for problem in seen.problems:
            self.problems[problem] = self.problems.get(problem, 0) + 1
        self.height, self.width = example.image.shape[:2]
        self._add_tips(example, seen)
        self.takes[-1].frames.append(
            FrameRecord(
                take=len(self.takes) - 1,
                index=example.index,
                name=example.name,
                score=self._add_labels(example, seen),
                phase=seen.phase,
                true_phase=example.phase,
                verb=seen.verb,
                true_verb=example.verb,
                events=seen.events or frozenset(),
                true_events=example.events or frozenset(),
                levels=seen.levels,
            )
        )

    def end(self) -> None:
        """End the take: what needs all of its frames is counted now."""
        take = self.takes[-1]
        for name in self.events:
            true = intervals([name in frame.true_events for frame in take.frames])
            claimed = intervals(
                [name in frame.events for frame in take.frames],
                round(GAP_S * take.rate),
                max(1, round(SHORTEST_S * take.rate)),
            )
            take.timelines[name] = Timeline(true, claimed, match(true, claimed, round(TOLERANCE_S * take.rate)))

    def _add_labels(self, example: Example, seen: Observation) -> float:
        """Count the pixels of a frame, at the size of the truth; give its own score."""
        truth = example.labels if example.labels is not None else example.instrument
        if truth is None or not self._segments:
            return math.nan
        if seen.labels is None:
            found = np.zeros(truth.shape, np.uint8)  # nothing usable: nothing was found but background
            self.unbelieved += 1
        else:
            found = enlarged(seen.labels, truth.shape)
        if example.labels is None:
            own = self.binary.add(truth.astype(np.uint8), is_instrument(found))
            union = own.sum() - own[0, 0]
            return float(own[1, 1] / union) if union else 1.0
        self.binary.add(is_instrument(example.labels), is_instrument(found))
        own = self.labels.add(example.labels, found)
        for view in self._views(example):
            view.labels.counts += own
            view.frames += 1
        return mean_iou(own)

    def _add_tips(self, example: Example, seen: Observation) -> None:
        if example.tips is None or not self._segments:
            return
        errors, false = tip_errors(example.tips, seen.tips or (), example.image.shape[1])
        self.tips += errors
        self.false_tips += false
        for view in self._views(example):
            view.tips += errors

    def _views(self, example: Example) -> list[ViewSums]:
        """Give the sums of what goes on in a frame; of :data:`CLEAR` where nothing does."""
        if example.events is None:
            return []
        return [self.views.setdefault(name, ViewSums()) for name in sorted(example.events) or (CLEAR,)]


def is_instrument(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give 1 where the class is an instrument, 0 where it is not, and what is not known as it is."""
    return _IS_INSTRUMENT[labels]


def enlarged(labels: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Give labels at another size, ``(rows, columns)``; no value is invented between two classes."""
    if labels.shape == shape:
        return labels
    return np.asarray(cv2.resize(labels, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST_EXACT))
