"""How right the scene's millimetres are on the phantom, where the distance in space is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom.eyes import BASELINE_MM
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import FrameTruth
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.calibration import CameraModel, StereoRig
from surgical_guidance.scene.rulers import Aids
from surgical_guidance.scene.state import Proximity, SceneState, Segmentation

SIZE = (1280, 720)
MAP = (512, 288)
STEP = 12  # frames
TAKES = (('hook_near_bowel', 141), ('suspected_artery_near', 142), ('unidentified_tube', 143), ('blind_clip', 144))
PAIRS = (
    ('l_hook_electrocautery', 'gastrointestinal_tract'),
    ('l_hook_electrocautery', 'cystic_artery'),
    ('clipper', 'cystic_duct'),
    ('clipper', 'cystic_artery'),
)
"""What rules of advice ask about."""

_LEAST_MM = 1.0  # a relative error of less than this is one of a number that nobody is shown


class Millimetres(NamedTuple):
    """Against the true distance in space.

    :param count: of distances.
    :param within: share of them that are right within two sigma.
    :param relative_error: median of error over distance, of those of a millimetre or more.
    """

    count: int
    within: float
    relative_error: float


@dataclass
class _Picture:
    image: NDArray[np.uint8]
    sequence: int
    stamp_ns: int
    monotonic_ns: int = field(default_factory=monotonic_ns)


METHODS = ('shaft_width', 'stereo')


def of_phantom() -> dict[str, Millimetres]:
    """Measure distances by each method, on true label maps of patients that nothing was tuned on."""
    rows: dict[str, list[tuple[float, float, float]]] = {method: [] for method in METHODS}
    for scenario, seed in TAKES:
        for method, found, sigma, true in _of_take(scenario, seed):
            rows[method].append((found, sigma, true))
    return {method: _summed(np.array(each)) for method, each in rows.items()}


def _summed(rows: NDArray[np.float64]) -> Millimetres:
    error, sigma, true = np.abs(rows[:, 0] - rows[:, 2]), rows[:, 1], rows[:, 2]
    far = true >= _LEAST_MM
    return Millimetres(len(rows), float(np.mean(error <= 2 * sigma)), float(np.median(error[far] / true[far])))


def _of_take(scenario: str, seed: int) -> Iterator[tuple[str, float, float, float]]:
    left, right = Take(scenario, seed, *SIZE), Take(scenario, seed, *SIZE, eye='right')
    eye = left.truth(0).camera
    camera = CameraModel(*SIZE, (eye.fx, 0.0, eye.cx, 0.0, eye.fy, eye.cy, 0.0, 0.0, 1.0))
    rig = StereoRig(camera, camera, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0), (-BASELINE_MM, 0.0, 0.0))
    builders = {'shaft_width': SceneBuilder(), 'stereo': SceneBuilder(rig=rig)}
    image, other = np.empty((SIZE[1], SIZE[0], 3), np.uint8), np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    for index in range(0, left.frames, STEP):
        left.render(index, image)
        right.render(index, other)
        labels = left.labels(index, *MAP)
        network = Segmentation(labels, np.full(labels.shape, 230, np.uint8), CLASSES)
        picture = _Picture(image, index, NS_PER_S + round(index / left.rate * NS_PER_S))
        truth = left.truth(index)
        for method, builder in builders.items():
            scene = builder.build(picture, network, aids=Aids(other if method == 'stereo' else None))
            for tool, structure in PAIRS:
                near = _nearest(scene, tool, structure)
                true = _true_mm(truth, tool, structure)
                if near is not None and true is not None and near.method == method:
                    yield method, near.distance_mm, near.sigma_mm, true


def _nearest(scene: SceneState, tool: str, structure: str) -> Proximity | None:
    fitting = (
        near
        for near in scene.proximities
        if scene.instruments[near.instrument].class_name == tool
        and scene.structures[near.structure].class_name == structure
    )
    return min(fitting, key=lambda near: near.distance_px, default=None)


def _true_mm(truth: FrameTruth, tool: str, structure: str) -> float | None:
    one = truth.instrument(tool)
    return None if one is None or structure not in one.distances else one.distances[structure].mm
