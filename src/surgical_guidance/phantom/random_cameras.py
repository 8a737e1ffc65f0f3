"""Cameras of no maker: every property anywhere in a wide range, so that nobody learns one camera's look from them."""

from __future__ import annotations

import numpy as np

from surgical_guidance.phantom.vendors import Vendor

NAME = 'random'

_LINES = (0, 0, 480, 576, 720, 1080)
_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:. '


def random_camera(rng: np.random.Generator) -> Vendor:
    """Make one."""
    return Vendor(
        name=NAME,
        balance=(_gain(rng), _gain(rng), _gain(rng)),
        saturation=float(rng.uniform(0.6, 1.4)),
        gamma=float(rng.uniform(0.78, 1.25)),
        contrast=float(rng.uniform(0.85, 1.3)),
        sharpen=float(rng.uniform(-0.6, 1.2)),
        lines=int(rng.choice(_LINES)),
        interlaced=bool(rng.random() < 0.3),
        noise=float(rng.uniform(0.5, 5.5)),
        quality=int(rng.integers(50, 96)),
        radius=0.0 if rng.random() < 0.2 else float(rng.uniform(680.0, 960.0)),
        flat=float(rng.uniform(40.0, 180.0)) if rng.random() < 0.25 else 0.0,
        overlay=tuple(_text(rng) for _ in range(int(rng.integers(0, 3)))),
    )


def _gain(rng: np.random.Generator) -> float:
    return float(np.clip(np.exp(rng.normal(0.0, 0.09)), 0.8, 1.25))


def _text(rng: np.random.Generator) -> str:
    return ''.join(rng.choice(list(_LETTERS), int(rng.integers(3, 14))))
