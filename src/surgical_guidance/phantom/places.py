"""Where in a patient things happen: fixed places of the plan, and places at a distance from a structure."""

from __future__ import annotations

import math

import numpy as np

from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import SourceError
from surgical_guidance.phantom.geometry import in_space
from surgical_guidance.phantom.layout import HEIGHT, WIDTH
from surgical_guidance.phantom.moment import Place
from surgical_guidance.phantom.patient import Patient

PORTS: dict[str, Place] = {
    'right': (2600.0, 900.0),
    'top': (1290.0, -420.0),
    'left': (-700.0, 240.0),
    'corner': (2300.0, -380.0),
}
"""Where the instruments come from [scene units]."""

FIXED: dict[str, Place] = {
    'dissection': (1010.0, 470.0),
    'hold': (655.0, 215.0),
    'fundus': (600.0, 160.0),
    'neck': (975.0, 640.0),
    'aside': (1500.0, 330.0),
    'grasper_aside': (1395.0, 190.0),
    'centre': (960.0, 540.0),
    'duct': (1105.0, 722.0),
    'duct_above': (1150.0, 560.0),
    'duct_near_gallbladder': (1055.0, 718.0),
    'duct_far': (1190.0, 730.0),
    'artery_clip': (1180.0, 654.0),
    'bed': (760.0, 420.0),
    'bed_low': (860.0, 560.0),
    'bed_edge': (905.0, 380.0),
    'below_the_line': (1120.0, 905.0),
    'hilum': (1560.0, 600.0),
    'liver_far': (360.0, 700.0),
    'right_lobe': (1330.0, 290.0),
    'bag': (1240.0, 520.0),
    'bag_gone': (1290.0, -330.0),
    'pool': (880.0, 640.0),
}
"""Places of the plan [scene units, tissue at rest]."""

_APPROACHES = {  # name: structure, from, towards, distance in space [mm]
    'bowel': ('gastrointestinal_tract', (1010.0, 470.0), (700.0, 1000.0), 7.0),
    'bowel_far': ('gastrointestinal_tract', (1010.0, 470.0), (700.0, 1000.0), 14.0),
    'artery': ('cystic_artery', (1010.0, 470.0), (1150.0, 652.0), 1.8),
    'artery_far': ('cystic_artery', (1010.0, 470.0), (1150.0, 652.0), 6.0),
}
_STEPS = 80


class Places:
    """The places of one patient."""

    def __init__(self, patient: Patient) -> None:
        self._patient = patient
        self._found: dict[str, Place] = {}
        self._points, self._labels = patient.points((0.0, 0.0), 0.0, False)

    def at(self, name: str) -> Place:
        """Give a place by name [scene units, tissue at rest].

        :raises SourceError: if there is none of that name.
        """
        if name in FIXED:
            return far(FIXED[name], self._patient.zoom)
        if name not in _APPROACHES:
            raise SourceError(
                f'the phantom knows no place {name!r}', remedy=f'one of {", ".join((*FIXED, *_APPROACHES))}'
            )
        if name not in self._found:
            self._found[name] = self._approach(*_APPROACHES[name])
        return self._found[name]

    def _approach(self, structure: str, start: Place, goal: Place, wanted_mm: float) -> Place:
        """Walk over the tissue from a start towards a goal until a structure is as near as wanted."""
        there = self._labels == CLASSES.index(structure)
        surface = self._points[there]
        for step in range(_STEPS + 1):
            share = step / _STEPS
            x, y = start[0] + (goal[0] - start[0]) * share, start[1] + (goal[1] - start[1]) * share
            tip = np.array(in_space(x, y, self._patient.depth_at(x, y, False)), np.float32)
            if len(surface) and float(((surface - tip) ** 2).sum(axis=1).min()) <= wanted_mm**2:
                return x, y
        return goal


def far(place: Place, zoom: float) -> Place:
    """Give a place of the plan as it lies when the endoscope is further away [scene units]."""
    return (place[0] - WIDTH / 2) * zoom + WIDTH / 2, (place[1] - HEIGHT / 2) * zoom + HEIGHT / 2


def outside(port: Place) -> Place:
    """Give the place just outside the view on the way from the middle to a port [scene units]."""
    dx, dy = port[0] - WIDTH / 2, port[1] - HEIGHT / 2
    reach = 1150.0 / math.hypot(dx, dy)
    return WIDTH / 2 + dx * reach, HEIGHT / 2 + dy * reach
