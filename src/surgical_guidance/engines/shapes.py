"""Optimisation profiles: for which input shapes an engine is built.

A profile has a smallest, a usual and a largest shape for every open input. An axis that the network has fixed keeps its
size: the graded profile of a network with fixed rows and columns grades the batch alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.plan import PlanTensor, Range, Shape

GRADED = ((1, 224, 224), (4, 384, 384), (8, 512, 512))
"""Batch, rows and columns of the graded profile: smallest, usual, largest."""

_COLOURS = 3
_OPEN = -1
_ONE_SHAPE = re.compile(r'\d+(x\d+)*')


def graded(inputs: Sequence[PlanTensor], where: str) -> dict[str, Range]:
    """Make the graded profile: few pictures or many, small or large, one engine.

    :raises ModelError: if every shape is fixed, or an axis is open that is neither batch, rows nor columns.
    """
    if not any(_OPEN in one.shape for one in inputs):
        raise ModelError(
            f'the network has fixed shapes ({", ".join(f"{one.name} {_text(one.shape)}" for one in inputs)}): '
            'there is nothing to grade',
            where=where,
            remedy='export it with dynamic axes for batch, height and width, or build it with --profile live',
        )
    return {
        one.name: Range(
            **dict(zip(('min', 'opt', 'max'), (_filled(one, *step, where) for step in GRADED), strict=True))
        )
        for one in inputs
        if _OPEN in one.shape
    }


def live(inputs: Sequence[PlanTensor], sizes: Sequence[tuple[int, int]], where: str) -> tuple[dict[str, Range], ...]:
    """Make one profile for each size of picture, batch 1: what live work wants. None where nothing is open.

    :param sizes: width and height of the network's picture [px]; the first is the commonest.
    :raises ModelError: if rows and columns are open and no size is known.
    """
    if not any(_OPEN in one.shape for one in inputs):
        return ()
    open_sizes = any(_OPEN in _rows_columns(one) for one in inputs)
    if open_sizes and not sizes:
        raise ModelError(
            'the network takes pictures of any size', where=where, remedy='say which: --size 512x288, once for each'
        )
    profiles = []
    for width, height in sizes if open_sizes else ((0, 0),):
        shapes = {one.name: _filled(one, 1, height, width, where) for one in inputs if _OPEN in one.shape}
        profiles.append({name: Range(min=shape, opt=shape, max=shape) for name, shape in shapes.items()})
    return tuple(profiles)


def written(text: str) -> tuple[str, Range]:
    """Read ``NAME=1x3x224x224,4x3x384x384,8x3x512x512`` (smallest, usual, largest), or one shape for all three.

    :raises ModelError: if it cannot be understood.
    """
    name, _, shapes = text.partition('=')
    parts = shapes.split(',')
    if not name or len(parts) not in (1, 3) or not all(_ONE_SHAPE.fullmatch(part) for part in parts):
        raise ModelError(
            f'{text!r} is no profile',
            where='--profile',
            remedy='use graded, live, or NAME=1x3x224x224,4x3x384x384,8x3x512x512',
        )
    low, usual, high = (parts * 3)[:3] if len(parts) == 1 else parts
    return name, Range(min=_shape(low), opt=_shape(usual), max=_shape(high))


def check(profiles: Sequence[Mapping[str, Range]], inputs: Sequence[PlanTensor], where: str) -> None:
    """Hold profiles against the network. The library lets a misspelt name pass and fails later with another story.

    :raises ModelError: if they do not fit.
    """
    known = {one.name: one.shape for one in inputs}
    needed = {name for name, shape in known.items() if _OPEN in shape}
    if needed and not profiles:
        raise ModelError(
            f'{", ".join(sorted(needed))} has open dimensions and there is no profile',
            where=where,
            remedy='add --profile graded, --profile live, or shapes of your own',
        )
    for profile in profiles:
        for name in profile.keys() - known.keys():
            raise ModelError(
                f'the profile is for {name!r}, and the network has no such input',
                where=where,
                remedy=f'it takes {", ".join(known)}',
            )
        for name in sorted(needed - profile.keys()):
            raise ModelError(f'the profile says nothing of {name}', where=where, remedy=f'add {name}=...')
        for name, wanted in profile.items():
            _check_range(name, wanted, known[name], where)


def _check_range(name: str, wanted: Range, shape: Shape, where: str) -> None:
    for one in (wanted.min, wanted.opt, wanted.max):
        fits = len(one) == len(shape) and all(own in (_OPEN, side) for own, side in zip(shape, one, strict=False))
        if not fits or min(one, default=1) < 1:
            raise ModelError(
                f'the profile gives {name} the shape {_text(one)}, the network takes {_text(shape)}',
                where=where,
                remedy='give it the same number of dimensions, and the same size where the network has one',
            )
    if any(not low <= usual <= high for low, usual, high in zip(wanted.min, wanted.opt, wanted.max, strict=True)):
        raise ModelError(
            f'the profile of {name} does not grow from {_text(wanted.min)} over {_text(wanted.opt)} '
            f'to {_text(wanted.max)}',
            where=where,
            remedy='write smallest, usual, largest',
        )


def _filled(one: PlanTensor, batch: int, rows: int, columns: int, where: str) -> Shape:
    """Give a shape of an input: open axes filled, fixed ones kept."""
    filled = list(one.shape)
    if filled[0] == _OPEN:
        filled[0] = batch
    axes = _rows_columns_axes(one)
    if axes is not None:
        for axis, size in zip(axes, (rows, columns), strict=True):
            if filled[axis] == _OPEN:
                filled[axis] = size
    if _OPEN in filled:
        raise ModelError(
            f'{one.name} {_text(one.shape)} has open dimensions that are neither batch, rows nor columns',
            where=where,
            remedy=f'give its shapes yourself: --profile {one.name}=...',
        )
    return tuple(filled)


def _rows_columns(one: PlanTensor) -> Shape:
    axes = _rows_columns_axes(one)
    return () if axes is None else tuple(one.shape[axis] for axis in axes)


def _rows_columns_axes(one: PlanTensor) -> tuple[int, int] | None:
    """Say which axes of a picture are rows and columns; None of what is no picture."""
    if len(one.shape) != 4:
        return None
    if one.shape[1] == _COLOURS:
        return 2, 3
    return (1, 2) if one.shape[3] == _COLOURS else None


def _shape(text: str) -> Shape:
    return tuple(int(side) for side in text.split('x'))


def _text(shape: Shape) -> str:
    return '(' + ', '.join('?' if side == _OPEN else str(side) for side in shape) + ')'
