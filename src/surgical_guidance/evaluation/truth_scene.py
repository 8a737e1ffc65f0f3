"""The scene that a perfect perception would give of a frame of the phantom: made from its truth, no model asked.

Advice judged on these scenes is judged for its logic alone. What the truth does not know stays unknown (NaN), so that
no rule can lean on a number that nobody has.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import CLASSES, CONDITIONS
from surgical_guidance.phantom.geometry import WORKING_MM
from surgical_guidance.phantom.truth import FrameTruth, InstrumentTruth
from surgical_guidance.scene.regions import Grid, Region, RegionFinder, outline_in_picture
from surgical_guidance.scene.state import (
    NAN,
    Condition,
    Energy,
    Instrument,
    Landmark,
    Proximity,
    SceneState,
    Segmentation,
    Structure,
    Zone,
)
from surgical_guidance.scene.structures import find_structures

METHOD = 'truth'
"""How the millimetres of such a scene were found."""

SIGMA_MM = 0.01
"""Standard deviation of a true distance [mm]: not 0, so that every formula that divides by it holds."""

SIGMA_PX = 0.1
"""Standard deviation of a true place [px]."""

GROWING = 0.01
"""What growing blood is said to grow by [share of the picture / s]; the truth says that it grows, not how fast. The
bleeding of the scenarios grows by about this."""

_FIRST_STAMP_NS = NS_PER_S  # of a take: a stamp of 0 means no stamp
_BLOOD = 'blood'


def ground_truth_scene(truth: FrameTruth, labels: NDArray[np.uint8]) -> SceneState:
    """Give the scene of a frame as it truly is.

    Of several parts of one class only the nearest to a tip has a proximity, since the truth tells distances by class.
    The mean confidence is 1 less what darkness takes; sharpness and brightness are unknown, the levels tell them.

    :param labels: ``uint8 (h, w)`` of the frame, of any size, indices into :data:`surgical_guidance.contract.CLASSES`.
    """
    rows, columns = labels.shape
    grid = Grid(truth.width / columns, truth.height / rows)
    sure = np.full_like(labels, 255)
    segmentation = Segmentation(labels, sure, CLASSES)
    finder = RegionFinder()
    regions = finder.structures(segmentation)
    tools = finder.instruments(segmentation)
    c1, c2, c3 = truth.critical_view
    instruments = tuple(_instrument(one, tools, grid) for one in truth.instruments)
    return SceneState(
        stamp_ns=_FIRST_STAMP_NS + round(truth.time_s * NS_PER_S),
        sequence=truth.index + 1,
        monotonic_ns=_FIRST_STAMP_NS + round(truth.time_s * NS_PER_S),
        width=truth.width,
        height=truth.height,
        instruments=instruments,
        structures=tuple(_structure(one, truth) for one in find_structures(regions, grid, labels.size)),
        proximities=tuple(
            near
            for index, one in enumerate(truth.instruments)
            if one.tip_visible
            for near in _proximities(index, one, regions, grid)
        ),
        quality=1.0 - truth.events.low_light,
        phase=truth.phase,
        phase_probability=1.0,
        action=truth.verb,
        action_probability=1.0,
        conditions=_conditions(truth),
        zones=tuple(Zone(zone.kind, np.array(zone.outline, np.float32).reshape(-1, 2), METHOD) for zone in truth.zones),
        landmarks=tuple(Landmark(name, x, y, SIGMA_PX) for name, (x, y) in truth.landmarks.items()),
        critical_view=(float(c1), float(c2), float(c3)) if truth.zones else (NAN, NAN, NAN),
        energy=Energy.ON if truth.energy else Energy.OFF,
        roll=math.radians(truth.camera.roll_deg),
        drift_x=-truth.camera.drift_mm[0] * truth.camera.fx / WORKING_MM,
        drift_y=-truth.camera.drift_mm[1] * truth.camera.fy / WORKING_MM,
    )


def _instrument(one: InstrumentTruth, regions: list[Region], grid: Grid) -> Instrument:
    jaws = one.class_name in ('grasper', 'clipper')
    x, y = one.tip if one.tip_visible else (NAN, NAN)
    spread = SIGMA_PX**2 if one.tip_visible else NAN
    return Instrument(
        class_name=one.class_name,
        score=1.0,
        contour=_outline(one, regions, grid),
        id=one.id + 1,  # 0 means not tracked
        tip_visible=one.tip_visible,
        tip_x=x,
        tip_y=y,
        axis_x=one.axis[0],
        axis_y=one.axis[1],
        shaft_width_px=one.shaft_diameter_px,
        mm_per_px=one.shaft_diameter_mm / one.shaft_diameter_px,
        mm_per_px_sigma=SIGMA_MM / one.shaft_diameter_px,
        energised=Energy.ON if one.energised else Energy.OFF,
        tip_xx=spread,
        tip_xy=0.0 if one.tip_visible else NAN,
        tip_yy=spread,
        opening=one.opening if jaws else NAN,
    )


def _outline(one: InstrumentTruth, regions: list[Region], grid: Grid) -> NDArray[np.float32]:
    """Give the outline of the part of its class that comes nearest to its tip; empty where the frame shows none."""
    outlines = [outline_in_picture(region, grid) for region in regions if region.class_name == one.class_name]
    tip = np.array(one.tip, np.float32)
    return min(
        outlines,
        key=lambda outline: float(np.square(outline - tip).sum(axis=1).min()),
        default=np.empty((0, 2), np.float32),
    )


def _structure(plain: Structure, truth: FrameTruth) -> Structure:
    bleeding = truth.events.bleeding
    if plain.class_name != _BLOOD or bleeding is None:
        return plain._replace(identified=plain.class_name in truth.identified)
    return plain._replace(
        growth=GROWING if bleeding.growing else 0.0,
        source_x=bleeding.source[0],
        source_y=bleeding.source[1],
    )


def _proximities(index: int, one: InstrumentTruth, regions: list[Region], grid: Grid) -> list[Proximity]:
    nearest: dict[str, Proximity] = {}
    apart: dict[str, float] = {}
    for number, region in enumerate(regions):
        true = one.distances.get(region.class_name)
        if true is None:
            continue
        points = grid.to_picture(region.outline)
        squares = np.square(points - np.array(one.tip, np.float32)).sum(axis=1)
        closest = int(squares.argmin())
        if float(squares[closest]) < apart.get(region.class_name, math.inf):
            apart[region.class_name] = float(squares[closest])
            nearest[region.class_name] = Proximity(
                instrument=index,
                structure=number,
                distance_px=true.px,
                distance_mm=true.mm,
                sigma_mm=SIGMA_MM,
                method=METHOD,
                nearest_x=float(points[closest, 0]),
                nearest_y=float(points[closest, 1]),
            )
    return list(nearest.values())


def _conditions(truth: FrameTruth) -> tuple[Condition, ...]:
    """Give every condition; one without a level of its own is there (1) or not (0)."""
    active = truth.events.active()
    levels = {name: float(getattr(truth.events, name)) for name in CONDITIONS if name != 'bleeding'}
    levels['bleeding'] = float('bleeding' in active)
    return tuple(Condition(name, levels[name], name in active) for name in CONDITIONS)
