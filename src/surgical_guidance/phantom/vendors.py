"""The cameras of seven makers that do not exist: colour, sharpness, scan, noise, compression, overlay, view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import SourceError
from surgical_guidance.phantom.geometry import View
from surgical_guidance.phantom.layout import FIELD_OF_VIEW

Picture = NDArray[np.uint8]

_DARKEST = 1 / 8  # of the light that is left at the lowest


@dataclass(frozen=True, slots=True)
class Vendor:
    """One camera.

    :param name: as users write it.
    :param balance: gain of red, green and blue.
    :param saturation: 1 as it is.
    :param gamma: of the tone curve; below 1 lifts the shadows.
    :param contrast: steepness of the tone curve about the middle.
    :param sharpen: strength of the edge enhancement; negative: soft optics.
    :param lines: of its sensor; a picture with more is enlarged from it. 0: as many as asked for.
    :param interlaced: its two half pictures are taken one after the other.
    :param noise: standard deviation of the sensor's noise in full light [grey values].
    :param quality: of its JPEG compression, 0 to 100.
    :param radius: of the round picture [scene units]; 0: the full rectangle.
    :param flat: how much of the round picture is cut off at the left and right [scene units].
    :param overlay: lines of text burned in.
    """

    name: str
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    gamma: float = 1.0
    contrast: float = 1.0
    sharpen: float = 0.0
    lines: int = 0
    interlaced: bool = False
    noise: float = 1.5
    quality: int = 92
    radius: float = FIELD_OF_VIEW[2]
    flat: float = 0.0
    overlay: Sequence[str] = ()

    def curves(self, gain: float = 1.0) -> NDArray[np.uint8]:
        """Give the tone curve of each channel with the light turned to ``gain``, ``uint8 (1, 256, 3)``, bgr."""
        x = np.arange(256, dtype=np.float64)[:, None] / 255.0 * gain * np.array(self.balance[::-1])
        y = np.clip(x, 0.0, 1.0) ** self.gamma
        y = np.clip(0.5 + (y - 0.5) * self.contrast, 0.0, 1.0)
        return np.round(y * 255.0).astype(np.uint8)[None]


PLAIN = Vendor('plain')
VENDORS: dict[str, Vendor] = {
    vendor.name: vendor
    for vendor in (
        PLAIN,
        Vendor('aurelia', (1.10, 1.0, 0.88), 1.15, 0.9, 1.1, 0.7, quality=88, overlay=('AURELIA HD', '1080p  WB OK')),
        Vendor('borealis', (0.93, 1.0, 1.14), 0.85, 1.0, 1.0, 0.2, 720, noise=2.5, quality=80, radius=800),
        Vendor('cassia', (1.05, 0.97, 1.0), 1.3, 1.1, 1.15, 0.4, 576, True, 3.5, 70, 760, overlay=('REC', '00:41:07')),
        Vendor('delphi', (1.0, 1.04, 0.96), 0.95, 0.85, 0.92, -0.4, noise=2.0, radius=0, overlay=('DELPHI 4K',)),
        Vendor('elara', (1.12, 0.95, 0.98), 1.05, 1.05, 1.2, 1.0, 1080, True, 2.5, 75, 930, 120),
        Vendor('fermi', (0.96, 1.02, 1.08), 0.7, 0.95, 0.95, 0.0, 480, False, 5.0, 55, 700, overlay=('PAT 0000',)),
    )
}
"""The cameras by name."""

HELD_OUT = ('elara', 'fermi')
"""Cameras that no model is trained on, so that they can tell how it does on a new one."""

TRAINING = tuple(name for name in VENDORS if name not in HELD_OUT)


def find_vendor(name: str) -> Vendor:
    """Give a camera by name.

    :raises SourceError: if there is none of that name.
    """
    if name not in VENDORS:
        raise SourceError(f'the phantom has no vendor {name!r}', remedy=f'one of {", ".join(VENDORS)}')
    return VENDORS[name]


class Rim:
    """The edge of the picture of an endoscope: black outside."""

    def __init__(self, vendor: Vendor, view: View, width: int, height: int) -> None:
        x, y = FIELD_OF_VIEW[:2]
        self._centre = np.array(view.px(x, y))
        self._radius = vendor.radius * view.scale
        self._half = (vendor.radius - vendor.flat) * view.scale
        self._size = (width, height)
        self.full = not vendor.radius
        angles = np.linspace(0.0, 2 * np.pi, 360, endpoint=False)
        circle = self._radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        circle[:, 0] = np.clip(circle[:, 0], -self._half, self._half)
        picture = np.array([(-2, -2), (width + 1, -2), (width + 1, height + 1), (-2, height + 1)], np.float64)
        self._polygons = [np.round(polygon * 16).astype(np.int32) for polygon in (picture, self._centre + circle)]

    def black(self, image: Picture, line: int = cv2.LINE_AA) -> None:
        """Blacken what is outside; in a label image that is class 0, the background."""
        if not self.full:
            cv2.fillPoly(image, self._polygons, 0, line, 4)  # what is inside both is inside none: a hole

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is inside [px]."""
        if not (0 <= x < self._size[0] and 0 <= y < self._size[1]):
            return False
        if self.full:
            return True
        dx, dy = x - self._centre[0], y - self._centre[1]
        return bool(dx * dx + dy * dy < self._radius**2 and abs(dx) < self._half)


class Camera:
    """Takes pictures as one vendor's camera does.

    :param vendor: whose.
    :param width: of the pictures [px].
    :param height: [px].
    :param rng: makes its noise.
    """

    def __init__(self, vendor: Vendor, width: int, height: int, rng: np.random.Generator) -> None:
        self.vendor, self._size = vendor, (width, height)
        grain = rng.standard_normal((height + 64, width + 64), np.float32)
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.6), np.float32)
        self._grain = grain / np.float32(grain.std())

    def take(self, image: Picture, rim: Rim, motion: float, low_light: float, rng: np.random.Generator) -> None:
        """Turn light into a picture, in place.

        :param motion: across the picture between two half pictures [px].
        :param low_light: 0 to 1: at 1 an eighth of the light.
        :param rng: of this frame.
        """
        vendor, (width, height) = self.vendor, self._size
        lines = vendor.lines if 0 < vendor.lines < height else 0
        if lines:
            small = cv2.resize(image, (width * lines // height, lines), interpolation=cv2.INTER_AREA)
            cv2.resize(small, (width, height), image, interpolation=cv2.INTER_LINEAR)
        if vendor.saturation != 1.0:
            grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
            cv2.addWeighted(image, vendor.saturation, grey, 1.0 - vendor.saturation, 0.0, dst=image)
        gain = 12.0**-low_light
        cv2.LUT(image, vendor.curves(gain), dst=image)
        if vendor.sharpen > 0.0:
            soft = cv2.GaussianBlur(image, (0, 0), 0.0012 * width + 0.3)
            cv2.addWeighted(image, 1.0 + vendor.sharpen, soft, -vendor.sharpen, 0.0, dst=image)
        elif vendor.sharpen < 0.0:
            image[:] = cv2.GaussianBlur(image, (0, 0), -vendor.sharpen * 0.0016 * width + 0.2)
        self._add_noise(image, vendor.noise * (1.0 + 2.0 * low_light), rng)
        shift = round(motion)
        if vendor.interlaced and shift:
            image[1::2] = np.roll(image[1::2], shift, axis=1)
        rim.black(image)
        self._write(image)
        code = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, vendor.quality])[1]
        image[:] = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)

    def _add_noise(self, image: Picture, sigma: float, rng: np.random.Generator) -> None:
        x, y = (int(value) for value in rng.integers(0, 64, 2))
        height, width = image.shape[:2]
        grain = self._grain[y : y + height, x : x + width] * np.float32(sigma)
        up, down = (np.clip(np.round(part), 0, 255).astype(np.uint8) for part in (grain, -grain))
        cv2.add(image, cv2.merge([up, up, up]), dst=image)
        cv2.subtract(image, cv2.merge([down, down, down]), dst=image)

    def _write(self, image: Picture) -> None:
        size = self._size[1] / 1080
        for row, text in enumerate(self.vendor.overlay):
            at = (round(24 * size), round((48 + 44 * row) * size))
            cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 1.1 * size, (235, 235, 235), max(1, round(2 * size)),
                        cv2.LINE_AA)  # fmt: skip
