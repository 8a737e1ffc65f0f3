"""Advice: the right word at the right frame on a few takes, how far distances can be trusted, and what it costs.

``surgical-guidance evaluate advice`` measures the first in full, with pictures, also as the models see.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.advice.rules import load
from surgical_guidance.advice.synthesiser import Synthesiser
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import CLASSES, INSTRUMENT_CLASSES, PHASES, STRUCTURE_CLASSES
from surgical_guidance.evaluation.advice.scenes import TrueScenes
from surgical_guidance.evaluation.advice.tally import EXACT, TakeName, evaluate
from surgical_guidance.evaluation.shipped import frame_of
from surgical_guidance.phantom.take import Take
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import Condition, Context, Energy, Segmentation

TAKES = (
    ('hook_near_bowel', 9401), ('energised_tip_hidden', 9402), ('blind_clip', 9403), ('smoke', 9404),
    ('below_the_line', 9405), ('out_of_body', 9406),
)  # fmt: skip
"""Patients of no tuning."""

DISTANCE_TAKES = (('hook_near_bowel', 9407), ('suspected_artery_near', 9408))
EVERY = 5  # frames from one whose distances are measured to the next
NEAR_MM = 30.0  # distances that a rule may ask for
SIZE, LABELS = (960, 540), (512, 288)
MANY, FEW = (10, 12), (5, 6)  # instruments and structures
FRAMES, WARM_UP = 400, 40
RATE = 30.0


def run(tell: Tell) -> Iterator[Measured]:
    """Measure the three."""
    yield from _logic(tell)
    yield from _distances(tell)
    yield from _cost(tell)


def _logic(tell: Tell) -> Iterator[Measured]:
    takes = [TakeName(scenario, seed, 'plain', *SIZE) for scenario, seed in TAKES]
    sums = evaluate(
        takes, TrueScenes(), load(), EXACT, lambda done, total, what: tell(0.5 * done / max(total, 1), what)
    )
    every = sums.all
    yield Measured('due', float(every.due), '')
    yield Measured('recall', every.recall, '')
    yield Measured('precision', every.precision, '')
    yield Measured('largest_error', float(max(map(abs, every.delays), default=0)), 'frames')


def _distances(tell: Tell) -> Iterator[Measured]:
    """Measure with one eye, on true label maps: what a shaft of known width makes of them."""
    within, relative = [], []
    for number, (scenario, seed) in enumerate(DISTANCE_TAKES):
        tell(0.5 + 0.15 * number, f'distances in {scenario}')
        take, builder = Take(scenario, seed, *SIZE), SceneBuilder()
        image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        for index in range(0, take.frames, EVERY):
            take.render(index, image)
            labels = take.labels(index, *LABELS)
            segmentation = Segmentation(labels, np.full_like(labels, 255), CLASSES)
            frame = frame_of(image, index + 1, round((1.0 + index / take.rate) * NS_PER_S))
            scene, truth = builder.build(frame, segmentation), take.truth(index)
            for near in scene.proximities:
                tool = scene.instruments[near.instrument]
                true = truth.instrument(tool.class_name)
                name = scene.structures[near.structure].class_name
                if true is None or name not in ('gastrointestinal_tract', 'cystic_artery', 'cystic_duct'):
                    continue
                distance = true.distances.get(name)
                if distance is None or distance.mm > NEAR_MM or not math.isfinite(near.distance_mm):
                    continue
                within.append(abs(near.distance_mm - distance.mm) <= 2.0 * near.sigma_mm)
                relative.append(abs(near.distance_mm - distance.mm) / distance.mm)
    yield Measured('distances', float(len(within)), '')
    yield Measured('within_two_sigma', 100.0 * float(np.mean(within)), '%')
    yield Measured('relative_error_median', 100.0 * float(np.median(relative)), '%')


def _cost(tell: Tell) -> Iterator[Measured]:
    """Measure scene and advice of frames full of instruments and structures, and how that grows with their numbers."""
    tell(0.85, 'cost')
    cv2.setNumThreads(1)  # as in the product
    medians = {}
    for instruments, structures in (MANY, (FEW[0], MANY[1]), (MANY[0], FEW[1])):
        scene_ms, advice_ms = _timed(instruments, structures)
        whole = scene_ms + advice_ms
        medians[instruments, structures] = float(np.median(whole))
        if (instruments, structures) == MANY:
            yield Measured('scene_and_advice_p50', float(np.median(whole)), 'ms')
            yield Measured('scene_and_advice_p99', float(np.percentile(whole, 99)), 'ms')
            yield Measured('advice_p50', float(np.median(advice_ms)), 'ms')
            yield Measured('advice_p99', float(np.percentile(advice_ms, 99)), 'ms')
    for name, fewer in (('instruments', (FEW[0], MANY[1])), ('structures', (MANY[0], FEW[1]))):
        yield Measured(f'growth_exponent_{name}', math.log2(medians[MANY] / medians[fewer]), '')


def _timed(instruments: int, structures: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    builder, synthesiser = SceneBuilder(), Synthesiser(load())
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8), (0, 0), 3.0)
    scene_ms, advice_ms = [], []
    for count in range(WARM_UP + FRAMES):
        labels = _labels(instruments, structures, count)
        segmentation = Segmentation(labels, np.full_like(labels, 250), CLASSES)
        frame = frame_of(np.asarray(image, np.uint8), count + 1, round((1.0 + count / RATE) * NS_PER_S))
        start = time.perf_counter()
        scene = builder.build(frame, segmentation, context=_CONTEXT)
        scene = replace(scene, stages=())  # its frame was not captured just now, and would count as late
        between = time.perf_counter()
        synthesiser.on_scene(scene)
        scene_ms.append((between - start) * 1e3)
        advice_ms.append((time.perf_counter() - between) * 1e3)
    if len(scene.instruments) != instruments or len(scene.structures) != structures:
        raise AssertionError(f'{len(scene.instruments)} instruments and {len(scene.structures)} structures were found')
    return np.array(scene_ms[WARM_UP:]), np.array(advice_ms[WARM_UP:])


_CONTEXT = Context(
    phase=PHASES[1],
    phase_probability=0.9,
    action='dissect',
    action_probability=0.9,
    conditions=(Condition('smoke', 0.2, False), Condition('fog', 0.1, False), Condition('bleeding', 0.3, True)),
    energy=Energy.ON,
    critical_view=(1.0, 0.0, 0.0),
)


def _labels(instruments: int, structures: int, count: int) -> NDArray[np.uint8]:
    """Draw a label map: structures as discs, instruments as rods from the upper and lower border, all trembling."""
    labels = np.zeros((LABELS[1], LABELS[0]), np.uint8)
    sway = 2.0 * math.sin(0.3 * count)
    for number in range(structures):
        row, column = divmod(number, 6)
        at = (45 + 84 * column + round(sway), 110 + 70 * row)
        cv2.circle(labels, at, 24, CLASSES.index(STRUCTURE_CLASSES[number % len(STRUCTURE_CLASSES)]), -1)
    for number in range(instruments):
        x = 30 + (number % 5) * 112 + round(sway)
        y, end = (0, 70) if number < 5 else (LABELS[1] - 1, LABELS[1] - 70)
        cv2.line(labels, (x, y), (x + 12, end), CLASSES.index(INSTRUMENT_CLASSES[number % 4]), 11)
    return labels
