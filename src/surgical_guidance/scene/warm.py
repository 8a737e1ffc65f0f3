"""Compiles what a scene needs before the first frame comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_MS, elapsed_ms, monotonic_ns
from surgical_guidance.contract import CLASSES
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import Segmentation

_ROWS, _COLUMNS = 72, 128
_FRAMES, _STEP_NS = 5, 120 * NS_PER_MS  # so that blood has moments to be compared with


@dataclass(frozen=True, slots=True)
class _Picture:
    image: NDArray[np.uint8]
    sequence: int
    stamp_ns: int
    monotonic_ns: int


def warm_up() -> float:
    """Build some scenes of a drawn map with something of each kind, and give how long that took [s].

    The first time on a machine it compiles, which takes seconds; later processes find what was compiled.
    """
    start_ns = monotonic_ns()
    labels = np.zeros((_ROWS, _COLUMNS), np.uint8)
    labels[10:40, 10:60] = CLASSES.index('gallbladder')
    labels[20:30, 60:90] = CLASSES.index('cystic_duct')
    labels[45:70, 10:50] = CLASSES.index('blood')
    labels[:50, 70:76] = CLASSES.index('grasper')
    labels[30:, 100:106] = CLASSES.index('l_hook_electrocautery')
    labels[:, 116:122] = CLASSES.index('suction')  # through the whole picture: its tip is not visible
    network = Segmentation(labels, np.full(labels.shape, 255, np.uint8), CLASSES)
    builder = SceneBuilder()
    grain = np.random.default_rng(0).integers(0, 256, (_ROWS // 4, _COLUMNS // 4, 3)).astype(np.uint8)
    image = grain.repeat(4, axis=0).repeat(4, axis=1)  # with corners for the horizon to follow
    for index in range(_FRAMES):
        builder.build(_Picture(image, index, index * _STEP_NS, start_ns), network)
    return elapsed_ms(start_ns) / 1e3
