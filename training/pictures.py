"""Pictures to learn segmentation from: the phantom's random samples, at the size the network takes them."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import runs
from numpy.typing import NDArray

from surgical_guidance.phantom.random_cameras import random_camera
from surgical_guidance.phantom.randomise import Randomiser
from surgical_guidance.phantom.randomise import Sample as RandomSample
from surgical_guidance.phantom.scenarios import SCENARIOS
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.vendors import PLAIN

SIZE = (512, 288)  # width and height of the segmentation's input
TAKES, FRAMES = 1200, 10  # patients, and pictures of each
FIRST_SEED = 1_000

_TAKE_SHARE = 0.4  # of the seeds that give frames of a scenario; the others are random
_OPERATION_SHARE = 0.6
_PLAIN_SHARE = 0.2
_RENDERED = ((640, 360), (960, 540), (1280, 720))

Pictures = NDArray[np.uint8]


def render(seed: int) -> tuple[Pictures, Pictures]:
    """Take :data:`FRAMES` pictures of one patient: at random, or out of a scenario.

    :return: images ``uint8 (n, h, w, 3)`` bgr, of :data:`SIZE`; labels ``uint8 (n, h, w)``, indices into the contract's
        classes.
    """
    cv2.setNumThreads(1)
    rng = np.random.default_rng((seed, 1))
    size = _RENDERED[int(rng.integers(len(_RENDERED)))]
    samples = of_a_take(rng, seed, size, FRAMES) if rng.random() < _TAKE_SHARE else at_random(rng, size, FRAMES)
    images = np.empty((FRAMES, SIZE[1], SIZE[0], 3), np.uint8)
    labels = np.empty((FRAMES, SIZE[1], SIZE[0]), np.uint8)
    for index, (image, truth_labels, _) in enumerate(samples):
        cv2.resize(image, SIZE, images[index], interpolation=shrinking(rng))
        cv2.resize(truth_labels, SIZE, labels[index], interpolation=cv2.INTER_NEAREST)
    return images, labels


def shrinking(rng: np.random.Generator) -> int:
    """Choose how a picture is made smaller.

    The product shrinks linearly whatever the camera's size; a small picture has less to lose by it than 1080p.
    """
    return int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_NEAREST)))


def at_random(
    rng: np.random.Generator, size: tuple[int, int], count: int, disturbed: float = 1.0
) -> Iterator[RandomSample]:
    """Give samples of one patient before one camera of no maker."""
    maker = Randomiser(rng, *size, views=count, disturbed=disturbed)
    for _ in range(count):
        yield maker.sample()


def of_a_take(rng: np.random.Generator, seed: int, size: tuple[int, int], count: int) -> Iterator[RandomSample]:
    """Give frames of an operation, or of a short scenario: what is not there at random, such as the specimen bag."""
    scenario = 'operation' if rng.random() < _OPERATION_SHARE else str(rng.choice(SCENARIOS))
    take = Take(scenario, seed, *size, vendor=PLAIN if rng.random() < _PLAIN_SHARE else random_camera(rng))
    image = np.empty((size[1], size[0], 3), np.uint8)
    for index in rng.integers(take.frames, size=count):
        take.render(int(index), image)
        yield image, take.labels(int(index)), take.truth(int(index))


def training_sample(takes: int) -> tuple[Pictures, Pictures]:
    """Render all."""
    parts = runs.on_all_cores('pictures of the phantom', render, range(FIRST_SEED, FIRST_SEED + takes))
    images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return images, labels
