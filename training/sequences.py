"""Sequences to learn phases from: operations of the phantom and short scenarios, seen as thumbnails twice a second."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.phantom.random_cameras import random_camera
from surgical_guidance.phantom.scenarios import SCENARIOS
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import PHASES, VERBS
from surgical_guidance.phantom.vendors import PLAIN

THUMBNAIL = (224, 128)  # width and height of the phase model's input
OPERATION = 'operation'
OPERATIONS, SHORT = 200, 400
FIRST_SEED, FIRST_SHORT = 20_000, 30_000
INTERVAL = 15  # frames from one thumbnail to the next: half a second

_RENDERED = (448, 252)
_PLAIN_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Sequence:
    """One operation, or one short scenario.

    :param thumbnails: ``uint8 (n, h, w, 3)`` bgr, of :data:`THUMBNAIL`.
    :param phases: ``int64 (n,)``, indices into the phantom's ``PHASES``.
    :param verbs: ``int64 (n,)``, indices into its ``VERBS``.
    """

    thumbnails: NDArray[np.uint8]
    phases: NDArray[np.int64]
    verbs: NDArray[np.int64]


def render(seed: int) -> Sequence:
    """Watch one operation, or from :data:`FIRST_SHORT` on one short scenario, with a camera that the seed chooses."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng((seed, 3))
    camera = PLAIN if rng.random() < _PLAIN_SHARE else random_camera(rng)
    scenario = OPERATION if seed < FIRST_SHORT else SCENARIOS[seed % len(SCENARIOS)]
    take = Take(scenario, seed, *_RENDERED, vendor=camera)
    # Not always the same frames: a detector that knows the script's rhythm by heart knows nothing.
    frames = range(int(rng.integers(INTERVAL)), take.frames, INTERVAL)
    large = np.empty((_RENDERED[1], _RENDERED[0], 3), np.uint8)
    thumbnails = np.empty((len(frames), THUMBNAIL[1], THUMBNAIL[0], 3), np.uint8)
    phases, verbs = np.empty(len(frames), np.int64), np.empty(len(frames), np.int64)
    for number, frame in enumerate(frames):
        take.render(frame, large)
        how = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_NEAREST
        cv2.resize(large, THUMBNAIL, thumbnails[number], interpolation=how)
        moment = take.moment(frame)
        phases[number], verbs[number] = PHASES.index(moment.phase), VERBS.index(moment.verb)
    return Sequence(thumbnails, phases, verbs)
