"""One named number of one scene, and a place to collect them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set
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


class Found(Mapping[str, Feature]):
    """The features of one scene: of those that are wanted, each as bad as it may well be.

    Most are looked at by conditions alone, which need no more than :attr:`bounds`; a plain number becomes a feature
    when it is asked for.

    :param wanted: names; others are let go.
    """

    __slots__ = ('_told', '_wanted', 'bounds')

    def __init__(self, wanted: Set[str]) -> None:
        self.bounds: dict[str, float] = {}
        """What conditions are tested on, by name."""
        self._told: dict[str, Feature] = {}  # those that are more than a plain number
        self._wanted = wanted

    def __getitem__(self, name: str) -> Feature:
        value = self.bounds[name]
        return self._told.get(name) or Feature(name, value, NAN, '1', value)

    def __contains__(self, name: object) -> bool:
        return name in self.bounds

    def __iter__(self) -> Iterator[str]:
        return iter(self.bounds)

    def __len__(self) -> int:
        return len(self.bounds)

    def wants(self, name: str) -> bool:
        """Whether a feature is wanted."""
        return name in self._wanted

    def number(self, name: str, value: float) -> None:
        """Take in a plain number of the unit 1; one that is not finite is not known."""
        if name in self._wanted and math.isfinite(value):
            self.bounds[name] = value

    def told(self, feature: Feature) -> None:
        """Take in a feature with all that belongs to it."""
        if feature.name in self._wanted and math.isfinite(feature.value) and math.isfinite(feature.bound):
            self.bounds[feature.name] = feature.bound
            self._told[feature.name] = feature
