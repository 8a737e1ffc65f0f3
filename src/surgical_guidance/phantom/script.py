"""What happens in the phantom: 18 seconds that give every first rule a reason to speak, again and again.

Key poses are places in the tissue, so that a distance asked for is a distance kept while the tissue breathes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from surgical_guidance.phantom.instruments import Pose

CYCLE_S = 18.0
BREATH_S = 4.5  # 13 breaths a minute, as a ventilated patient
BREATH_UNITS = (5.0, 14.0)

BOWEL_GAP_MM = 6.0  # the rule's limit is 10 mm, two sigma below
ARTERY_GAP_MM = 1.0  # the rule's limit is 3 mm


@dataclass(frozen=True, slots=True)
class Event:
    """What the script does between two times of its cycle [s]. ``name`` says what it gives reason for."""

    name: str
    start_s: float
    end_s: float


DISSECTION = Event('dissection', 0.0, 3.4)
BOWEL = Event('bowel_proximity', 4.4, 6.6)
ARTERY = Event('artery_proximity', 8.2, 10.2)
OFF_CENTRE = Event('tools_off_centre', 11.2, 13.2)
HOOK_GONE = Event('hook_out_of_view', 13.7, 15.3)
DEFOCUS = Event('defocus', 16.1, 17.7)
EVENTS = (DISSECTION, BOWEL, ARTERY, OFF_CENTRE, HOOK_GONE, DEFOCUS)

Place = tuple[float, float]
_GRASPER_PORT: Place = (1290.0, -420.0)
_HOOK_PORT: Place = (2600.0, 900.0)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the script sends the instruments [scene units, tissue at rest]."""

    dissection: Place
    bowel: Place
    artery: Place
    hold: Place
    hook_aside: Place = (1500.0, 330.0)
    grasper_aside: Place = (1395.0, 190.0)
    outside: Place = (2150.0, 760.0)


def active(time_s: float) -> tuple[str, ...]:
    """Name the events at a time."""
    t = time_s % CYCLE_S
    return tuple(event.name for event in EVENTS if event.start_s <= t < event.end_s)


def breath(time_s: float) -> Place:
    """How far breathing has moved the tissue [scene units]; in harmony with the cycle, so that it loops unseen."""
    phase = 2 * math.pi * time_s / BREATH_S
    swell = math.sin(phase) + 0.25 * math.sin(2 * phase)
    return BREATH_UNITS[0] * swell, BREATH_UNITS[1] * swell


def defocus(time_s: float) -> float:
    """How far out of focus the picture is, 0 to 1."""
    t = time_s % CYCLE_S
    return _smooth((t - DEFOCUS.start_s + 0.2) / 0.2) * _smooth((DEFOCUS.end_s + 0.2 - t) / 0.2)


def poses(time_s: float, places: Places) -> tuple[Pose, ...]:
    """Give the instruments, the one nearest to the viewer last."""
    t = time_s % CYCLE_S
    sway_x, sway_y = breath(time_s)
    stroke = _smooth(min(t, 3.4 - t) / 0.4) if t < 3.4 else 0.0
    hook_x, hook_y = _travel(
        t,
        (
            (0.0, places.dissection), (3.4, places.dissection), (4.4, places.bowel), (6.6, places.bowel),
            (7.4, places.dissection), (8.2, places.artery), (10.2, places.artery), (11.2, places.hook_aside),
            (13.2, places.hook_aside), (13.9, places.outside), (15.1, places.outside), (15.9, places.dissection),
        ),
    )  # fmt: skip
    grasper_x, grasper_y = _travel(
        t,
        (
            (0.0, places.hold), (10.2, places.hold), (11.2, places.grasper_aside), (13.2, places.grasper_aside),
            (14.4, places.hold),
        ),
    )  # fmt: skip
    hook_x += sway_x + stroke * 22 * math.sin(2 * math.pi * 0.9 * t) + 1.2 * math.sin(2 * math.pi * 2.5 * t)
    hook_y += sway_y + stroke * 30 * math.sin(2 * math.pi * 0.45 * t + 0.4) + 1.2 * math.cos(2 * math.pi * 3.5 * t)
    grasper_x += sway_x + 2.0 * math.sin(2 * math.pi * 0.5 * t)
    grasper_y += sway_y + 2.0 * math.cos(2 * math.pi * 1.5 * t)
    opening = 0.22 + 0.5 * _smooth((t - 10.2) / 0.3) * _smooth((14.5 - t) / 0.4)
    return (
        Pose('grasper', grasper_x, grasper_y, _direction(_GRASPER_PORT, (grasper_x, grasper_y)), opening=opening),
        Pose('l_hook_electrocautery', hook_x, hook_y, _direction(_HOOK_PORT, (hook_x, hook_y)), flip=True),
    )


def approach(gap_mm: Callable[[Place], float], start: Place, goal: Place, wanted_mm: float) -> Place:
    """Walk from a start towards a goal until the gap is as wanted, or the goal is reached."""
    steps = 600
    for step in range(steps + 1):
        place = (
            start[0] + (goal[0] - start[0]) * step / steps,
            start[1] + (goal[1] - start[1]) * step / steps,
        )
        if gap_mm(place) <= wanted_mm:
            return place
    return goal


def _direction(port: Place, tip: Place) -> float:
    return math.atan2(tip[1] - port[1], tip[0] - port[0])


def _smooth(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


def _travel(t: float, stops: Sequence[tuple[float, Place]]) -> Place:
    """Go from stop to stop, easing in and out; from the last one stay."""
    for (start, (ax, ay)), (end, (bx, by)) in itertools.pairwise(stops):
        if t < end:
            share = _smooth((t - start) / (end - start))
            return ax + (bx - ax) * share, ay + (by - ay) * share
    return stops[-1][1]
