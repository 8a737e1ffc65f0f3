"""One named number of one scene, and a place to collect them."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

from surgical_guidance.scene.state import NAN

FAR = 1e6
"""No place of a picture is further from its first pixel [px]; single precision tells places that near apart."""

SIGMAS = 2.0  # DOMAIN: a proximity rule fires on d - 2 sigma


class Feature(NamedTuple):
    """One named number of one scene.

    :param value: as measured, for evidence and text.
    :param sigma: standard deviation of ``value``; NaN where it is not known.
    :param bound: what conditions are tested on.
    :param dx: to the right: from the tip to the structure, from the picture's centre to the tools, or upwards in the
        room [px].
    :param dy: downwards, likewise [px].
    :param x: where that direction starts [px].
    :param y: [px].
    :param detail: what a number cannot say, such as which criteria are missing.
    """

    name: str
    value: float
    sigma: float
    unit: str
    bound: float
    dx: float = NAN
    dy: float = NAN
    x: float = NAN
    y: float = NAN
    detail: str = ''


class Found:
    """The features of one scene: of those that are wanted, each as bad as it may well be.

    :param wanted: names; others are let go.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        self.features: dict[str, Feature] = {}
        self._wanted = wanted

    def wants(self, name: str) -> bool:
        """Whether a feature is wanted."""
        return name in self._wanted

    def number(self, name: str, value: float, unit: str = '1') -> None:
        """Take in a plain number; one that is not finite is not known."""
        if name in self._wanted and math.isfinite(value):
            self.features[name] = Feature(name, value, NAN, unit, value)

    def directed(self, feature: Feature) -> None:
        """Take in a feature with all that belongs to it."""
        if feature.name in self._wanted and math.isfinite(feature.value) and math.isfinite(feature.bound):
            self.features[feature.name] = feature

    def may_be_nearer(self, name: str, bound: float) -> bool:
        """Whether a distance may well be shorter than the one that was found of the same name."""
        before = self.features.get(name)
        return before is None or bound < before.bound
