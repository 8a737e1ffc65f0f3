"""Advice: the right word at the right frame on a few takes, how far distances can be trusted, and what it costs.

``surgical-guidance evaluate advice`` measures the first in full, with pictures, also as the models see; ``bench scene``
measures distances and the scene's part of the cost in more detail.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from _checkerboard import SQUARE_MM, square_mm
from _millimetres import of_phantom
from scene import BOARD, built
from surgical_guidance.advice.rules import load
from surgical_guidance.advice.synthesiser import Synthesiser
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.container import FRAME_PATH_NICE, SWITCH_S, keep_memory, take_priority
from surgical_guidance.evaluation.advice.scenes import TrueScenes
from surgical_guidance.evaluation.advice.tally import EXACT, TakeName, evaluate
from surgical_guidance.scene.state import Energy, SceneState

TAKES = (
    ('hook_near_bowel', 9401), ('energised_tip_hidden', 9402), ('blind_clip', 9403), ('smoke', 9404),
    ('below_the_line', 9405), ('out_of_body', 9406),
)  # fmt: skip
"""Patients of no tuning."""

SIZE = (960, 540)
MANY, FEWER_TOOLS, FEWER_STRUCTURES = (10, 12), (5, 12), (10, 6)  # instruments and structures


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
    yield Measured('largest_error', float(max(map(abs, every.delays), default=math.nan)), 'frames')


def _distances(tell: Tell) -> Iterator[Measured]:
    tell(0.5, 'millimetres')
    for method, found in of_phantom().items():
        yield Measured(f'{method}_within_two_sigma', 100.0 * found.within, '%')
        yield Measured(f'{method}_relative_error_median', 100.0 * found.relative_error, '%')
    if BOARD.is_dir():  # a real pair, where it lies beside the source tree
        yield Measured('checkerboard_error', 100.0 * abs(square_mm(BOARD) / SQUARE_MM - 1.0), '%')


def _cost(tell: Tell) -> Iterator[Measured]:
    """Measure scene and advice of frames full of instruments and structures, and how that grows with their numbers."""
    tell(0.9, 'cost')
    cv2.setNumThreads(1)  # this and the rest as the container of the frame path does
    sys.setswitchinterval(SWITCH_S)
    take_priority(FRAME_PATH_NICE)
    keep_memory()
    medians = {}
    for size in (FEWER_TOOLS, FEWER_STRUCTURES, MANY):  # warm when it counts, as after the first seconds
        scene_ms, advice_ms = _timed(*size)
        whole = scene_ms + advice_ms
        medians[size] = float(np.median(whole))
        if size == MANY:
            yield Measured('scene_and_advice_p50', float(np.median(whole)), 'ms')
            yield Measured('scene_and_advice_p99', float(np.percentile(whole, 99)), 'ms')
            yield Measured('advice_p50', float(np.median(advice_ms)), 'ms')
            yield Measured('advice_p99', float(np.percentile(advice_ms, 99)), 'ms')
    yield Measured('growth_exponent_instruments', math.log2(medians[MANY] / medians[FEWER_TOOLS]), '')
    yield Measured('growth_exponent_structures', math.log2(medians[MANY] / medians[FEWER_STRUCTURES]), '')


def _timed(instruments: int, structures: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    synthesiser = Synthesiser(load())
    scene_ms, advice_ms = [], []
    for taken_s, scene in built(instruments, structures):
        full = _with_all(scene)
        start = time.perf_counter()
        synthesiser.on_scene(full)
        advice_ms.append((time.perf_counter() - start) * 1e3)
        scene_ms.append(taken_s * 1e3)
    return np.array(scene_ms), np.array(advice_ms)


def _with_all(scene: SceneState) -> SceneState:
    """Add what else rules look at; the stage times go, as its frame was not captured just now and would be late."""
    return replace(
        scene,
        stages=(),
        phase='CalotTriangleDissection',
        phase_probability=0.9,
        action='dissect',
        action_probability=0.9,
        critical_view=(1.0, 0.0, 0.0),
        energy=Energy.ON,
    )
