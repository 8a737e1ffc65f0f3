"""The models that ship: how well they see patients and cameras they were never trained on, and what they cost.

Two operations give segmentation and tips once a second, and phase and action twice. Events are those of four operations
and of short scenarios, looked at five times a second in small pictures: what the view model looks at is smaller still.
``surgical-guidance evaluate`` measures the same in full, frame by frame, with pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from surgical_guidance.bench import Measured, Tell
from surgical_guidance.contract import INSTRUMENT_CLASSES
from surgical_guidance.evaluation.datasets.phantom_takes import EventTake, PhantomTake
from surgical_guidance.evaluation.example import Dataset, Origin
from surgical_guidance.evaluation.goals import GOAL_EVENTS
from surgical_guidance.evaluation.numbers import ALL, EventNumbers, numbers_of
from surgical_guidance.evaluation.runner import tally
from surgical_guidance.evaluation.shipped import CAMERA_RATE, ShippedModels, frame_of, shipped_names
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.phantom.truth import EVENTS

SIZE = (640, 360)
OPERATIONS = (('operation', 9001, 'elara'), ('operation', 9002, 'fermi'))  # cameras that no model is trained on
INCIDENTS = (
    *OPERATIONS,
    ('operation', 9001, 'fermi'),
    ('operation', 9002, 'elara'),
    ('active_bleeding', 9003, 'elara'),
    ('pooled_blood', 9004, 'fermi'),
    ('blind_clip', 9005, 'elara'),
    *(('smoke', 9006 + number, ('fermi', 'elara')[number % 2]) for number in range(8)),
    ('lens_fogged', 9008, 'fermi'),
)
SMALL = (320, 180)  # the view model looks at 288 x 160
EVERY, EVERY_INCIDENT = 20, 6  # frames from one that is looked at to the next: 1.5 Hz, and 5 Hz for events
VIEW = ('phantom_view',)
WORKERS = 2  # takes of incidents that are looked at side by side
RUNS, WARM_UP = 120, 20


def run(tell: Tell) -> Iterator[Measured]:
    """Measure what they see, then what they cost."""
    models = ShippedModels()
    try:
        operations = _dataset([PhantomTake(*take, *SIZE) for take in OPERATIONS])
        seen = numbers_of(tally(operations, models, EVERY, _part(tell, 0.0, 0.45)), operations)
    finally:
        models.close()
    with ThreadPoolExecutor(WORKERS) as pool:
        events = [event for part in pool.map(_events_of, INCIDENTS) for event in part]
    tell(0.95, 'events')
    assert seen.labels is not None
    assert seen.phase is not None
    assert seen.verb is not None
    yield Measured('miou', seen.labels.mean_iou, '')
    for name, iou, present in zip(seen.labels.classes, seen.labels.iou, seen.labels.present, strict=True):
        if present:
            yield Measured(f'iou_{name}', float(iou), '')
    for tips in seen.tips:
        if tips.class_name in (ALL, *INSTRUMENT_CLASSES):
            yield Measured(f'tip_error_median_{tips.class_name}', 100.0 * tips.median_share, '% of width')
            yield Measured(f'tips_found_{tips.class_name}', 100.0 * tips.found, '%')
    yield Measured('phase_accuracy', seen.phase.accuracy, '')
    yield Measured('verb_accuracy', seen.verb.accuracy, '')
    for name in GOAL_EVENTS:
        yield from _event(name, [event for event in events if event.name == name])
    yield from _cost(tell)


def _events_of(take: tuple[str, int, str]) -> Sequence[EventNumbers]:
    """Look at one take with the view model alone."""
    models = ShippedModels(VIEW, threads=1)
    try:
        dataset = _dataset([EventTake(*take, *SMALL)])
        return numbers_of(tally(dataset, models, EVERY_INCIDENT, lambda _done, _all, _what: None), dataset).events
    finally:
        models.close()


def _dataset(takes: Sequence[PhantomTake]) -> Dataset:
    return Dataset('phantom', 'benchmark models', Origin.PHANTOM, tuple(takes), EVENTS, ())


def _part(tell: Tell, start: float, end: float) -> Callable[[int, int, str], None]:
    def part(done: int, total: int, what: str) -> None:
        tell(start + (end - start) * min(1.0, done / max(total, 1)), what)

    return part


def _event(name: str, parts: Sequence[EventNumbers]) -> Iterator[Measured]:
    """Pool one kind of event over the data sets."""
    true, claimed, matched = (sum(getattr(part, field) for part in parts) for field in ('true', 'claimed', 'matched'))
    yield Measured(f'{name}_events', float(true), '')
    yield Measured(f'{name}_recall', matched / true if true else float('nan'), '')
    yield Measured(f'{name}_precision', matched / claimed if claimed else float('nan'), '')


def _cost(tell: Tell) -> Iterator[Measured]:
    """Measure frame to reading at 1080p on two threads, and what that makes for each frame at the models' strides."""
    image = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)
    total_ms = 0.0
    for number, name in enumerate(shipped_names()):
        tell(0.95 + 0.015 * number, f'cost of {name}')
        pipeline = Pipeline.load(name, threads=2)
        times = []
        for count in range(WARM_UP + RUNS):
            frame = frame_of(image, count + 1, round(count * 1e9 / CAMERA_RATE))
            start = time.perf_counter()
            pipeline.run(frame)
            times.append((time.perf_counter() - start) * 1e3)
        stride = pipeline.manifest.stride
        pipeline.close()
        p50, p99 = np.percentile(times[WARM_UP:], (50, 99))
        total_ms += float(np.mean(times[WARM_UP:])) / stride
        yield Measured(f'{name}_p50', float(p50), 'ms')
        yield Measured(f'{name}_p99', float(p99), 'ms')
    yield Measured('mean_a_frame', total_ms, 'ms')
    yield Measured('mean_load', 100.0 * total_ms / (1e3 / CAMERA_RATE), '% of 33 ms')
