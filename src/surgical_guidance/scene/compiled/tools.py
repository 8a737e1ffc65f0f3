"""Instruments, measured from their outlines: axis, foremost end, and the width of the shaft at the tip.

The outline is laid straight along the axis and cut across it at even distances. Along the picture of a straight line
inverse depth is an affine function of position, so the apparent width of a cylinder is one too: a line is fitted to the
width behind the tool and read at the tip. What the numbers rest on is told in ``scene.instruments`` and in
``scene.shaft``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.jit import compiled

Numbers = NDArray[np.float64]

AXIS_X, AXIS_Y, AT_X, AT_Y, INSIDE_X, INSIDE_Y, SPREAD, WIDTH, SIGMA, TURN = range(10)
"""Columns of what is measured: the axis, directed to the foremost end; the middle of that end [px]; half a label pixel
behind it [px]; how far apart the outer sides of the jaws end, or the width there [px]; the shaft's width at the tip and
its standard deviation [px], NaN where there is no shaft; by how much the shaft is turned from the axis [rad]."""

COLUMNS = 10
DESCRIBED = 12

_TIP_BAND = 1.5  # label pixels behind the foremost point that make a tip
_CUT = 2.0  # label pixels from one cut across the axis to the next; no step of an outline is as long
_ELONGATED = 1.5  # length over width, below which the main axis of a shape says nothing
_JAW_BAND = 0.3  # of the greatest width, behind the foremost point: both jaws end in it
_SAMPLES = 14  # cuts that lines are drawn through: 91 lines
_FITS_PX, _FITS_SHARE = 0.8, 0.05  # a cut agrees with a line within so many label pixels plus this share of its width
_LEAST_TAPER, _MOST_TAPER = -0.05, 0.12  # of these lines; a shaft comes from the camera's side, and seldom narrows
_MIN_CUTS = 4
_MIN_LENGTH = 0.6  # of the part that agrees, in shaft widths


@compiled
def measure(
    points: NDArray[np.int32],
    ends: NDArray[np.int64],
    shapes: Numbers,
    jawed: NDArray[np.bool_],
    tool_lengths: Numbers,
    edge: NDArray[np.uint8],
    grid: tuple[float, float],
    shaft: tuple[float, float, float],
    found: Numbers,
) -> None:
    """Measure instruments.

    :param points: ``(n, 2)``, outlines one after another, every pixel of the border [label pixels].
    :param ends: where each ends.
    :param shapes: ``(instruments, 6)``: area, middle and second central moments (xx, xy, yy) of each [label pixels].
    :param jawed: which end in two jaws: their end is the middle between the jaws' ends.
    :param tool_lengths: what is in front of the shaft, in shaft widths.
    :param edge: as large as the label map, not 0 where the picture ends.
    :param grid: width and height of a label pixel [px of the picture].
    :param shaft: how much too wide shafts are drawn, standard deviation of a measured width (both in label pixels), and
        standard deviation of the taper.
    :param found: ``(instruments, COLUMNS)``, filled.
    """
    sx, sy = grid
    pitch = max(sx, sy)
    first = 0
    for number in range(len(ends)):
        outline = points[first : ends[number]]
        first = ends[number]
        c, s = _axis(outline, shapes[number], edge, sx, sy)
        top, behind, aside = _straight(outline, c, s, sx, sy)
        rim = max(abs(c) * sy, abs(s) * sx)  # an outline runs through the middles of pixels: half of one is missing
        widths, middles = _cut_across(behind, aside, rim)
        end, spread = _end(behind, aside, jawed[number], _JAW_BAND * _greatest(widths) / pitch)
        inside_x, inside_y = top * c - end * s + (sx - 1.0) / 2.0, top * s + end * c + (sy - 1.0) / 2.0
        width, sigma, turn = _shaft(widths, middles, tool_lengths[number], pitch, shaft)
        found[number, AXIS_X], found[number, AXIS_Y] = c, s
        found[number, AT_X], found[number, AT_Y] = inside_x + pitch / 2.0 * c, inside_y + pitch / 2.0 * s
        found[number, INSIDE_X], found[number, INSIDE_Y] = inside_x, inside_y
        found[number, SPREAD] = spread + rim
        found[number, WIDTH], found[number, SIGMA], found[number, TURN] = width, sigma, turn


@compiled
def describe(
    found: Numbers,
    openings: Numbers,
    edge: NDArray[np.uint8],
    grid: tuple[float, float],
    plausible: tuple[float, float],
    diameter_mm: float,
    tip_sigmas: tuple[float, float],
    described: Numbers,
) -> None:
    """Say of measured instruments what can be believed.

    :param found: as :func:`measure` fills it.
    :param openings: ``(instruments, 2)``: how far apart the jaws end, closed and wide open, in shaft widths; NaN: there
        are none.
    :param edge: as large as the label map, not 0 where the picture ends: an end that lies there is not the tip.
    :param grid: width and height of a label pixel [px of the picture].
    :param plausible: least and greatest width of a shaft [px].
    :param diameter_mm: true diameter of the shafts [mm].
    :param tip_sigmas: standard deviation of a tip along and across the axis [px].
    :param described: ``(instruments, DESCRIBED)``, filled with the fields of an instrument from ``tip_visible`` on, its
        energy left out.
    """
    sx, sy = grid
    rows, columns = edge.shape
    for number in range(len(found)):
        ax, ay, x, y = found[number, AXIS_X], found[number, AXIS_Y], found[number, AT_X], found[number, AT_Y]
        width, sigma, turn = found[number, WIDTH], found[number, SIGMA], found[number, TURN]
        if not plausible[0] <= width <= plausible[1]:
            width, sigma, turn = math.nan, math.nan, 0.0
        column = int(min(max(np.rint((found[number, INSIDE_X] + 0.5) / sx - 0.5), 0.0), columns - 1.0))
        row = int(min(max(np.rint((found[number, INSIDE_Y] + 0.5) / sy - 0.5), 0.0), rows - 1.0))
        visible = not edge[row, column]
        opening = along = across = math.nan
        if visible:
            along, across = tip_sigmas[0] ** 2, tip_sigmas[1] ** 2
            closed, wide = openings[number, 0], openings[number, 1]
            if not math.isnan(width + closed):
                opening = min(max((found[number, SPREAD] / width - closed) / (wide - closed), 0.0), 1.0)
        else:
            x = y = math.nan
        scale = diameter_mm / width
        c, s = math.cos(turn), math.sin(turn)
        described[number, 0] = visible
        described[number, 1], described[number, 2] = x, y
        described[number, 3], described[number, 4] = c * ax - s * ay, s * ax + c * ay
        described[number, 5], described[number, 6], described[number, 7] = width, scale, scale * sigma / width
        described[number, 8] = along * ax * ax + across * ay * ay
        described[number, 9] = (along - across) * ax * ay
        described[number, 10] = along * ay * ay + across * ax * ax
        described[number, 11] = opening


@compiled
def _axis(
    outline: NDArray[np.int32], shape: Numbers, edge: NDArray[np.uint8], sx: float, sy: float
) -> tuple[float, float]:
    """Find the unit vector from where a region enters the picture to its far end."""
    xx, xy, yy = shape[3] * sx * sx, shape[4] * sx * sy, shape[5] * sy * sy
    angle = 0.5 * math.atan2(2.0 * xy, xx - yy)
    difference = math.hypot(xx - yy, 2.0 * xy)
    elongated = xx + yy + difference >= _ELONGATED**2 * (xx + yy - difference)
    c, s = math.cos(angle), math.sin(angle)
    low, high, entry_low, entry_high = math.inf, -math.inf, math.inf, -math.inf
    touching = 0
    sum_x = sum_y = 0.0
    for at in range(len(outline)):
        column, row = outline[at, 0], outline[at, 1]
        along = c * column * sx + s * row * sy
        low, high = min(low, along), max(high, along)
        if edge[row, column]:
            entry_low, entry_high = min(entry_low, along), max(entry_high, along)
            touching += 1
            sum_x += column * sx
            sum_y += row * sy
    if touching == 0:
        # its shaft is hidden: instruments come from outside, the tip is nearer to the middle
        rows, columns = edge.shape
        inward_x, inward_y = ((columns - 1) / 2.0 - shape[1]) * sx, ((rows - 1) / 2.0 - shape[2]) * sy
        forwards = inward_x * c + inward_y * s >= 0.0
    elif elongated:
        forwards = entry_low - low <= high - entry_high
    else:
        inward_x, inward_y = shape[1] * sx - sum_x / touching, shape[2] * sy - sum_y / touching
        reach = math.hypot(inward_x, inward_y)
        if reach > 0.0:
            c, s = inward_x / reach, inward_y / reach
        forwards = True
    return (c, s) if forwards else (-c, -s)


@compiled
def _straight(outline: NDArray[np.int32], c: float, s: float, sx: float, sy: float) -> tuple[float, Numbers, Numbers]:
    """Lay an outline straight along its axis.

    :return: where its foremost point is along the axis [px]; and of each point how far it lies behind that one
        [label pixels] and how far aside [px].
    """
    count = len(outline)
    behind, aside = np.empty(count), np.empty(count)
    top = -math.inf
    for at in range(count):
        x, y = outline[at, 0] * sx, outline[at, 1] * sy
        behind[at], aside[at] = c * x + s * y, c * y - s * x
        top = max(top, behind[at])
    pitch = max(sx, sy)
    for at in range(count):
        behind[at] = (top - behind[at]) / pitch
    return top, behind, aside


@compiled
def _cut_across(behind: Numbers, aside: Numbers, rim: float) -> tuple[Numbers, Numbers]:
    """Cut an outline across its axis: where it crosses a cut, it enters it or leaves it.

    :return: width and middle of each cut [px]; 0 where it has nothing. See :func:`_behind` for where they are.
    """
    count = len(behind)
    cuts = max(int(_greatest(behind) / _CUT + 0.5), 1)
    widths, middles, crossings = np.zeros(cuts), np.zeros(cuts), np.zeros(cuts)
    for at in range(count):
        onwards = at + 1 if at + 1 < count else 0
        p, q = behind[at] / _CUT + 0.5, behind[onwards] / _CUT + 0.5  # cuts are at whole numbers from 1
        before, after = int(p), int(q)
        if before != after:
            cut = max(before, after)
            across = aside[at] + (cut - p) / (q - p) * (aside[onwards] - aside[at])
            widths[cut - 1] += across if after > before else -across
            middles[cut - 1] += across
            crossings[cut - 1] += 1.0
    for cut in range(cuts):
        widths[cut] = abs(widths[cut]) + crossings[cut] * rim / 2.0
        middles[cut] /= max(crossings[cut], 1.0)
    return widths, middles


@compiled
def _end(behind: Numbers, aside: Numbers, jawed: bool, band: float) -> tuple[float, float]:
    """Give where the foremost end is across the axis, and how wide it is there [px]."""
    rows = max(np.rint(band), 2.0)
    first, last = math.inf, -math.inf
    weights = sums = 0.0
    for at in range(len(behind)):
        if behind[at] <= rows - 0.5:
            first, last = min(first, aside[at]), max(last, aside[at])
        weight = max(_TIP_BAND - behind[at], 0.0)
        weights += weight
        sums += weight * aside[at]
    return (first + last) / 2.0 if jawed else sums / weights, last - first


@compiled
def _shaft(
    widths: Numbers, middles: Numbers, tool_length: float, pitch: float, shaft: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Fit the width behind a tool by a line, and read it at the tip: width, sigma and turn.

    Lines are drawn through all pairs of 14 cuts; the one that most of these agree with is refined by least squares over
    all cuts that do, with a prior on the taper so that a short piece of shaft does not swing.
    """
    nothing = (math.nan, math.nan, 0.0)
    slope, at_tip, votes = _consensus(widths, tool_length, pitch)
    if votes < _MIN_CUTS:
        return nothing
    agrees = np.zeros(len(widths), np.bool_)
    count, nearest, furthest = 0, -1, -1
    reach = mean = 0.0
    for cut in range(len(widths)):
        u = _behind(cut, pitch)
        off = abs(widths[cut] - at_tip - slope * u)
        if _is_behind(widths[cut], u, tool_length) and off <= _allowed(widths[cut], pitch):
            agrees[cut] = True
            nearest = cut if nearest < 0 else nearest
            furthest = cut
            count += 1
            reach += u
            mean += widths[cut]
    if count < _MIN_CUTS or _behind(furthest, pitch) - _behind(nearest, pitch) < _MIN_LENGTH * widths[nearest]:
        return nothing
    wider = 0  # where it gets wider behind, this was the wire of a hook, or a jaw
    for cut in range(furthest + 1, len(widths)):
        u = _behind(cut, pitch)
        if _is_behind(widths[cut], u, tool_length):
            wider += widths[cut] - at_tip - slope * u > _allowed(widths[cut], pitch)
    if wider >= _MIN_CUTS:
        return nothing
    return _refined(widths, middles, agrees, reach / count, mean / count, pitch, shaft)


@compiled
def _consensus(widths: Numbers, tool_length: float, pitch: float) -> tuple[float, float, int]:
    """Give slope, width at the tip [px] and number of votes of the line that most cuts agree with."""
    first, last = -1, -1
    for cut in range(len(widths)):
        if _is_behind(widths[cut], _behind(cut, pitch), tool_length):
            first = cut if first < 0 else first
            last = cut
    best, best_slope, best_at_tip = 0, 0.0, 0.0
    if first < 0:
        return best_slope, best_at_tip, best
    us, ws, bounds = np.empty(_SAMPLES), np.empty(_SAMPLES), np.empty(_SAMPLES)
    voters = 0
    for sample in range(_SAMPLES):  # evenly; one between them that is not behind the tool has no vote
        cut = int(first + sample / (_SAMPLES - 1.0) * (last - first) + 0.5)
        us[sample], ws[sample] = _behind(cut, pitch), widths[cut]
        votes = _is_behind(ws[sample], us[sample], tool_length)
        bounds[sample] = _allowed(ws[sample], pitch) if votes else -1.0
        voters += votes
    for one in range(_SAMPLES):
        for other in range(one + 1, _SAMPLES):
            if best == voters:
                return best_slope, best_at_tip, best
            apart = us[other] - us[one]
            if apart <= 0.0:
                continue
            slope = (ws[other] - ws[one]) / apart
            if not _LEAST_TAPER <= slope <= _MOST_TAPER:
                continue
            at_tip = ws[one] - slope * us[one]
            agreeing = 0
            for sample in range(_SAMPLES):
                agreeing += abs(at_tip + slope * us[sample] - ws[sample]) <= bounds[sample]
            if agreeing > best:
                best, best_slope, best_at_tip = agreeing, slope, at_tip
    return best_slope, best_at_tip, best


@compiled
def _refined(
    widths: Numbers,
    middles: Numbers,
    agrees: NDArray[np.bool_],
    reach: float,
    mean: float,
    pitch: float,
    shaft: tuple[float, float, float],
) -> tuple[float, float, float]:
    """Give width, sigma and turn by least squares over the cuts that agree.

    :param reach: mean distance of these from the tip [px].
    :param mean: their mean width [px].
    """
    bias, edge_sigma, taper_sigma = shaft
    squares = across = aside = 0.0
    for cut in range(len(widths)):
        if agrees[cut]:
            off = _behind(cut, pitch) - reach
            squares += off * off
            across += off * widths[cut]
            aside += off * middles[cut]
    spread = max(squares, pitch * pitch)
    noise = (edge_sigma * pitch) ** 2
    stiffness = spread / noise + 1.0 / taper_sigma**2
    slope = across / noise / stiffness
    at_tip = max(mean - slope * reach - bias * pitch, 0.0)
    lean = math.atan(aside / spread)
    shrink = math.cos(lean)  # it was cut across the axis, not across the shaft
    # the edges' bias is common to all cuts and does not average out; the taper's error grows with the reach
    sigma = math.hypot(edge_sigma * pitch, reach / math.sqrt(stiffness)) * shrink
    return at_tip * shrink, sigma, -lean


@compiled
def _greatest(values: Numbers) -> float:
    greatest = values[0]
    for at in range(1, len(values)):
        greatest = max(greatest, values[at])
    return greatest


@compiled
def _behind(cut: int, pitch: float) -> float:
    """Give how far a cut is behind the foremost end [px]."""
    return (cut + 0.5) * (_CUT * pitch) + pitch / 2.0


@compiled
def _is_behind(width: float, u: float, tool_length: float) -> bool:
    """Whether a cut goes through what is behind the tool."""
    return width > 0.0 and u >= tool_length * width


@compiled
def _allowed(width: float, pitch: float) -> float:
    """Give how far off a line a cut may be that agrees with it [px]."""
    return _FITS_PX * pitch + _FITS_SHARE * width
