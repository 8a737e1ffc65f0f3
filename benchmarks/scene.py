"""The scene: what a frame costs with so many instruments and structures, and how right its millimetres are.

The pictures are 1080p from the phantom, the label maps are drawn at the network's size, with all conditions told by a
model, as in the product. Every fourth frame also looks at the horizon; all of that is in the figures.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from _checkerboard import SQUARE_MM, square_mm
from _millimetres import of_phantom
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.clock import monotonic_ns
from surgical_guidance.contract import CLASSES, CONDITIONS, INSTRUMENT_CLASSES, STRUCTURE_CLASSES
from surgical_guidance.phantom.take import Take
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import Condition, Context, SceneState, Segmentation

ROWS, COLUMNS = 288, 512
WIDTH, HEIGHT = 1920, 1080
FRAMES = 240
WARM_UP = 30
FULL = (10, 12)  # instruments and structures of the goal
BOARD = Path(__file__).resolve().parents[2] / 'shared' / 'data' / 'sksurgery_liver_calib'
_INTERVAL_NS = 33_333_333
_TOLD = Context(conditions=tuple(Condition(name, 0.0, active=False) for name in CONDITIONS))


@dataclass
class Picture:
    """What the builder needs of a frame."""

    image: NDArray[np.uint8]
    sequence: int
    stamp_ns: int
    monotonic_ns: int = field(default_factory=monotonic_ns)


def run(tell: Tell) -> Iterator[Measured]:
    """Measure the cost at several sizes, and the error of the millimetres on the phantom."""
    tell(0.0, 'cost')
    cv2.setNumThreads(1)  # as in the product
    costs = {}
    sizes = [(0, 0), (10, 0), (0, 12), (5, 6), FULL]
    for number, (instruments, structures) in enumerate(sizes):
        tell(0.3 * number / len(sizes), f'{instruments} instruments, {structures} structures')
        costs[instruments, structures] = times_ms(instruments, structures)
    for (instruments, structures), times in costs.items():
        yield Measured(f'p50_{instruments}x{structures}', float(np.percentile(times, 50)), 'ms')
    yield Measured('p99_10x12', float(np.percentile(costs[FULL], 99)), 'ms')
    half, full = ((float(np.median(costs[size])) - float(np.median(costs[0, 0]))) for size in ((5, 6), FULL))
    yield Measured('cost_of_twice_as_much', full / max(half, 1e-6), 'times')  # linear: 2 or less, quadratic: 4
    tell(0.4, 'millimetres')
    for method, found in of_phantom().items():
        yield Measured(f'{method}_within_2_sigma', found.within, '')
        yield Measured(f'{method}_relative_error', found.relative_error, '')
    if BOARD.is_dir():
        tell(0.9, 'a real checkerboard')
        yield Measured('checkerboard_error', abs(square_mm(BOARD) / SQUARE_MM - 1.0), '')


def times_ms(instruments: int, structures: int, frames: int = FRAMES) -> list[float]:
    """Give what each of so many frames costs [ms]."""
    return [1e3 * seconds for seconds, _ in built(instruments, structures, frames)]


def built(instruments: int, structures: int, frames: int = FRAMES) -> Iterator[tuple[float, SceneState]]:
    """Build scenes of so many instruments and structures that move a little; give each with its time [s]."""
    gc.freeze()  # as in the product: what lives for ever is not looked at by the collector
    images = [_picture(index) for index in (30, 34)]
    maps = [_map(instruments, structures, shift) for shift in range(4)]
    builder = SceneBuilder()
    for index in range(frames + WARM_UP):
        picture = Picture(images[index % 2], index + 1, 10**9 + index * _INTERVAL_NS)
        start = time.perf_counter()
        scene = builder.build(picture, maps[index % 4], context=_TOLD)
        taken = time.perf_counter() - start
        if len(scene.instruments) != instruments or len(scene.structures) != structures:
            raise AssertionError(
                f'{len(scene.instruments)} instruments and {len(scene.structures)} structures were seen'
            )
        if index >= WARM_UP:
            yield taken, scene


def _picture(index: int) -> NDArray[np.uint8]:
    take = Take('hook_near_bowel', 1, WIDTH, HEIGHT)
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    take.render(index, image)
    return image


def _map(instruments: int, structures: int, shift: int) -> Segmentation:
    """Draw round structures in three rows, and instruments that come in from above and from below between them."""
    labels = np.zeros((ROWS, COLUMNS), np.uint8)
    for number in range(structures):
        name = STRUCTURE_CLASSES[number % len(STRUCTURE_CLASSES)]
        at = (45 + 84 * (number % 6), 110 + 70 * (number // 6 % 2))
        cv2.circle(labels, at, 30, CLASSES.index(name), cv2.FILLED)
    for number in range(instruments):
        name = INSTRUMENT_CLASSES[number % len(INSTRUMENT_CLASSES)]
        x, depth = 20 + 100 * (number // 2) + 12 * (number % 2), 95 + shift
        start, end = ((x, 0), (x, depth)) if number % 2 == 0 else ((x, ROWS - 1), (x, ROWS - 1 - depth))
        cv2.rectangle(
            labels,
            (start[0], min(start[1], end[1])),
            (start[0] + 11, max(start[1], end[1])),
            CLASSES.index(name),
            cv2.FILLED,
        )
    return Segmentation(labels, np.full(labels.shape, 230, np.uint8), CLASSES)


__all__ = ['built', 'run', 'times_ms']
