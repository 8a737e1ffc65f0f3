"""The width of a shaft at the tip of its instrument, from the outline of the whole instrument.

Along the picture of a straight line inverse depth is an affine function of position, so the apparent width of a
cylinder is one too: a line is fitted to the width along the shaft and read at the tip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.state import NAN
from surgical_guidance.scene.strip import Profile

EDGE_SIGMA = 1.0
"""Standard deviation of a measured width [label pixels]: each edge is placed to about 0.7 of a pixel [I]."""

PLAUSIBLE = (0.03, 0.25)
"""Width of a 5 mm shaft over the height of the picture, from about 170 to 20 mm away [I]: a hook's wire is thinner."""

TAPER_SIGMA = 0.04
"""Spread of the taper to be expected, change of width over length [I]: a shaft at 45 degrees to the picture plane and
80 mm away comes 5 mm nearer, and so looks 6 % wider, over 5 mm of its length."""

TOOL_LENGTH = {'l_hook_electrocautery': 2.5, 'grasper': 3.0, 'clipper': 3.0, 'suction': 0.3}
"""What is in front of the shaft, in shaft widths [I]: jaws, or wire and collar. Nothing is measured there."""

_USUAL_TOOL_LENGTH = 3.0
_SAMPLES = 24  # slabs that lines are drawn through: 276 lines
_FITS = (0.8, 0.05)  # a slab agrees with a line within this many label pixels plus this share of its width
_TAPER = (-0.05, 0.12)  # of these lines; the shaft comes from the camera's side, so it seldom narrows away from the tip
_MIN_SLABS = 4
_MIN_LENGTH = 0.6  # of the part that agrees, in shaft widths


@dataclass(frozen=True, slots=True)
class Shaft:
    """What is known of a shaft. Where none was found the widths are NaN and it is not turned.

    :param width: at the tip [px].
    :param sigma: standard deviation of ``width`` [px].
    :param turn: angle by which the shaft's midline is turned from the axis that it was cut across [rad].
    """

    width: float = NAN
    sigma: float = NAN
    turn: float = 0.0


def fit_shaft(profile: Profile, class_name: str, pitch: float, height: float) -> Shaft:
    """Find the part behind the tool whose width is an affine function of position, and extend it to the tip.

    Lines are drawn through all pairs of up to 24 slabs; the one that most slabs agree with is refined by least squares
    over these, with a prior on the taper so that a short piece of shaft does not swing. Nothing is random: the same
    outline always gives the same width.

    :param pitch: size of a label pixel [px].
    :param height: of the picture [px].
    """
    tool = TOOL_LENGTH.get(class_name, _USUAL_TOOL_LENGTH)
    behind = profile.where(profile.u >= tool * profile.width)
    if len(behind.u) < _MIN_SLABS:
        return Shaft()
    slope, at_tip, votes = _consensus(behind, pitch)
    if votes < _MIN_SLABS:
        return Shaft()
    off = behind.width - (at_tip + slope * behind.u)
    agrees = np.abs(off) <= _tolerance(behind.width, pitch)
    part = behind.where(agrees)
    if len(part.u) < _MIN_SLABS or part.u[-1] - part.u[0] < _MIN_LENGTH * part.width[0]:
        return Shaft()
    further = behind.u > part.u[-1]
    if (off[further] > _tolerance(behind.width[further], pitch)).sum() >= _MIN_SLABS:
        return Shaft()  # it gets wider behind: this was the wire of a hook, or a jaw
    shaft = _refined(part, pitch)
    return shaft if PLAUSIBLE[0] * height <= shaft.width <= PLAUSIBLE[1] * height else Shaft()


def _consensus(profile: Profile, pitch: float) -> tuple[float, float, int]:
    """Give slope, width at the tip [px] and number of votes of the line that most slabs agree with."""
    chosen, first, second = _samples(len(profile.u))
    u, width = profile.u[chosen], profile.width[chosen]
    slope = (width[second] - width[first]) / (u[second] - u[first])
    possible = (slope >= _TAPER[0]) & (slope <= _TAPER[1])
    if not possible.any():
        return 0.0, 0.0, 0
    slope = slope[possible]
    at_tip = width[first[possible]] - slope * u[first[possible]]
    off = np.abs(at_tip[:, None] + slope[:, None] * u - width)
    votes = (off <= _tolerance(width, pitch)).sum(axis=1)
    best = int(votes.argmax())
    return float(slope[best]), float(at_tip[best]), int(votes[best])


def _refined(part: Profile, pitch: float) -> Shaft:
    reach = float(part.u.sum()) / len(part.u)
    u = part.u - reach
    spread = float(u @ u)
    noise = (EDGE_SIGMA * pitch) ** 2
    stiffness = spread / noise + 1.0 / TAPER_SIGMA**2
    slope = float(u @ part.width) / noise / stiffness
    at_tip = float(part.width.sum()) / len(u) - slope * reach
    if at_tip < pitch:
        return Shaft()
    lean = math.atan(float(u @ part.middle) / spread)
    across = math.cos(lean)  # slabs were cut across the first axis, not across the shaft
    # the edges' bias is common to all slabs and does not average out; the taper's error grows with the reach
    sigma = math.hypot(EDGE_SIGMA * pitch, reach / math.sqrt(stiffness))
    return Shaft(at_tip * across, sigma * across, -lean)


def _tolerance(width: NDArray[np.float64], pitch: float) -> NDArray[np.float64]:
    allowed: NDArray[np.float64] = _FITS[0] * pitch + _FITS[1] * width
    return allowed


@lru_cache(maxsize=256)
def _samples(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Choose some of ``count`` slabs, and all pairs of these."""
    chosen = np.unique(np.linspace(0, count - 1, _SAMPLES).astype(np.int64))
    first, second = np.triu_indices(len(chosen), 1)
    return chosen, first, second
