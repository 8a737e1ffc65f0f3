"""Draws label maps whose truth is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.contract import CLASSES
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import SceneState, Segmentation

ROWS, COLUMNS = 288, 512
WIDTH, HEIGHT = 1920, 1080
SCALE = WIDTH / COLUMNS
_FINE = (
    4  # maps are drawn this much finer and sampled, so that edges lie where they are asked for to a quarter of a pixel
)


@dataclass
class Picture:
    """What the builder needs of a frame."""

    image: NDArray[np.uint8] = field(default_factory=lambda: np.full((HEIGHT, WIDTH, 3), 128, np.uint8))
    sequence: int = 1
    stamp_ns: int = 1_000_000_000
    monotonic_ns: int = field(default_factory=monotonic_ns)


class Map:
    """A label map being drawn, in pixels of the picture."""

    def __init__(self, rows: int = ROWS, columns: int = COLUMNS, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.labels = np.zeros((rows * _FINE, columns * _FINE), np.uint8)
        self.sx, self.sy = columns * _FINE / width, rows * _FINE / height

    def polygon(self, class_name: str, *points: tuple[float, float]) -> Map:
        placed = [((x + 0.5) * self.sx - 0.5, (y + 0.5) * self.sy - 0.5) for x, y in points]
        cv2.fillPoly(self.labels, [np.rint(np.array(placed) * 16).astype(np.int32)], CLASSES.index(class_name), shift=4)
        return self

    def disc(self, class_name: str, x: float, y: float, radius: float) -> Map:
        angles = np.linspace(0, 2 * math.pi, 90, endpoint=False)
        return self.polygon(class_name, *((x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles))

    def rod(
        self,
        class_name: str,
        tip: tuple[float, float],
        towards: float,
        width: float,
        length: float = 3000.0,
        far_width: float | None = None,
    ) -> Map:
        """Draw a straight instrument.

        :param tip: middle of its end.
        :param towards: direction from the shaft to the tip [degrees], 0 to the right, clockwise.
        """
        c, s = math.cos(math.radians(towards)), math.sin(math.radians(towards))
        near, far = width / 2, (far_width if far_width is not None else width) / 2
        corners = ((0.0, -near), (0.0, near), (-length, far), (-length, -far))
        return self.polygon(class_name, *((tip[0] + u * c - v * s, tip[1] + u * s + v * c) for u, v in corners))

    def segmentation(self, confidence: float = 0.9) -> Segmentation:
        labels = np.ascontiguousarray(self.labels[_FINE // 2 :: _FINE, _FINE // 2 :: _FINE])
        return Segmentation(labels, np.full(labels.shape, round(confidence * 255), np.uint8), CLASSES)

    def scene(self, picture: Picture | None = None, confidence: float = 0.9) -> SceneState:
        return SceneBuilder().build(picture or Picture(), self.segmentation(confidence))


def round_view(radius: float, grey: int = 128) -> Picture:
    """Give a picture with a round field of view in its middle and black around it."""
    picture = Picture(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    cv2.circle(picture.image, (WIDTH // 2, HEIGHT // 2), round(radius), (grey, grey, grey), cv2.FILLED)
    return picture
