"""What stands between the camera and the tissue: smoke, fog, splashes, glare, too little light, blur.

Every level goes from 0 (none) to 1. All work in place on ``uint8 (h, w, 3)`` bgr8; clouds and drops are made once from
a seed at a coarse size.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Field = NDArray[np.float32]

_GRID = (288, 162)  # width and height of the coarse fields
_DROPS = 20


def clouds(rng: np.random.Generator, cells: int, octaves: int, size: tuple[int, int] = _GRID) -> Field:
    """Give soft noise from 0 to 1, ``float32 (h, w)``."""
    total = np.zeros((size[1], size[0]), np.float32)
    for octave in range(octaves):
        n = cells * 2**octave
        coarse = rng.random((n * size[1] // size[0] + 3, n + 3), np.float32)
        total += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) * np.float32(0.5**octave)
    low, high = float(total.min()), float(total.max())
    return (total - np.float32(low)) / np.float32(max(high - low, 1e-6))


def veil(image: Picture, alpha: Field, colour: tuple[float, float, float]) -> None:
    """Lay a colour over a picture with a coarse opacity, 0 to 1."""
    h, w = image.shape[:2]
    opacity = cv2.resize(np.round(np.clip(alpha, 0.0, 1.0) * 255.0).astype(np.uint8), (w, h))
    three = cv2.merge([opacity, opacity, opacity])
    tint = cv2.merge([cv2.convertScaleAbs(opacity, alpha=part / 255.0) for part in colour])
    cv2.bitwise_not(three, dst=three)
    cv2.multiply(image, three, dst=image, scale=1 / 255)
    cv2.add(image, tint, dst=image)


class Disturbances:
    """Smoke, fog, drops and glare of one take.

    :param rng: chooses their shapes.
    :param lens: chooses the fog and the drops of the other eye's lens; None: it is the first eye's.
    """

    def __init__(self, rng: np.random.Generator, lens: np.random.Generator | None = None) -> None:
        self._smoke = [clouds(rng, 3, 4, (2 * _GRID[0], 2 * _GRID[1])) for _ in range(2)]
        self._fog = clouds(rng, 2, 2)
        self._drops, self._drop_rims = _splash(rng)
        self._redness = float(rng.random())
        self._spots = [(rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.75), rng.uniform(0.03, 0.10)) for _ in range(3)]
        self._glints = np.clip(clouds(rng, 14, 3) - np.float32(0.62), 0.0, 1.0) * np.float32(5.0)
        self._glow = _glow(self._spots)
        self._drift = rng.uniform(-1.0, 1.0, 4)
        if lens is not None:
            self._fog = clouds(lens, 2, 2)
            self._drops, self._drop_rims = _splash(lens)

    def smoke(self, image: Picture, level: float, time_s: float) -> None:
        """Fill the view with drifting smoke; at 1 next to nothing is seen."""
        if level <= 0.0:
            return
        total = np.zeros((_GRID[1], _GRID[0]), np.float32)
        for index, field in enumerate(self._smoke):
            swing = time_s * (0.5 + 0.3 * index) + 2.0 * index
            x = round(_GRID[0] * (0.5 + 0.45 * math.sin(0.31 * swing + 3.0 * self._drift[2 * index])))
            y = round(_GRID[1] * (0.5 + 0.45 * math.sin(0.23 * swing + 3.0 * self._drift[2 * index + 1])))
            total += field[y : y + _GRID[1], x : x + _GRID[0]]
        thin = np.clip(total - np.float32(0.45), 0.0, 1.0)
        alpha = np.float32(level) * (np.float32(0.35) + np.float32(0.75) * thin)
        veil(image, np.minimum(alpha, np.float32(0.35 + 0.62 * level)), (214.0, 206.0, 204.0))

    def fog(self, image: Picture, level: float) -> None:
        """Let water condense on the lens: a milky, soft picture, clearest at one side."""
        if level <= 0.0:
            return
        soften(image, 0.5 * level)
        veil(image, np.float32(level) * (np.float32(0.45) + np.float32(0.42) * self._fog), (196.0, 196.0, 194.0))

    def splash(self, image: Picture, level: float) -> None:
        """Put drops on the lens: each shows the scene small, soft and upside down, with a bright rim."""
        if level <= 0.0:
            return
        h, w = image.shape[:2]
        small = cv2.GaussianBlur(cv2.resize(image, (w // 8, h // 8), interpolation=cv2.INTER_AREA), (0, 0), 2.0)
        seen = cv2.resize(cv2.flip(small, -1), _GRID).astype(np.float32) * np.float32(0.85)
        red = np.array((40.0, 30.0, 120.0), np.float32)
        seen += (red - seen) * np.float32(0.15 + 0.55 * self._redness)
        seen += self._drop_rims[..., None] * np.float32(110.0)
        alpha = np.clip(self._drops - np.float32(1.0 - level), 0.0, 0.25) * np.float32(4.0 * (0.55 + 0.4 * level))
        opacity = cv2.resize(alpha, (w, h))[..., None]
        drops = cv2.resize(np.clip(seen, 0, 255), (w, h))
        image[:] = np.clip(image + (drops - image) * opacity, 0, 255).astype(np.uint8)

    def glare(self, image: Picture, level: float) -> None:
        """Drive wet places into the white, with a bloom around them."""
        if level <= 0.0:
            return
        h, w = image.shape[:2]
        bright = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), _GRID, interpolation=cv2.INTER_AREA)
        wet = np.clip((bright.astype(np.float32) - np.float32(70.0)) / np.float32(90.0), 0.0, 1.0)
        shine = self._glow + np.minimum(self._glints * wet, np.float32(1.0)) * np.float32(0.8)
        shine += np.float32(0.5) * cv2.GaussianBlur(shine, (0, 0), 7.0)
        added = np.clip(shine * np.float32(250.0 * level), 0.0, 255.0).astype(np.uint8)
        added = cv2.resize(added, (w, h), interpolation=cv2.INTER_CUBIC)
        cv2.add(image, cv2.merge([added, added, added]), dst=image)


def soften(image: Picture, level: float, angle: float | None = None) -> None:
    """Take a picture out of focus, or smear it along a direction [rad].

    :param level: 1 is a disc of 2 % of the picture's width, where no vessel is seen any more.
    """
    if level <= 0.0:
        return
    h, w = image.shape[:2]
    radius = level * 0.011 * w
    if angle is not None:
        length = max(3, int(2.4 * radius) | 1)
        kernel = np.zeros((length, length), np.float32)
        middle = length // 2
        reach = np.array([math.cos(angle), math.sin(angle)]) * middle
        ends = [tuple(np.round((middle + sign * reach) * 16).astype(int).tolist()) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
        image[:] = cv2.filter2D(image, -1, kernel / kernel.sum())
        return
    shrink = 4 if radius > 6.0 else 2 if radius > 2.5 else 1
    small = cv2.resize(image, (w // shrink, h // shrink), interpolation=cv2.INTER_AREA) if shrink > 1 else image
    small = cv2.GaussianBlur(small, (0, 0), radius / shrink + 0.1)
    cv2.resize(small, (w, h), image, interpolation=cv2.INTER_LINEAR)


def _splash(rng: np.random.Generator) -> tuple[Field, Field]:
    """Give drops, each with the level from which on it is there, and their rims."""
    drops, rims = np.zeros((_GRID[1], _GRID[0]), np.float32), np.zeros((_GRID[1], _GRID[0]), np.float32)
    for order in range(_DROPS):
        reach = 0.2 if order < 3 else 0.42  # the first ones are where somebody looks
        x, y = rng.uniform(0.5 - 0.8 * reach, 0.5 + 0.8 * reach), rng.uniform(0.5 - reach, 0.5 + reach)
        at = (round(_GRID[0] * float(x)), round(_GRID[1] * float(y)))
        axes = (int(rng.integers(4, 26)), int(rng.integers(4, 20)))
        turn = float(rng.uniform(0, 180))
        shape = np.zeros_like(drops)
        cv2.ellipse(shape, at, axes, turn, 0, 360, 1.0, -1, cv2.LINE_AA)
        np.maximum(drops, shape * np.float32(1.0 - 0.85 * order / _DROPS), out=drops)
        cv2.ellipse(rims, at, axes, turn, 200, 300, 1.0, 1, cv2.LINE_AA)
    soft, lit = cv2.GaussianBlur(drops, (0, 0), 1.2), cv2.GaussianBlur(rims, (0, 0), 0.8)
    return np.asarray(soft, np.float32), np.asarray(lit, np.float32)


def _glow(spots: list[tuple[float, float, float]]) -> Field:
    """Give soft round lights: centre and radius as shares of the width."""
    x = np.linspace(0.0, 1.0, _GRID[0], dtype=np.float32)[None, :]
    y = np.linspace(0.0, 1.0, _GRID[1], dtype=np.float32)[:, None]
    total = np.zeros((_GRID[1], _GRID[0]), np.float32)
    for cx, cy, radius in spots:
        total += np.exp(-((((x - cx) ** 2 + ((y - cy) * 0.5625) ** 2) / np.float32(radius) ** 2) ** 2))
    return np.minimum(total, np.float32(1.0))
