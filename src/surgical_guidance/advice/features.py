"""From scenes to the named numbers that rules are made of.

===================================  =======  ==================================================================
name                                 unit     what
===================================  =======  ==================================================================
``<tool>.<structure>.distance_mm``   mm       shortest distance of a tip of the tool to the structure, image plane
``<tool>.<structure>.distance_share``  1      the same as a share of the picture's height, where no scale is known
``instruments.off_centre``           1        distance of the tools' centroid from the picture's centre, likewise
``energy_tool.unseen_s``             s        time since the energy tool was last seen; unknown until it was
``view.sharpness``                   1        see ``SceneState.msg``
``view.brightness``                  1        see ``SceneState.msg``
``perception.quality``               1        see ``SceneState.msg``
===================================  =======  ==================================================================

``<tool>`` is an instrument class, ``instrument`` for any, or ``energised`` for the energy tool unless it is known to be
off. Conditions are tested on :attr:`Feature.bound`, which for millimetres is d - 2 sigma: an uncertain distance counts
as the shortest that it may well be. Where a number is not known, the feature is missing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import INSTRUMENT_CLASSES, STRUCTURE_CLASSES
from surgical_guidance.scene.state import NAN, Energy, Instrument, SceneState

ENERGY_TOOL = 'l_hook_electrocautery'
SIGMAS = 2.0  # DOMAIN: a proximity rule fires on d - 2 sigma

ANY_TOOL = 'instrument'
ENERGISED_TOOL = 'energised'
_TOOLS = (*INSTRUMENT_CLASSES, ANY_TOOL, ENERGISED_TOOL)
_MM, _SHARE = 'distance_mm', 'distance_share'
_OFF_CENTRE = 'instruments.off_centre'
_UNSEEN = 'energy_tool.unseen_s'
_VIEW = {
    'view.sharpness': 'sharpness',
    'view.brightness': 'brightness',
    'perception.quality': 'quality',
}  # name -> field of SceneState

DISTANCES = frozenset(
    f'{tool}.{structure}.{kind}' for tool in _TOOLS for structure in STRUCTURE_CLASSES for kind in (_MM, _SHARE)
)
"""Names of the features that can fill in ``{distance}``."""

DIRECTED = DISTANCES | {_OFF_CENTRE}
"""Names of the features that can fill in ``{direction}`` and ``{towards}``."""

NAMES = DIRECTED | {_UNSEEN, *_VIEW}
"""Names of all features."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One named number of one scene.

    :param value: as measured, for evidence and text.
    :param sigma: standard deviation of ``value``; NaN where it is not known.
    :param bound: what conditions are tested on.
    :param dx: to the right, from the tip to the structure, or from the picture's centre to the tools [px].
    :param dy: downwards, likewise [px].
    """

    name: str
    value: float
    sigma: float
    unit: str
    bound: float
    dx: float = NAN
    dy: float = NAN


class FeatureExtractor:
    """Computes the features that a rule table uses, scene after scene.

    :param names: features wanted, of :data:`NAMES`.
    :param energy_tool: instrument class that carries energy.
    """

    def __init__(self, names: Collection[str], energy_tool: str = ENERGY_TOOL) -> None:
        self._names = frozenset(names)
        self._structures = frozenset(name.split('.')[1] for name in self._names & DISTANCES)
        self._energy_tool = energy_tool
        self._seen_ns: int | None = None

    def forget(self) -> None:
        """Forget what was seen in earlier scenes."""
        self._seen_ns = None

    def extract(self, scene: SceneState) -> Mapping[str, Feature]:
        """Give the features that are known of a scene, by name."""
        found: dict[str, Feature] = {}
        self._distances(scene, found)
        if _OFF_CENTRE in self._names:
            _off_centre(scene, found)
        self._unseen(scene, found)
        for name, attribute in _VIEW.items():
            value = getattr(scene, attribute)
            if name in self._names and math.isfinite(value):
                found[name] = Feature(name, value, NAN, '1', value)
        return found

    def _distances(self, scene: SceneState, found: dict[str, Feature]) -> None:
        for near in scene.proximities:
            if near.structure >= len(scene.structures) or near.instrument >= len(scene.instruments):
                continue  # a message may say so; there is nothing that it could be about
            structure = scene.structures[near.structure].class_name
            if structure not in self._structures:
                continue
            instrument = scene.instruments[near.instrument]
            dx, dy = near.nearest_x - instrument.tip_x, near.nearest_y - instrument.tip_y
            known = math.isfinite(near.distance_mm) and math.isfinite(near.sigma_mm) and near.sigma_mm >= 0.0
            share = near.distance_px / scene.height if scene.height else NAN
            for tool in self._tools(instrument):
                if known:
                    name, bound = f'{tool}.{structure}.{_MM}', near.distance_mm - SIGMAS * near.sigma_mm
                    feature = Feature(name, near.distance_mm, near.sigma_mm, 'mm', bound, dx, dy)
                elif math.isfinite(share):
                    name = f'{tool}.{structure}.{_SHARE}'
                    feature = Feature(name, share, NAN, '1', share, dx, dy)
                else:
                    continue
                if name in self._names and (name not in found or feature.bound < found[name].bound):
                    found[name] = feature

    def _tools(self, instrument: Instrument) -> tuple[str, ...]:
        if instrument.class_name == self._energy_tool and instrument.energised is not Energy.OFF:
            return instrument.class_name, ANY_TOOL, ENERGISED_TOOL
        return instrument.class_name, ANY_TOOL

    def _unseen(self, scene: SceneState, found: dict[str, Feature]) -> None:
        if any(instrument.class_name == self._energy_tool for instrument in scene.instruments):
            self._seen_ns = scene.stamp_ns
        if _UNSEEN in self._names and self._seen_ns is not None:
            unseen = (scene.stamp_ns - self._seen_ns) / NS_PER_S
            found[_UNSEEN] = Feature(_UNSEEN, unseen, NAN, 's', unseen)


def _middle(contour: NDArray[np.float32]) -> tuple[float, float]:
    low, high = contour.min(axis=0).tolist(), contour.max(axis=0).tolist()
    return (low[0] + high[0]) / 2, (low[1] + high[1]) / 2


def _off_centre(scene: SceneState, found: dict[str, Feature]) -> None:
    """Where the tools are: the mean of their tips; where no tip is seen, of the middles of their outlines."""
    places = [(tool.tip_x, tool.tip_y) for tool in scene.instruments if tool.tip_visible]
    if not places:
        places = [_middle(tool.contour) for tool in scene.instruments if len(tool.contour)]
    if not places or not scene.height:
        return
    dx = sum(x for x, _ in places) / len(places) - (scene.width - 1) / 2
    dy = sum(y for _, y in places) / len(places) - (scene.height - 1) / 2
    share = math.hypot(dx, dy) / scene.height
    if math.isfinite(share):
        found[_OFF_CENTRE] = Feature(_OFF_CENTRE, share, NAN, '1', share, dx, dy)
