"""What the models must reach on the phantom, on patients and cameras they were never trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass

MEAN_IOU = 0.80
TIP_SHARE = 0.015  # median error as a share of the picture's width
PHASE_ACCURACY = 0.85
EVENT_RECALL = 0.95
EVENT_PRECISION = 0.90
GOAL_EVENTS = ('bleeding', 'smoke')
"""The events that the goals speak of; the others are measured too."""


@dataclass(frozen=True, slots=True)
class Headline:
    """One number that stands on top of a report.

    :param name: for people.
    :param value: NaN: it could not be measured.
    :param unit: ``''``, ``%``, ``px`` or ``mm``.
    :param goal: in words; '' where none is set.
    :param holds: None where no goal is set.
    :param meaning: what it is, in one line.
    """

    name: str
    value: float
    unit: str
    meaning: str
    goal: str = ''
    holds: bool | None = None


def headline(
    name: str,
    value: float,
    meaning: str,
    unit: str = '',
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Headline:
    """Hold a value against its goal. A value that could not be measured reaches none."""
    if at_least is not None:
        return Headline(name, value, unit, meaning, f'≥ {at_least:g}', not math.isnan(value) and value >= at_least)
    if at_most is not None:
        return Headline(name, value, unit, meaning, f'≤ {at_most:g}', not math.isnan(value) and value <= at_most)
    return Headline(name, value, unit, meaning)
