"""Corners that are followed from picture to picture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Pixels = NDArray[np.uint8]
Points = NDArray[np.float32]


@compiled
def usable(
    corners: Points, turn: complex, shift: complex, size: tuple[int, int], labels: Pixels, wanted: Pixels
) -> tuple[Points, Points]:
    """Give the corners that should lie on a wanted label now, and where.

    :param corners: ``(n, 2)``, x and y [px of a picture that the map covers].
    :param turn: a corner at ``z = x + iy`` should be at ``turn * z + shift`` now.
    :param size: rows and columns of that picture.
    :param wanted: ``(256,)``, by label; 0: it is not.
    """
    rows, columns = labels.shape
    before, there = np.empty_like(corners), np.empty_like(corners)
    count = 0
    for at in range(len(corners)):
        now = turn * complex(corners[at, 0], corners[at, 1]) + shift
        x = np.rint((now.real + 0.5) * columns / size[1] - 0.5)
        y = np.rint((now.imag + 0.5) * rows / size[0] - 0.5)
        if 0 <= x < columns and 0 <= y < rows and wanted[labels[int(y), int(x)]] != 0:
            before[count, 0], before[count, 1] = corners[at, 0], corners[at, 1]
            there[count, 0], there[count, 1] = now.real, now.imag
            count += 1
    return before[:count], there[:count]


@compiled
def agreed(before: Points, after: Points, within: float) -> tuple[complex, complex, int, float]:
    """Find what most corners agree on: ``turn * z + shift`` is where a corner at ``z = x + iy`` has gone.

    Each two corners propose one (RANSAC would try some by chance), and those that agree with the best settle it by
    least squares.

    :param before: ``(n, 2)``, x and y; ``after`` likewise, of the same corners.
    :param within: how far from there a corner may be and agrees.
    :returns: turn, shift, how many agree, and the root mean square of their distances from their middle.
    """
    number = len(before)
    old, new = np.empty(number, np.complex128), np.empty(number, np.complex128)
    for at in range(number):
        old[at] = complex(before[at, 0], before[at, 1])
        new[at] = complex(after[at, 0], after[at, 1])
    turn, shift, most = 0j, 0j, 0
    for one in range(number):
        for other in range(one):
            if old[one] == old[other] or new[one] == new[other]:
                continue
            a = (new[one] - new[other]) / (old[one] - old[other])
            b = new[one] - a * old[one]
            count = 0
            for at in range(number):
                count += _squared(a * old[at] + b - new[at]) <= within**2
            if count > most:
                turn, shift, most = a, b, count
    middle, middle_now = 0j, 0j
    for at in range(number):
        if _squared(turn * old[at] + shift - new[at]) <= within**2:
            middle += old[at] / most
            middle_now += new[at] / most
    product, squares = 0j, 0.0
    for at in range(number):
        if _squared(turn * old[at] + shift - new[at]) <= within**2:
            off = old[at] - middle
            product += off.conjugate() * (new[at] - middle_now)
            squares += _squared(off)
    if squares == 0.0:
        return turn, shift, 0, 0.0
    turn = product / squares
    return turn, middle_now - turn * middle, most, math.sqrt(squares / most)


@compiled
def _squared(z: complex) -> float:
    return z.real**2 + z.imag**2


__all__ = ['agreed', 'usable']
