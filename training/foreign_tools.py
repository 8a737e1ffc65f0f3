"""Instruments that no phantom shows: shafts, wrists and jaws of random shape, size, material and light."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
from noise import Random, smooth_noise
from numpy.typing import NDArray

_BEYOND = 900.0  # far enough out of a picture of 512 pixels from anywhere
_METAL, _INSULATED, _PAINTED = range(3)


class ForeignTool:
    """Draws one instrument into a picture and its mask.

    :param picture: ``float32 (h, w, 3)``, 0 to about 1.
    :param mask: ``uint8 (h, w)``; 1 where an instrument is.
    """

    def __init__(self, rng: Random, picture: NDArray[np.float32], mask: NDArray[np.uint8]) -> None:
        self._rng, self._picture, self._mask = rng, picture, mask
        height, width = mask.shape
        self._half = math.exp(rng.uniform(math.log(6), math.log(58)))  # half the shaft's width [px]
        tip = rng.uniform((0.05 * width, 0.05 * height), (0.95 * width, 0.95 * height))
        towards = math.atan2(height / 2 - tip[1], width / 2 - tip[0]) + rng.normal(0.0, 0.9)
        self._at, self._angle = np.array(tip), towards if rng.random() < 0.8 else rng.uniform(-math.pi, math.pi)
        self._own = np.zeros_like(mask)
        self._cast = rng.random() < 0.5

    def draw(self) -> None:
        """Draw it from the jaws back to the shaft."""
        rng, half = self._rng, self._half
        layer = self._picture.copy()
        at, angle = self._at, self._angle
        self._prongs(layer, at, angle)
        for _ in range(int(rng.choice((0, 1, 2, 3), p=(0.25, 0.3, 0.3, 0.15)))):  # the segments of a wrist
            length, width = half * rng.uniform(0.5, 2.6), half * rng.uniform(0.6, 1.15)
            back = at - length * np.array([math.cos(angle), math.sin(angle)])
            self._segment(layer, at, back, width * rng.uniform(0.7, 1.1), width)
            at, angle = back, angle + rng.normal(0.0, 0.35)
        end = at - _BEYOND * np.array([math.cos(angle), math.sin(angle)])
        self._segment(layer, at + half * 0.2 * np.array([math.cos(angle), math.sin(angle)]), end, half, half * 1.15)
        height, width = self._own.shape
        grain = smooth_noise(rng, width, height, rng.uniform(1.5, 20)) - 0.5  # scratches, dirt, what it mirrors
        layer *= 1.0 + np.float32(rng.choice((0.0, 0.3, 1.0))) * grain[..., None]
        if self._cast:  # its shadow falls on what lies behind
            moved = np.float32([[1, 0, rng.normal(0, half * 0.7)], [0, 1, rng.normal(0, half * 0.7)]])
            shadow = cv2.warpAffine(self._own, moved, self._own.shape[::-1]).astype(np.float32)
            shadow = cv2.GaussianBlur(shadow, (0, 0), half * rng.uniform(0.15, 0.8) + 0.5)
            self._picture *= (1.0 - np.float32(rng.uniform(0.2, 0.75)) * shadow)[..., None]
        alpha = cv2.GaussianBlur(self._own.astype(np.float32), (0, 0), rng.uniform(0.4, 1.2))[..., None]
        self._picture += (layer - self._picture) * alpha
        self._mask |= self._own

    def _prongs(self, layer: NDArray[np.float32], at: NDArray[np.float64], angle: float) -> None:
        rng, half = self._rng, self._half
        count = int(rng.choice((0, 1, 2), p=(0.1, 0.35, 0.55)))
        opening = rng.uniform(0.0, 0.6)
        length = half * rng.uniform(1.2, 5.0)
        bend = rng.normal(0.0, 0.5)
        kind, light = self._material()
        for side in (-1.0, 1.0)[:count]:
            turn = angle + side * opening * (count - 1)
            steps = np.linspace(0.0, 1.0, 9)
            directions = turn + bend * steps * side
            stride = length / 8 * np.stack([np.cos(directions), np.sin(directions)], 1)
            line = at + np.concatenate([np.zeros((1, 2)), np.cumsum(stride, axis=0)[:-1]])
            normal = np.stack([-np.sin(directions), np.cos(directions)], 1)
            base, tip = half * rng.uniform(0.25, 0.7), half * rng.uniform(0.03, 0.3)
            reach = (base + (tip - base) * steps)[:, None]
            self._shade(layer, line, normal, reach, kind, light)
            if rng.random() < 0.35:  # fenestrated
                window = slice(2, 7)
                self._fill(layer, line[window] + normal[window] * reach[window] * 0.4,
                           line[window] - normal[window] * reach[window] * 0.4, (0.05, 0.05, 0.06))  # fmt: skip

    def _segment(
        self, layer: NDArray[np.float32], at: NDArray[np.float64], back: NDArray[np.float64], width: float, wide: float
    ) -> None:
        rng = self._rng
        along = (back - at) / max(float(np.hypot(*(back - at))), 1e-6)
        line, normal = np.stack([at, back]), np.repeat([[-along[1], along[0]]], 2, 0)
        kind, light = self._material()
        self._shade(layer, line, normal, np.array([[width], [wide]]), kind, light)
        for _ in range(int(rng.choice((0, 1, 3), p=(0.4, 0.4, 0.2)))):  # rings, collars, marks
            start = at + along * rng.uniform(0.0, 4.0) * width
            ring = np.stack([start, start + along * width * rng.uniform(0.06, 0.5)])
            tone = tuple(float(value) for value in np.full(3, rng.uniform(0.0, 1.0)) + rng.normal(0, 0.03, 3))
            self._fill(layer, ring + normal * width, ring - normal * width, tone)
        for _ in range(int(rng.choice((0, 2, 5), p=(0.4, 0.4, 0.2)))):  # blots of light, drops
            place = at + along * rng.uniform(0.0, 4.0) * width + normal[0] * rng.uniform(-0.7, 0.7) * width
            size = (max(1, round(width * rng.uniform(0.03, 0.25))), max(1, round(width * rng.uniform(0.03, 0.12))))
            centre = (round(float(place[0])), round(float(place[1])))
            bright = rng.uniform(0.7, 1.3)
            cv2.ellipse(layer, centre, size, rng.uniform(0, 180), 0, 360, (bright, bright, bright), -1, cv2.LINE_AA)

    def _material(self) -> tuple[int, NDArray[np.float64]]:
        rng = self._rng
        kind = int(rng.choice((_METAL, _INSULATED, _PAINTED), p=(0.45, 0.35, 0.2)))
        tone = {_METAL: rng.uniform(0.3, 0.95), _INSULATED: rng.uniform(0.02, 0.25), _PAINTED: rng.uniform(0.2, 0.9)}
        tint = rng.normal(0.0, 0.15 if kind == _PAINTED else 0.03, 3)
        return kind, np.clip(tone[kind] + tint, 0.01, 1.0)

    def _shade(
        self, layer: NDArray[np.float32], line: NDArray[np.float64], normal: NDArray[np.float64],
        reach: NDArray[np.float64], kind: int, light: NDArray[np.float64],
    ) -> None:  # fmt: skip
        """Fill a band about a line in stripes, as light runs round a cylinder."""
        rng = self._rng
        crest = rng.uniform(-0.7, 0.7)  # where it shines
        sharp = rng.uniform(4, 60)
        gloss = {_METAL: rng.uniform(0.1, 0.9), _INSULATED: rng.uniform(0.0, 0.5), _PAINTED: rng.uniform(0.0, 0.4)}
        stripes = max(3, min(24, round(float(reach.max()))))
        edges = np.linspace(-1.0, 1.0, stripes + 1)
        for low, high in itertools.pairwise(edges):
            middle = (low + high) / 2
            round_light = math.sqrt(max(0.0, 1.0 - 0.9 * (middle - crest * 0.4) ** 2 / 1.7))
            shine = gloss[kind] * math.exp(-sharp * (middle - crest) ** 2)
            tone = tuple(float(value) for value in light * round_light + shine)
            self._fill(layer, line + normal * reach * low, line + normal * reach * high, tone)

    def _fill(
        self, layer: NDArray[np.float32], one: NDArray[np.float64], other: NDArray[np.float64], tone: tuple[float, ...]
    ) -> None:
        outline = np.round(np.concatenate([one, other[::-1]]) * 16).astype(np.int32)
        cv2.fillPoly(layer, [outline], tone, cv2.LINE_8, 4)
        cv2.fillPoly(self._own, [outline], 1, cv2.LINE_8, 4)
