"""Optimisation profiles at run time: which of those that a plan was built with is for the shapes at hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from surgical_guidance.errors import EngineError

Shape = tuple[int, ...]
Shapes = Mapping[str, tuple[Shape, ...]]
"""Input -> smallest, usual and largest shape."""


def choose_profile(profiles: Sequence[Shapes], wanted: Mapping[str, Shape], where: str) -> int:
    """Give the index of the profile whose usual shapes are nearest to those wanted, of those that allow them.

    :param where: the plan, for errors.
    :raises EngineError: if none allows them, with those there are.
    """
    best, best_distance = -1, math.inf
    for index, profile in enumerate(profiles):
        if not all(_allows(profile[name], shape) for name, shape in wanted.items()):
            continue
        distance = sum(_distance(profile[name][1], shape) for name, shape in wanted.items())
        if distance < best_distance:
            best, best_distance = index, distance
    if best < 0:
        asked = ', '.join(f'{name} {shape_text(shape)}' for name, shape in wanted.items())
        there = '; '.join(
            ', '.join(f'{name} {shape_text(profile[name][0])} to {shape_text(profile[name][-1])}' for name in wanted)
            for profile in profiles
        )
        raise EngineError(
            f'the plan was built for other shapes than {asked}',
            where=where,
            remedy=f'it allows {there}: build it with a profile for this size, or mend the manifest',
        )
    return best


def _allows(ranges: tuple[Shape, ...], shape: Shape) -> bool:
    low, high = ranges[0], ranges[-1]
    return len(shape) == len(low) and all(a <= side <= b for a, side, b in zip(low, shape, high, strict=True))


def _distance(usual: Shape, shape: Shape) -> float:
    """Tell how far apart two shapes are: 0 for equal ones; halving and doubling a side count the same."""
    return sum(abs(math.log(side / own)) for own, side in zip(usual, shape, strict=True) if own > 0 and side > 0)


def shape_text(shape: Shape) -> str:
    """Write a shape as the command line does."""
    return 'x'.join(str(side) for side in shape)
