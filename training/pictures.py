"""Pictures to learn from: the phantom's tissue and instruments in places, sizes and qualities the demo never shows."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom import layout, script
from surgical_guidance.phantom.instruments import Pose
from surgical_guidance.phantom.scene import Scene, Tissue, draw, label

SEEN = (
    'background',
    'grasper',
    'l_hook_electrocautery',
    'abdominal_wall',
    'liver',
    'gastrointestinal_tract',
    'fat',
    'connective_tissue',
    'gallbladder',
    'cystic_artery',
)
"""The classes the network knows, by its own index: those of the contract that the phantom shows."""

SIZE = (512, 288)  # width and height of the network's input
VIEWS = 8  # pictures taken of each painted tissue
TEST_SEEDS = tuple(range(9001, 9013))  # scripted scenes that no training picture is made from
TEST_RENDER = (1280, 720)

_INDEX = np.zeros(256, np.uint8)
for _own, _name in enumerate(SEEN):
    _INDEX[CLASSES.index(_name)] = _own

Pictures = NDArray[np.uint8]


def own_labels(labels: Pictures) -> Pictures:
    """Turn indices into the contract's classes into the network's own."""
    return _INDEX[labels]


def training_pictures(seed: int) -> tuple[Pictures, Pictures]:
    """Paint one tissue and take :data:`VIEWS` pictures of it.

    :return: images ``uint8 (VIEWS, h, w, 3)`` bgr, labels ``uint8 (VIEWS, h, w)``.
    """
    cv2.setNumThreads(1)
    rng = np.random.default_rng((seed, 1))
    width = int(rng.choice((640, 768, 960, 1280)))
    height = width * 9 // 16
    by_plan = rng.random() < 0.35
    body = Tissue(layout.planned(rng) if by_plan else layout.randomised(rng), width, height, rng)
    images = np.empty((VIEWS, SIZE[1], SIZE[0], 3), np.uint8)
    labels = np.empty((VIEWS, SIZE[1], SIZE[0]), np.uint8)
    large = np.empty((height, width, 3), np.uint8)
    for view in range(VIEWS):
        wanted = (rng.uniform(-40, 40), rng.uniform(-40, 40))
        poses = _poses(rng)
        used = draw(large, body, wanted, poses)
        shrink = int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_NEAREST)))
        picture = cv2.resize(large, SIZE, interpolation=shrink)
        if rng.random() < 0.3:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
            picture = cv2.imdecode(cv2.imencode('.jpg', picture, quality)[1], cv2.IMREAD_COLOR)
        images[view] = picture
        labels[view] = own_labels(label(body, used, poses, *SIZE))
    return images, labels


def test_pictures(seed: int) -> tuple[Pictures, Pictures]:
    """Give pictures of a scripted scene over its cycle, as the pipeline sees them, with labels and hook tips.

    The defocus of the script is left out: the pictures are not meant to be read then.

    :return: images and labels, as :func:`training_pictures`.
    """
    cv2.setNumThreads(1)
    scene = Scene(*TEST_RENDER, seed=seed)
    large = np.empty((TEST_RENDER[1], TEST_RENDER[0], 3), np.uint8)
    times = [time for time in np.arange(0.25, script.CYCLE_S, 0.75) if not script.defocus(float(time))]
    images, labels = [], []
    for time in times:
        scene.render(float(time), large)
        truth = scene.truth(float(time), *SIZE)
        images.append(cv2.resize(large, SIZE, interpolation=cv2.INTER_LINEAR))
        labels.append(own_labels(truth.labels))
    return np.stack(images), np.stack(labels)


def _poses(rng: np.random.Generator) -> tuple[Pose, ...]:
    """Put none to three instruments anywhere, sometimes where the script has them."""
    if rng.random() < 0.25:
        places = script.Places(
            *((float(x), float(y)) for x, y in rng.normal(((1010, 470), (780, 870), (1110, 613), (655, 215)), 90.0))
        )
        return script.poses(rng.uniform(0.0, script.CYCLE_S), places)
    poses = []
    for _ in range(int(rng.choice((0, 1, 2, 3), p=(0.05, 0.35, 0.5, 0.1)))):
        x, y = rng.uniform(120, layout.WIDTH - 120), rng.uniform(40, layout.HEIGHT - 40)
        # Mostly from outside towards the middle, as through a port; now and then from anywhere.
        towards = math.atan2(540 - y, 960 - x) + rng.normal(0.0, 0.9)
        poses.append(
            Pose(
                class_name=str(rng.choice(('grasper', 'l_hook_electrocautery'), p=(0.45, 0.55))),
                tip_x=x,
                tip_y=y,
                angle=float(towards if rng.random() < 0.8 else rng.uniform(-math.pi, math.pi)),
                opening=float(rng.uniform(0.0, 1.0)),
                scale=float(rng.uniform(0.65, 1.45)),
                flip=bool(rng.random() < 0.5),
            )
        )
    return tuple(poses)
