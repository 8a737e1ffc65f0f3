"""Turns a scenario's tracks into moments: where everything is and what happens at a time.

A track is a list of ``(time, value)``; between two entries it eases from one value to the next, before the first and
after the last it stays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from surgical_guidance.phantom.blood import Pool
from surgical_guidance.phantom.geometry import WORKING_MM
from surgical_guidance.phantom.instruments import Pose
from surgical_guidance.phantom.judgements import CriticalView, usual_critical_view, usually_identified
from surgical_guidance.phantom.moment import LEVELS, Bag, Blood, Clip, Moment, Place, Tool
from surgical_guidance.phantom.patient import Patient
from surgical_guidance.phantom.places import PORTS, Places, outside
from surgical_guidance.phantom.scenarios import Scenario, Span, ToolScript, Track
from surgical_guidance.phantom.script import breath

HEART_HZ = 1.2  # 72 beats a minute
_HEART_UNITS = (0.8, 1.4)
_WANDER_UNITS = 10.0  # a hand holds the camera
_STROKE_UNITS = (16.0, 22.0)  # of the hook while it dissects
_HALF_PICTURE_S = 1 / 60

_Value = TypeVar('_Value')


def ease(share: float) -> float:
    """Go from 0 to 1 with no jolt at either end."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


def level_at(track: Track, time_s: float) -> float:
    """Give the value of a track of numbers; 0 where it is empty."""
    if not track:
        return 0.0
    for (start, a), (end, b) in itertools.pairwise(track):
        if time_s < end:
            return a + (b - a) * ease((time_s - start) / (end - start))
    return track[-1][1]


def word_at(track: Sequence[tuple[float, _Value]], time_s: float) -> _Value:
    """Give the last entry that has begun."""
    return next((value for start, value in reversed(track) if start <= time_s), track[0][1])


def within(spans: Sequence[Span], time_s: float) -> bool:
    """Whether a time lies in one of the spans."""
    return any(start <= time_s < end for start, end in spans)


class Choreography:
    """One scenario with one patient.

    :param scenario: what happens.
    :param patient: to whom.
    :param rng: chooses the small differences: how the hand sways, how blood runs.
    """

    def __init__(self, scenario: Scenario, patient: Patient, rng: np.random.Generator) -> None:
        self._scenario = scenario
        self._places = Places(patient)
        self._patient = patient
        self._sway = rng.uniform(0.0, 2 * math.pi, 4)
        self._routes = [self._route(tool) for tool in scenario.tools]
        self._pools = [Pool(*self._places.at(bleed.at), rng) for bleed in scenario.bleeding]

    def moment(self, time_s: float) -> Moment:
        """Tell what is so at a time [s]."""
        scenario = self._scenario
        drift, shift = self._drift(time_s), self._shift(time_s)
        before = self._shift(time_s - _HALF_PICTURE_S)
        blood = []
        for bleed, pool in zip(scenario.bleeding, self._pools, strict=True):
            course = bleed.course(pool.x, pool.y)
            if course.radius(time_s) > 0.0:
                blood.append(Blood(pool, course.radius(time_s), course.growing(time_s)))
        levels = {name: level_at(scenario.levels.get(name, ()), time_s) for name in LEVELS}
        phase = word_at(scenario.phases, time_s)
        return Moment(
            time_s=time_s,
            phase=phase,
            verb=word_at(scenario.verbs, time_s),
            tools=self._tools(time_s, shift),
            shift=shift,
            drift=drift,
            roll=math.radians(level_at(scenario.roll, time_s)),
            blood=tuple(blood),
            clips=self._clips(time_s),
            bag=self._bag(time_s),
            levels={name: level for name, level in levels.items() if level > 0.0},
            motion=shift[0] - before[0],
            out_of_body=within(scenario.out_of_body, time_s),
            emptied=scenario.emptied_s is not None and time_s >= scenario.emptied_s,
            in_use=tuple(tool.class_name for tool in scenario.tools if within(tool.in_use, time_s)),
            critical_view=self._critical_view(time_s, phase),
            identified=tuple(word_at(scenario.identified, time_s))
            if scenario.identified
            else usually_identified(phase),
        )

    def _critical_view(self, time_s: float, phase: str) -> CriticalView:
        entries = self._scenario.critical_view
        if not entries:
            return usual_critical_view(phase)
        c1, c2, c3 = (level_at([(start, values[part]) for start, values in entries], time_s) for part in range(3))
        return c1, c2, c3

    def _drift(self, time_s: float) -> Place:
        a, b, c, d = self._sway
        x = level_at(self._scenario.drift_x, time_s) + _WANDER_UNITS * math.sin(0.37 * time_s + a) * math.sin(
            0.11 * time_s + b
        )
        y = level_at(self._scenario.drift_y, time_s) + 0.6 * _WANDER_UNITS * math.sin(0.29 * time_s + c) * math.sin(
            0.13 * time_s + d
        )
        return x, y

    def _shift(self, time_s: float) -> Place:
        beat = math.sin(2 * math.pi * HEART_HZ * time_s) ** 3
        breath_x, breath_y = breath(time_s)
        drift_x, drift_y = self._drift(time_s)
        return breath_x + drift_x + _HEART_UNITS[0] * beat, breath_y + drift_y + _HEART_UNITS[1] * beat

    def _route(self, tool: ToolScript) -> list[tuple[float, Place, float]]:
        """Resolve a path: time, place in the tissue [scene units], depth of the tip [mm]."""
        route = []
        for time_s, name in tool.path:
            place = outside(PORTS[tool.port]) if name == 'out' else self._places.at(name)
            emptied = self._scenario.emptied_s is not None and time_s >= self._scenario.emptied_s
            route.append((time_s, place, self._patient.depth_at(*place, emptied) - tool.clearance_mm))
        return route

    def _tools(self, time_s: float, shift: Place) -> tuple[Tool, ...]:
        tools = []
        for number, (tool, route) in enumerate(zip(self._scenario.tools, self._routes, strict=True)):
            if not route[0][0] <= time_s <= route[-1][0]:
                continue
            x, y, depth = _along(route, time_s)
            still = 1.0 - level_at(tool.strokes, time_s)
            stroke = 1.0 - still
            x += shift[0] + stroke * _STROKE_UNITS[0] * math.sin(2 * math.pi * 0.9 * time_s)
            y += shift[1] + stroke * _STROKE_UNITS[1] * math.sin(2 * math.pi * 0.45 * time_s + 0.4)
            x += 1.4 * math.sin(2 * math.pi * 2.5 * time_s + number)
            y += 1.4 * math.cos(2 * math.pi * 3.5 * time_s + number)
            port = PORTS[tool.port]
            pose = Pose(
                class_name=tool.class_name,
                tip_x=x,
                tip_y=y,
                angle=math.atan2(y - port[1], x - port[0]),
                opening=level_at(tool.opening, time_s),
                scale=WORKING_MM / depth,
                flip=tool.port != 'left',
                taper=tool.taper,
            )
            tools.append(Tool(pose, number, within(tool.energy, time_s)))
        return tuple(tools)

    def _clips(self, time_s: float) -> tuple[Clip, ...]:
        return tuple(
            Clip(*self._places.at(name), angle=1.4 + 0.2 * number)
            for number, (start, name) in enumerate(self._scenario.clips)
            if time_s >= start
        )

    def _bag(self, time_s: float) -> Bag | None:
        scenario = self._scenario
        if scenario.bag is None or not scenario.bag[0][0] <= time_s <= scenario.bag[-1][0]:
            return None
        route = [(start, self._places.at(name), 0.0) for start, name in scenario.bag]
        x, y, _ = _along(route, time_s)
        return Bag(x, y, 190.0)


def _along(route: Sequence[tuple[float, Place, float]], time_s: float) -> tuple[float, float, float]:
    """Go from stop to stop, easing in and out; from the last one stay."""
    for (start, (ax, ay), a), (end, (bx, by), b) in itertools.pairwise(route):
        if time_s < end:
            share = ease((time_s - start) / (end - start))
            return ax + (bx - ax) * share, ay + (by - ay) * share, a + (b - a) * share
    _, (x, y), depth = route[-1]
    return x, y, depth
