"""The width of a shaft at the tip of its instrument, from the outline of the whole instrument.

Along the picture of a straight line inverse depth is an affine function of position, so the apparent width of a
cylinder is one too: a line is fitted to the width along the shaft and read at the tip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.state import NAN
from surgical_guidance.scene.strip import Profiles

Numbers = NDArray[np.float64]

EDGE_SIGMA = 1.0
"""Standard deviation of a measured width [label pixels]: each edge is placed to about 0.7 of a pixel [I]."""

EDGE_BIAS = 0.7
"""How much too wide a shaft is in a label map [label pixels] [I]: maps are drawn with their border pixels, half a pixel
on either side, and networks learn that. It is 0.95 on the phantom's true maps, 0 for a map that was cut exactly."""

PLAUSIBLE = (0.03, 0.25)
"""Width of a 5 mm shaft over the height of the picture, from about 170 to 20 mm away [I]: a hook's wire is thinner."""

TAPER_SIGMA = 0.04
"""Spread of the taper to be expected, change of width over length [I]: a shaft at 45 degrees to the picture plane and
80 mm away comes 5 mm nearer, and so looks 6 % wider, over 5 mm of its length."""

TOOL_LENGTH = {'l_hook_electrocautery': 2.5, 'grasper': 3.0, 'clipper': 3.0, 'suction': 0.3}
"""What is in front of the shaft, in shaft widths [I]: jaws, or wire and collar. Nothing is measured there."""

_USUAL_TOOL_LENGTH = 3.0
_SAMPLES = 14  # slabs that lines are drawn through: 91 lines
_SHARES = np.linspace(0.0, 1.0, _SAMPLES)[:, None]
_FIRST, _SECOND = np.triu_indices(_SAMPLES, 1)
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


def fit_shafts(profiles: Profiles, class_names: Sequence[str], pitch: float, height: float) -> list[Shaft]:
    """Find the part behind each tool whose width is an affine function of position, and extend it to the tip.

    Lines are drawn through all pairs of 14 slabs; the one that most of these agree with is refined by least squares
    over all slabs that do, with a prior on the taper so that a short piece of shaft does not swing. Nothing is random:
    the same outline always gives the same width.

    :param class_names: of the instruments, a profile each.
    :param pitch: size of a label pixel [px].
    :param height: of the picture [px].
    """
    u, width = profiles.u, profiles.width
    tool = np.array([[TOOL_LENGTH.get(name, _USUAL_TOOL_LENGTH)] for name in class_names])
    behind = (width > 0.0) & (u >= tool * width)
    allowed = _FITS[0] * pitch + _FITS[1] * width
    slope, at_tip, votes = _consensus(u, width, behind, allowed)
    off = width - (at_tip[:, None] + slope[:, None] * u)
    agrees = behind & (np.abs(off) <= allowed)
    count = agrees.sum(axis=1)
    nearest = agrees.argmax(axis=1)
    furthest = agrees.shape[1] - 1 - agrees[:, ::-1].argmax(axis=1)
    long_enough = u[furthest] - u[nearest] >= _MIN_LENGTH * width[np.arange(len(width)), nearest]
    # where it gets wider behind, this was the wire of a hook, or a jaw
    wider = (behind & (u > u[furthest][:, None]) & (off > allowed)).sum(axis=1)
    found = (votes >= _MIN_SLABS) & (count >= _MIN_SLABS) & long_enough & (wider < _MIN_SLABS)
    shafts = _refined(profiles, agrees, count, pitch)
    plausible = (PLAUSIBLE[0] * height, PLAUSIBLE[1] * height)
    return [
        shaft if ok and plausible[0] <= shaft.width <= plausible[1] else Shaft()
        for ok, shaft in zip(found.tolist(), shafts, strict=True)
    ]


def _consensus(
    u: Numbers, width: Numbers, behind: NDArray[np.bool_], allowed: Numbers
) -> tuple[Numbers, Numbers, NDArray[np.uint8]]:
    """Give slope, width at the tip [px] and number of votes of the line that most slabs agree with, an entry each."""
    # evenly from the first slab behind the tool to the last; one between them that is not behind it has no vote
    first, last = behind.argmax(axis=1), behind.shape[1] - 1 - behind[:, ::-1].argmax(axis=1)
    chosen = (first + _SHARES * (last - first) + 0.5).astype(np.intp)  # (samples, regions), as all that follows
    rows = np.arange(len(first))
    us, ws = u[chosen], width[rows, chosen]
    bound = np.where(behind[rows, chosen], allowed[rows, chosen], -1.0).astype(np.float32)
    apart = us[_SECOND] - us[_FIRST]
    slope = (ws[_SECOND] - ws[_FIRST]) / np.where(apart > 0.0, apart, 1.0)
    at_tip = ws[_FIRST] - slope * us[_FIRST]
    possible = (apart > 0.0) & (slope >= _TAPER[0]) & (slope <= _TAPER[1])
    # in single precision, and summed over the first axis: it is the greatest array of all, (samples, lines, regions)
    off = slope.astype(np.float32) * us.astype(np.float32)[:, None]
    off += at_tip.astype(np.float32)
    off -= ws.astype(np.float32)[:, None]
    np.abs(off, out=off)
    votes = np.add.reduce(off <= bound[:, None], axis=0, dtype=np.uint8) * possible
    best = votes.argmax(axis=0)
    return slope[best, rows], at_tip[best, rows], votes[best, rows]


def _refined(profiles: Profiles, agrees: NDArray[np.bool_], count: NDArray[np.int64], pitch: float) -> list[Shaft]:
    share = agrees / np.maximum(count, 1)[:, None]
    reach = share @ profiles.u
    off = np.where(agrees, profiles.u - reach[:, None], 0.0)
    spread = np.maximum((off * off).sum(axis=1), pitch * pitch)
    noise = (EDGE_SIGMA * pitch) ** 2
    stiffness = spread / noise + 1.0 / TAPER_SIGMA**2
    slope = (off * profiles.width).sum(axis=1) / noise / stiffness
    at_tip = np.maximum((share * profiles.width).sum(axis=1) - slope * reach - EDGE_BIAS * pitch, 0.0)
    lean = np.arctan((off * profiles.middle).sum(axis=1) / spread)
    across = np.cos(lean)  # slabs were cut across the first axis, not across the shaft
    # the edges' bias is common to all slabs and does not average out; the taper's error grows with the reach
    sigma = np.hypot(EDGE_SIGMA * pitch, reach / np.sqrt(stiffness)) * across
    widths = (at_tip * across).tolist()
    return [Shaft(*one) for one in zip(widths, sigma.tolist(), (-lean).tolist(), strict=True)]
