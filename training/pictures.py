"""Pictures to learn from: the phantom's random samples, at the sizes the networks take them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import runs
from numpy.typing import NDArray

from surgical_guidance.phantom.randomise import Randomiser
from surgical_guidance.phantom.randomise import Sample as RandomSample
from surgical_guidance.phantom.scenarios import SCENARIOS
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import Events
from surgical_guidance.phantom.vendors import TRAINING

SIZE = (512, 288)  # width and height of the segmentation's input
THUMBNAIL = (288, 160)  # of the view model's input
TAKES, FRAMES = 1000, 10  # patients, and pictures of each
FIRST_SEED = 1_000

LEVELS = ('bleeding', 'smoke', 'fog', 'splash', 'glare', 'low_light', 'blur', 'out_of_body')
"""What the view model tells, in the order of its output."""

_TAKE_SHARE = 0.35  # of the seeds that give frames of a scenario; the others are random
_OPERATION_SHARE = 0.6
_RENDERED = ((640, 360), (960, 540), (1280, 720))
_BLOOD_SHARE = 0.04  # of the picture, at which bleeding has the level 1; 0.25 is reached at a sixteenth of it

Pictures = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sample:
    """Rendered pictures and what is true of each.

    :param images: ``uint8 (n, h, w, 3)`` bgr, of :data:`SIZE`.
    :param labels: ``uint8 (n, h, w)``, indices into the contract's classes.
    :param thumbnails: ``uint8 (n, h, w, 3)`` bgr, of :data:`THUMBNAIL`.
    :param levels: ``float32 (n, 8)`` of :data:`LEVELS`, 0 to 1.
    """

    images: Pictures
    labels: Pictures
    thumbnails: Pictures
    levels: NDArray[np.float32]


def levels_of(events: Events) -> NDArray[np.float32]:
    """Give the true level of each of :data:`LEVELS`. An event is going on from 0.25, as the phantom has it."""
    blood = 0.0 if events.bleeding is None else math.sqrt(events.bleeding.share / _BLOOD_SHARE)
    values = [min(1.0, blood), *(float(getattr(events, name)) for name in LEVELS[1:])]
    return np.array(values, np.float32)


def render(seed: int) -> Sample:
    """Take :data:`FRAMES` pictures of one patient: at random, or out of a scenario."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng((seed, 1))
    size = _RENDERED[int(rng.integers(len(_RENDERED)))]
    samples = _of_a_take(rng, seed, size) if rng.random() < _TAKE_SHARE else _at_random(rng, size)
    images = np.empty((FRAMES, SIZE[1], SIZE[0], 3), np.uint8)
    labels = np.empty((FRAMES, SIZE[1], SIZE[0]), np.uint8)
    thumbnails = np.empty((FRAMES, THUMBNAIL[1], THUMBNAIL[0], 3), np.uint8)
    levels = np.empty((FRAMES, len(LEVELS)), np.float32)
    for index, (image, truth_labels, truth) in enumerate(samples):
        # The product shrinks linearly whatever the camera's size; a small picture has less to lose by it than 1080p.
        how = int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_NEAREST)))
        cv2.resize(image, SIZE, images[index], interpolation=how)
        cv2.resize(image, THUMBNAIL, thumbnails[index], interpolation=how)
        cv2.resize(truth_labels, SIZE, labels[index], interpolation=cv2.INTER_NEAREST)
        levels[index] = levels_of(truth.events)
    return Sample(images, labels, thumbnails, levels)


def _at_random(rng: np.random.Generator, size: tuple[int, int]) -> Iterator[RandomSample]:
    maker = Randomiser(rng, *size, views=FRAMES)
    for _ in range(FRAMES):
        yield maker.sample()


def _of_a_take(rng: np.random.Generator, seed: int, size: tuple[int, int]) -> Iterator[RandomSample]:
    """Give frames of an operation, or of a short scenario: what is not there at random, such as the specimen bag."""
    scenario = 'operation' if rng.random() < _OPERATION_SHARE else str(rng.choice(SCENARIOS))
    take = Take(scenario, seed, *size, vendor=str(rng.choice(TRAINING)))
    image = np.empty((size[1], size[0], 3), np.uint8)
    for index in rng.integers(take.frames, size=FRAMES):
        take.render(int(index), image)
        yield image, take.labels(int(index)), take.truth(int(index))


def training_sample(takes: int, cache: Path | None = None) -> Sample:
    """Render, or take from the cache what an earlier run has rendered.

    :param cache: a folder to keep the pictures in; None: they are not kept.
    """
    names = ('images', 'labels', 'thumbnails', 'levels')
    if cache is not None and all((cache / f'{name}.npy').exists() for name in names):
        return Sample(*(np.load(cache / f'{name}.npy') for name in names))
    parts = runs.on_all_cores('pictures of the phantom', render, range(FIRST_SEED, FIRST_SEED + takes))
    sample = Sample(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        for name in names:
            np.save(cache / f'{name}.npy', getattr(sample, name))
    return sample


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description='Render the pictures that several trainers share.')
    parser.add_argument('--takes', type=int, default=TAKES)
    parser.add_argument('--cache', type=Path, required=True)
    given = parser.parse_args()
    training_sample(given.takes, given.cache)
