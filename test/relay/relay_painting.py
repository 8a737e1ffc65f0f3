"""A still life for the feed: a picture fit for screenshots, and the scene that goes with it."""

from __future__ import annotations

import array

import cv2
import numpy as np
from numpy.typing import NDArray
from surgical_guidance_msgs.msg import Instrument, SceneState, Structure

SHAPES = {
    # class: centre and radii of an ellipse as shares of the picture, colour (BGR)
    'liver': ((0.28, 0.20), (0.42, 0.34), (46, 48, 118)),
    'gastrointestinal_tract': ((0.66, 0.92), (0.42, 0.26), (128, 150, 214)),
    'gallbladder': ((0.63, 0.47), (0.155, 0.175), (96, 150, 148)),
}
HOOK = ((0.0, 0.72), (0.0, 0.62), (0.405, 0.665), (0.455, 0.715), (0.447, 0.735), (0.395, 0.705))


def _ellipse(
    shape: tuple[tuple[float, float], tuple[float, float], object], width: int, height: int
) -> NDArray[np.float64]:
    (cx, cy), (rx, ry), _ = shape
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    wobble = 1 + 0.04 * np.sin(3 * turn) + 0.03 * np.cos(5 * turn)
    points = np.stack([(cx + rx * np.cos(turn) * wobble) * width, (cy + ry * np.sin(turn) * wobble) * height], axis=1)
    return points.clip(2, [width - 3, height - 3])


def painting(width: int, height: int) -> NDArray[np.uint8]:
    """A still life for screenshots: nobody's patient."""
    noise = np.random.default_rng(7).normal(0, 1, (height, width)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), width / 160)
    noise /= np.abs(noise).max()
    image = np.full((height, width, 3), (62, 74, 150), np.float32)
    for shape in SHAPES.values():
        layer = np.zeros((height, width), np.float32)
        cv2.fillPoly(layer, [_ellipse(shape, width, height).astype(np.int32)], 1.0)
        layer = cv2.GaussianBlur(layer, (0, 0), width / 500)[..., None]
        image = image * (1 - layer) + np.array(shape[2], np.float32) * layer
    image += noise[..., None] * 34
    hook = np.zeros((height, width), np.float32)
    cv2.fillPoly(hook, [(np.array(HOOK) * (width, height)).astype(np.int32)], 1.0)
    image = image * (1 - hook[..., None]) + np.array((126, 124, 120), np.float32) * hook[..., None]
    yy, xx = np.mgrid[0:height, 0:width]
    radius = np.hypot((xx - width / 2) / width, (yy - height / 2) / height)
    image *= np.clip(1.25 - 1.35 * radius**1.4, 0.12, 1.0)[..., None]
    return image.clip(0, 255).astype(np.uint8)


def painted_scene(scene: SceneState, width: int, height: int) -> None:
    """Fill in what the painting shows."""
    scene.structures = [
        Structure(
            class_name=name,
            score=0.9,
            area=0.1,
            contour=array.array('f', _ellipse(shape, width, height).ravel().tolist()),
        )
        for name, shape in SHAPES.items()
    ]
    scene.instruments = [
        Instrument(
            class_name='l_hook_electrocautery',
            score=0.95,
            tip_visible=True,
            tip_x=0.455 * width,
            tip_y=0.715 * height,
            energised=Instrument.ENERGY_ON,
            contour=array.array('f', (np.array(HOOK) * (width, height)).ravel().tolist()),
        )
    ]
