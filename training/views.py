"""Series of thumbnails to learn the view from: one patient before one camera, sometimes clear and sometimes not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import pictures
import runs
from numpy.typing import NDArray

from surgical_guidance.phantom.truth import Events

THUMBNAIL = (288, 160)  # width and height of the view model's input
SERIES, FRAMES = 1800, 20  # patients, and thumbnails of each
FIRST_SEED = 100_000

LEVELS = ('bleeding', 'smoke', 'fog', 'splash', 'glare', 'low_light', 'blur', 'out_of_body')
"""What the view model tells, in the order of its output."""

_TAKE_SHARE = 0.35
_DISTURBED = 1.5  # times as often as at random
_RENDERED = ((448, 252), (448, 252), (640, 360), (960, 540))
_BLOOD_SHARE = 0.04  # of the picture, at which bleeding has the level 1; 0.25 is reached at a sixteenth of it


@dataclass(frozen=True, slots=True)
class Series:
    """Thumbnails of one patient before one camera.

    :param thumbnails: ``uint8 (n, h, w, 3)`` bgr, of :data:`THUMBNAIL`.
    :param levels: ``float32 (n, 8)`` of :data:`LEVELS`, 0 to 1.
    """

    thumbnails: NDArray[np.uint8]
    levels: NDArray[np.float32]


def levels_of(events: Events) -> NDArray[np.float32]:
    """Give the true level of each of :data:`LEVELS`. An event is going on from 0.25, as the phantom has it."""
    blood = 0.0 if events.bleeding is None else math.sqrt(events.bleeding.share / _BLOOD_SHARE)
    values = [min(1.0, blood), *(float(getattr(events, name)) for name in LEVELS[1:])]
    return np.array(values, np.float32)


def render(seed: int) -> Series:
    """Take :data:`FRAMES` thumbnails of one patient: at random, or out of a scenario."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng((seed, 1))
    size = _RENDERED[int(rng.integers(len(_RENDERED)))]
    if rng.random() < _TAKE_SHARE:
        samples = pictures.of_a_take(rng, seed, size, FRAMES)
    else:
        samples = pictures.at_random(rng, size, FRAMES, _DISTURBED)
    thumbnails = np.empty((FRAMES, THUMBNAIL[1], THUMBNAIL[0], 3), np.uint8)
    levels = np.empty((FRAMES, len(LEVELS)), np.float32)
    for index, (image, _, truth) in enumerate(samples):
        cv2.resize(image, THUMBNAIL, thumbnails[index], interpolation=pictures.shrinking(rng))
        levels[index] = levels_of(truth.events)
    return Series(thumbnails, levels)


def training_series(count: int) -> Series:
    """Render all; the frames of series ``k`` are those from ``k * FRAMES`` on."""
    parts = runs.on_all_cores('thumbnails of the phantom', render, range(FIRST_SEED, FIRST_SEED + count))
    return Series(np.concatenate([part.thumbnails for part in parts]), np.concatenate([part.levels for part in parts]))
