"""Smooth random fields, the stuff that foreign pictures are made of."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Random = np.random.Generator


def smooth_noise(rng: Random, width: int, height: int, size: float) -> Field:
    """Give noise whose bumps are about ``size`` pixels wide, 0 to 1."""
    columns, rows = max(2, round(width / size) + 1), max(2, round(height / size) + 1)
    coarse = rng.random((rows, columns), np.float32)
    how = cv2.INTER_CUBIC if size > 8 else cv2.INTER_LINEAR
    return np.clip(cv2.resize(coarse, (width, height), interpolation=how), 0.0, 1.0)


def octaves(rng: Random, width: int, height: int, coarsest: float, finest: float, roughness: float) -> Field:
    """Sum noise from coarse to fine, each half the size and ``roughness`` times the height; 0 to 1."""
    total, weight, weights = np.zeros((height, width), np.float32), 1.0, 0.0
    while coarsest >= finest:
        total += np.float32(weight) * smooth_noise(rng, width, height, coarsest)
        weights += weight
        weight *= roughness
        coarsest /= 2.0
    return total / np.float32(max(weights, 1e-6))


def warped(rng: Random, field: Field, reach: float, size: float) -> Field:
    """Pull a field along a random flow: bumps become fibres and folds."""
    height, width = field.shape[:2]
    flow = [(smooth_noise(rng, width, height, size) - 0.5) * np.float32(2 * reach) for _ in range(2)]
    x = np.arange(width, dtype=np.float32)[None, :] + flow[0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[1]
    return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)


def lit(height_map: Field, rng: Random) -> tuple[Field, Field]:
    """Light a relief from somewhere about the camera; give how bright it is (about 1) and its highlights, 0 to 1."""
    dx, dy = (cv2.Sobel(height_map, cv2.CV_32F, 1 - axis, axis, ksize=3) for axis in (0, 1))
    lx, ly = rng.normal(0.0, 0.35, 2)
    facing = (1.0 - dx * lx - dy * ly) / np.sqrt((dx**2 + dy**2 + 1.0) * np.float32(lx**2 + ly**2 + 1.0))
    facing = np.maximum(facing, 0.0).astype(np.float32)
    return facing, np.asarray(cv2.pow(facing, rng.uniform(30, 160)), np.float32)
