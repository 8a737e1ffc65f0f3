"""Surroundings that no phantom shows: random reliefs, folds, crevices, tubes and threads under a random light.

They are no organ of any name. Whoever learns from them learns only what is no instrument.
"""

from __future__ import annotations

import cv2
import numpy as np
from noise import Field, Random, lit, octaves, smooth_noise, warped
from numpy.typing import NDArray

# Centres of colour, bgr, 0 to 1: red, pink, yellow, brown and pale flesh; half of the regions take any colour at all.
_FLESH = ((0.12, 0.12, 0.45), (0.45, 0.45, 0.85), (0.30, 0.65, 0.90), (0.15, 0.25, 0.45), (0.65, 0.75, 0.88))


def surroundings(rng: Random, width: int, height: int) -> NDArray[np.float32]:
    """Give a picture without instruments, ``float32 (h, w, 3)``, 0 to about 1."""
    picture = _surface(rng, width, height)
    for _ in range(int(rng.integers(0, 5))):
        mask = _blob(rng, width, height)
        edge = rng.uniform(0.6, 9.0)
        soft = cv2.GaussianBlur(mask, (0, 0), edge)[..., None]
        shadow = cv2.GaussianBlur(mask, (0, 0), rng.uniform(5, 25))[..., None]
        picture *= 1.0 - np.float32(rng.uniform(0.0, 0.8)) * shadow
        picture += (_surface(rng, width, height) - picture) * soft
    for _ in range(int(rng.choice((0, 1, 2, 4), p=(0.3, 0.3, 0.25, 0.15)))):
        _crevice(rng, picture)
    for _ in range(int(rng.choice((0, 1, 2), p=(0.6, 0.25, 0.15)))):
        _tube(rng, picture)
    for _ in range(int(rng.choice((0, 1, 3), p=(0.7, 0.15, 0.15)))):
        _thread(rng, picture)
    return picture


def spot_light(rng: Random, width: int, height: int) -> Field:
    """Give the fall-off of a light that shines from near the camera: about 1 at its centre."""
    x = (np.arange(width, dtype=np.float32)[None, :] / width - rng.uniform(0.2, 0.8)) / rng.uniform(0.35, 1.6)
    y = (np.arange(height, dtype=np.float32)[:, None] / height - rng.uniform(0.2, 0.8)) / rng.uniform(0.35, 1.6)
    return np.asarray(rng.uniform(0.75, 1.5) / (1.0 + x**2 + y**2) ** rng.uniform(0.5, 2.2), np.float32)


def _colour(rng: Random) -> NDArray[np.float32]:
    if rng.random() < 0.5:
        colour = np.array(_FLESH[rng.integers(len(_FLESH))]) + rng.normal(0.0, 0.08, 3)
    else:
        colour = rng.uniform(0.05, 0.95, 3)
    return np.clip(colour * rng.uniform(0.5, 1.3), 0.02, 1.2).astype(np.float32)


def _surface(rng: Random, width: int, height: int) -> NDArray[np.float32]:
    coarsest = rng.uniform(30, 260)
    relief = octaves(rng, width, height, coarsest, rng.choice((2.0, 4.0, 12.0)), rng.uniform(0.45, 0.95))
    if rng.random() < 0.5:
        relief = warped(rng, relief, rng.uniform(5, 90), rng.uniform(20, 160))
    shade, gloss = lit(relief * np.float32(rng.uniform(3, 55)), rng)
    mottle = octaves(rng, width, height, rng.uniform(8, 120), 4.0, 0.7)[..., None]
    first, second = _colour(rng), _colour(rng)
    albedo = first + (second - first) * np.float32(rng.uniform(0, 0.9)) * mottle
    wet = (
        np.float32(rng.choice((0.0, 0.4, 1.0))) * gloss * (smooth_noise(rng, width, height, rng.uniform(10, 60)) > 0.5)
    )
    surface = albedo * shade[..., None] + wet[..., None]
    if rng.random() < 0.3:  # a grain as of fat, char or a noisy camera
        surface *= 1.0 + np.float32(rng.uniform(0.1, 0.5)) * (rng.random((height, width, 1), np.float32) - 0.5)
    return np.asarray(surface, np.float32)


def _blob(rng: Random, width: int, height: int) -> Field:
    if rng.random() < 0.5:
        field = octaves(rng, width, height, rng.uniform(60, 250), 20.0, 0.5)
        return np.asarray(field > np.quantile(field, rng.uniform(0.5, 0.9)), np.float32)
    mask = np.zeros((height, width), np.float32)
    corners = int(rng.integers(3, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = rng.uniform(20, 180) * rng.uniform(0.4, 1.3, corners)
    at = rng.uniform((0, 0), (width, height))
    points = at + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1.0, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 12)) > 0.5, np.float32)


def path(rng: Random, width: int, height: int, steps: int, bend: float) -> NDArray[np.float64]:
    """Give a random curved line across a picture, ``(n, 2)``."""
    angle = rng.uniform(0, 2 * np.pi)
    angles = angle + np.cumsum(rng.normal(0.0, bend, steps))
    stride = rng.uniform(0.3, 1.2) * width / steps
    walk = np.cumsum(stride * np.stack([np.cos(angles), np.sin(angles)], 1), axis=0)
    return np.asarray(rng.uniform((0, 0), (width, height)) + walk - walk[steps // 2], np.float64)


def _line(image: NDArray[np.float32], points: NDArray[np.float64], colour: tuple[float, ...], thickness: int) -> None:
    cv2.polylines(image, [np.round(points * 16).astype(np.int32)], False, colour, max(1, thickness), cv2.LINE_AA, 4)


def _crevice(rng: Random, picture: NDArray[np.float32]) -> None:
    """Draw a dark fold between tissues, sometimes as straight and as wide as a shaft."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.float32)
    _line(mask, path(rng, width, height, 12, rng.uniform(0.02, 0.35)), (1.0,), int(rng.integers(2, 60)))
    mask = cv2.GaussianBlur(warped(rng, mask, 10, 30), (0, 0), rng.uniform(1.0, 14))
    picture *= (1.0 - np.float32(rng.uniform(0.4, 0.97)) * mask)[..., None]


def _tube(rng: Random, picture: NDArray[np.float32]) -> None:
    """Draw a vessel, a duct or a loop of bowel: round, but never straight and never of metal."""
    height, width = picture.shape[:2]
    points = path(rng, width, height, 14, rng.uniform(0.12, 0.45))
    half = rng.uniform(2, 45)
    colour = _colour(rng)
    for share, light in ((1.0, 0.45), (0.85, 0.7), (0.6, 0.95), (0.3, 1.1)):
        _line(picture, points, tuple(float(c) for c in colour * light), round(2 * half * share))


def _thread(rng: Random, picture: NDArray[np.float32]) -> None:
    """Draw a thread of a suture: thin, and no instrument."""
    height, width = picture.shape[:2]
    light = rng.uniform(0.0, 1.0)
    points = path(rng, width, height, 20, rng.uniform(0.05, 0.5))
    _line(picture, points, (light, light, light), int(rng.integers(1, 3)))
