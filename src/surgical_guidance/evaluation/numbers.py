"""From the sums to the numbers of a report: tables for people, and ``report.json`` for machines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from surgical_guidance.evaluation import goals
from surgical_guidance.evaluation.example import Dataset, Origin
from surgical_guidance.evaluation.goals import Headline, headline
from surgical_guidance.evaluation.metrics.overlap import Confusion
from surgical_guidance.evaluation.metrics.segments import edit_score, frame_accuracy
from surgical_guidance.evaluation.metrics.tips import TipError, median
from surgical_guidance.evaluation.tally import CLEAR, FrameRecord, TakeRecord, Tally

ALL = 'all'
NONE = 'nothing said'
"""The column of a confusion matrix of names for frames of which no model said anything."""


@dataclass(frozen=True, slots=True)
class EventNumbers:
    """One kind of event over all takes.

    :param true: events there were.
    :param claimed: events that a model claimed.
    :param matched: claims that belong to an event.
    :param recall: ``matched / true``; NaN where there were none.
    :param precision: ``matched / claimed``; NaN where none were claimed.
    :param latency_median: begin of the claim minus begin of the event [frames looked at]; NaN where none matched.
    :param latency_max: [frames looked at].
    :param latency_median_s: the same in seconds.
    :param frame_recall: share of the frames of true events in which the event was claimed, before bridging.
    :param frame_precision: share of the frames with a claim in which the event was true.
    """

    name: str
    true: int
    claimed: int
    matched: int
    recall: float
    precision: float
    latency_median: float
    latency_max: float
    latency_median_s: float
    frame_recall: float
    frame_precision: float


@dataclass(frozen=True, slots=True)
class NameNumbers:
    """How well a name, of the phase or the action, was told over all takes.

    :param accuracy: share of frames whose name is right.
    :param edit: mean over the takes of the segmental edit score.
    :param confusion: true name by found name, frames.
    """

    frames: int
    accuracy: float
    edit: float
    confusion: Confusion


@dataclass(frozen=True, slots=True)
class TipNumbers:
    """How well tips were found, all true visible tips counted; those not found are infinitely far.

    :param class_name: of the instruments, or ``all``.
    :param true: visible tips there are.
    :param found: share of them for which a tip was found.
    """

    class_name: str
    true: int
    found: float
    median_px: float
    median_share: float
    median_mm: float
    p90_share: float


@dataclass(frozen=True, slots=True)
class ViewNumbers:
    """The frames in which one thing goes on, or nothing does.

    :param mean_iou: pooled over these frames, over the classes present in them.
    :param tip_median_share: median tip error [share of the width]; NaN without a visible tip.
    """

    frames: int
    mean_iou: float
    tip_median_share: float


@dataclass(frozen=True, slots=True)
class TakeNumbers:
    """One take.

    :param score: mean over its frames of the score of each; NaN without labels in the truth.
    :param phase_accuracy: NaN without a true phase, or a model that tells one.
    """

    name: str
    frames: int
    score: float
    phase_accuracy: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything that was measured. None: nothing to measure it on."""

    headlines: tuple[Headline, ...]
    labels: Confusion | None
    binary: Confusion | None
    binary_mean_iou: float
    tips: tuple[TipNumbers, ...]
    phase: NameNumbers | None
    verb: NameNumbers | None
    events: tuple[EventNumbers, ...]
    views: dict[str, ViewNumbers]
    takes: tuple[TakeNumbers, ...]


def numbers_of(sums: Tally, dataset: Dataset) -> Numbers:
    """Work out the numbers."""
    labels = sums.labels if sums.labels.pixels else None
    binary = sums.binary if sums.binary.pixels else None
    scores = [frame.score for take in sums.takes for frame in take.frames if not math.isnan(frame.score)]
    measured = Numbers(
        headlines=(),
        labels=labels,
        binary=binary,
        binary_mean_iou=sum(scores) / len(scores) if scores and labels is None else math.nan,
        tips=_tips(sums.tips),
        phase=_names(sums, lambda frame: (frame.true_phase, frame.phase)),
        verb=_names(sums, lambda frame: (frame.true_verb, frame.verb)),
        events=tuple(_event(sums, name) for name in sums.events),
        views={
            name: ViewNumbers(view.frames, view.labels.mean_iou, median([tip.share for tip in view.tips]))
            for name, view in sorted(sums.views.items(), key=lambda item: (item[0] != CLEAR, item[0]))
        },
        takes=tuple(map(_take, sums.takes)),
    )
    return replace(measured, headlines=tuple(_headlines(measured, dataset.origin is Origin.PHANTOM)))


def _tips(errors: Sequence[TipError]) -> tuple[TipNumbers, ...]:
    if not errors:
        return ()
    names = sorted({error.class_name for error in errors})
    groups = [(ALL, list(errors)), *((name, [error for error in errors if error.class_name == name]) for name in names)]
    return tuple(
        TipNumbers(
            class_name=name,
            true=len(group),
            found=sum(error.found for error in group) / len(group),
            median_px=median([error.px for error in group]),
            median_share=median([error.share for error in group]),
            median_mm=median([error.mm for error in group if not math.isnan(error.mm)]),
            p90_share=_percentile([error.share for error in group], 0.9),
        )
        for name, group in groups
    )


def _names(sums: Tally, names: Callable[[FrameRecord], tuple[str | None, str | None]]) -> NameNumbers | None:
    """Compare true and found names; None where no frame has a true one, or no model ever said one."""
    takes = [[(true, found) for true, found in map(names, take.frames) if true is not None] for take in sums.takes]
    pairs = [pair for take in takes for pair in take]
    if not any(found is not None for _, found in pairs):
        return None
    known = tuple(dict.fromkeys(name for side in (0, 1) for pair in pairs if (name := pair[side]) is not None))
    confusion = Confusion((*known, NONE))
    index = {name: number for number, name in enumerate(known)} | {None: len(known)}
    true, found = (np.array([index[pair[side]] for pair in pairs], np.uint8) for side in (0, 1))
    confusion.add(true, found)
    edits = [edit_score([true for true, _ in take], [found for _, found in take]) for take in takes if take]
    return NameNumbers(
        frames=len(pairs),
        accuracy=frame_accuracy([true for true, _ in pairs], [found for _, found in pairs]),
        edit=sum(edits) / len(edits),
        confusion=confusion,
    )


def _take(take: TakeRecord) -> TakeNumbers:
    scores = [frame.score for frame in take.frames if not math.isnan(frame.score)]
    phases = [(frame.true_phase, frame.phase) for frame in take.frames if frame.true_phase is not None]
    told = any(found is not None for _, found in phases)
    return TakeNumbers(
        take.name,
        len(take.frames),
        sum(scores) / len(scores) if scores else math.nan,
        sum(true == found for true, found in phases) / len(phases) if told else math.nan,
    )


def _event(sums: Tally, name: str) -> EventNumbers:
    lines = [(take.timelines[name], take.rate) for take in sums.takes]
    frames = [frame for take in sums.takes for frame in take.frames]
    true = sum(len(line.true) for line, _ in lines)
    claimed = sum(len(line.claimed) for line, _ in lines)
    latencies = [float(frames) for line, _ in lines for frames in line.matched.latencies]
    seconds = [frames / rate for line, rate in lines if rate for frames in line.matched.latencies]
    both = sum(name in frame.events and name in frame.true_events for frame in frames)
    return EventNumbers(
        name=name,
        true=true,
        claimed=claimed,
        matched=len(latencies),
        recall=_share(len(latencies), true),
        precision=_share(len(latencies), claimed),
        latency_median=median(latencies),
        latency_max=max(latencies, default=math.nan),
        latency_median_s=median(seconds),
        frame_recall=_share(both, sum(name in frame.true_events for frame in frames)),
        frame_precision=_share(both, sum(name in frame.events for frame in frames)),
    )


def _headlines(measured: Numbers, phantom: bool) -> Iterator[Headline]:
    """Give the numbers on top. Goals are set for the phantom alone."""
    if measured.labels is not None:
        yield headline(
            'mean IoU', measured.labels.mean_iou, 'over the classes present, pixels pooled over all frames',
            at_least=goals.MEAN_IOU if phantom else None,
        )  # fmt: skip
    if measured.binary is not None:
        yield headline('instrument IoU', float(measured.binary.iou[1]), 'instrument against the rest, pixels pooled')
    if measured.labels is None and measured.binary is not None:
        yield headline('instrument IoU by frame', measured.binary_mean_iou, 'mean over the frames')
    if measured.tips:
        everything = measured.tips[0]
        yield headline(
            'tip error, median', 100 * everything.median_share, "of the picture's width; not found is infinitely far",
            '%', at_most=100 * goals.TIP_SHARE if phantom else None,
        )  # fmt: skip
        yield headline('tip error, median', everything.median_mm, 'at the true scale of the instrument', 'mm')
    if measured.phase is not None:
        yield headline(
            'phase accuracy', measured.phase.accuracy, 'share of frames whose phase is right',
            at_least=goals.PHASE_ACCURACY if phantom else None,
        )  # fmt: skip
        yield headline('phase edit score', measured.phase.edit, 'the right segments in the right order, none too many')
    if measured.verb is not None:
        yield headline('action accuracy', measured.verb.accuracy, 'share of frames whose action is right')
    for event in measured.events:
        if event.name in goals.GOAL_EVENTS:
            yield headline(
                f'{event.name} recall', event.recall, f'{event.matched} of {event.true} events noticed',
                at_least=goals.EVENT_RECALL if phantom else None,
            )  # fmt: skip
            yield headline(
                f'{event.name} precision', event.precision, f'{event.matched} of {event.claimed} claims right',
                at_least=goals.EVENT_PRECISION if phantom else None,
            )  # fmt: skip


def _percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that at least this share of the values do not exceed; infinities count."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
