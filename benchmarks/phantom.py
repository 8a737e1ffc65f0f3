"""The phantom: how long a frame, its truth and a minute of 1080p take to render, how that grows with size, and samples.

Frames are taken evenly from the whole operation, so that instruments, blood and smoke are in them as often as there.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from surgical_guidance.bench import Measured, Tell
from surgical_guidance.phantom.randomise import Randomiser
from surgical_guidance.phantom.render import write
from surgical_guidance.phantom.scenarios import RATE
from surgical_guidance.phantom.take import Take

SIZES = ((640, 360), (1280, 720), (1920, 1080))
FRAMES = 16  # of each size
SAMPLES = 40
CLIP = 'critical_view_incomplete'  # five seconds, written as `phantom render` does


def run(tell: Tell) -> Iterator[Measured]:
    """Measure drawing at three sizes, the truth, a clip with both, and random samples."""
    pixels, times = [], []
    for number, (width, height) in enumerate(SIZES):
        tell(0.15 * number, f'{width}x{height}')
        take = Take('operation', 1, width, height)
        image = np.empty((height, width, 3), np.uint8)
        indices = np.linspace(0, take.frames - 1, FRAMES).astype(int).tolist()
        take.render(indices[-1], image)  # both paintings of the patient are made when they are first needed
        pixels.append(width * height)
        times.append(_median_ms(lambda index, take=take, image=image: take.render(index, image), indices))
        yield Measured(f'frame_{height}p', times[-1], 'ms')
        if (width, height) == SIZES[-1]:
            yield Measured('truth', _median_ms(take.truth, indices), 'ms')
            yield Measured('labels_1080p', _median_ms(take.labels, indices), 'ms')
            yield Measured('depth_1080p', _median_ms(take.depth, indices), 'ms')
    slope = np.polyfit(np.log(pixels), np.log(times), 1)[0]
    yield Measured('growth_exponent', float(slope), 'of pixels')
    tell(0.5, 'a clip')
    yield Measured('minute_1080p', _clip_s(lambda share: tell(0.5 + 0.35 * share, 'a clip')), 's')
    tell(0.85, 'samples')
    maker = Randomiser(np.random.default_rng(1), 512, 288)
    start = time.perf_counter()
    for _ in range(SAMPLES):
        maker.sample()
    yield Measured('samples_512x288', SAMPLES / (time.perf_counter() - start), '/s')


def _median_ms(work: Callable[[int], object], indices: list[int]) -> float:
    times = []
    for index in indices:
        start = time.perf_counter()
        work(index)
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))


def _clip_s(tell: Callable[[float], None]) -> float:
    """Write a short clip with its truth; give what a minute of it would take."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        take = Take(CLIP, 1)
        write(take, Path(folder) / 'clip.mp4', Path(folder) / 'truth.jsonl', lambda done, total: tell(done / total))
        return (time.perf_counter() - start) * 60.0 * RATE / take.frames
