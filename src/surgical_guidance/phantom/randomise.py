"""Pictures to learn from: organs, instruments, cameras and disturbances in every combination, none from the script.

::

    maker = Randomiser(np.random.default_rng(7), 512, 288)
    image, labels, truth = maker.sample()

Phases and verbs need a course of events: ``Take('operation', seed)`` has them. A random frame has no phase (``''``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import INSTRUMENT_CLASSES
from surgical_guidance.phantom import layout
from surgical_guidance.phantom.blood import Pool
from surgical_guidance.phantom.geometry import WORKING_MM
from surgical_guidance.phantom.instruments import Pose
from surgical_guidance.phantom.layout import HEIGHT, UNITS_PER_MM, WIDTH
from surgical_guidance.phantom.moment import LEVELS, Blood, Clip, Moment, Tool
from surgical_guidance.phantom.patient import Patient
from surgical_guidance.phantom.random_cameras import random_camera
from surgical_guidance.phantom.studio import Slate, Studio
from surgical_guidance.phantom.truth import FrameTruth
from surgical_guidance.phantom.vendors import PLAIN, find_vendor

Sample = tuple[NDArray[np.uint8], NDArray[np.uint8], FrameTruth]

SCENARIO = 'random'
ENERGY_TOOL = 'l_hook_electrocautery'
VIEWS = 10  # pictures taken of each painted patient: painting takes as long as a dozen pictures

_LEVEL_CHANCE = {'smoke': 0.22, 'fog': 0.10, 'splash': 0.12, 'glare': 0.12, 'low_light': 0.10, 'blur': 0.12}
_PLAIN_SHARE = 0.2
_BLOOD_CHANCE, _OUTSIDE_CHANCE, _EMPTIED_CHANCE = 0.35, 0.02, 0.25
_TOOL_CHANCE = (0.30, 0.34, 0.16, 0.20)  # grasper, hook, clipper, suction


class Randomiser:
    """Makes one random sample after another.

    :param rng: the only source of chance: the same state gives the same samples.
    :param width: of the pictures [px].
    :param height: [px].
    :param vendors: names of cameras to choose from for every sample; None: one camera of no maker for each patient, and
        the plain one for some.
    :param views: samples of each painted patient.
    :param disturbed: how much more often than usual something spoils the view.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        width: int = 512,
        height: int = 288,
        vendors: Sequence[str] | None = None,
        views: int = VIEWS,
        disturbed: float = 1.0,
    ) -> None:
        self._rng, self._size, self._views, self._disturbed = rng, (width, height), views, disturbed
        self._vendors = None if vendors is None else tuple(map(find_vendor, vendors))
        self._camera = PLAIN
        self._left = 0
        self._index = -1
        self._seed = 0
        self._patient: Patient | None = None
        self._emptied = False

    def sample(self) -> Sample:
        """Make the next sample.

        :return: image ``uint8 (h, w, 3)`` bgr8, labels ``uint8 (h, w)`` as indices into the contract's classes, truth.
        """
        rng = self._rng
        if self._patient is None or self._left == 0:
            self._patient, self._left = self._paint(), self._views
        self._left -= 1
        self._index += 1
        vendor = self._vendors[int(rng.integers(len(self._vendors)))] if self._vendors else self._camera
        width, height = self._size
        studio = Studio(self._patient, vendor, width, height, int(rng.integers(2**31)))
        moment = self._moment(self._patient)
        image = np.empty((height, width, 3), np.uint8)
        studio.render(moment, self._index, image)
        return image, studio.labels(moment), studio.truth(moment, Slate(SCENARIO, self._seed, self._index))

    def _paint(self) -> Patient:
        rng = self._rng
        organs = layout.planned(rng) if rng.random() < 0.4 else layout.randomised(rng)
        self._emptied = bool(rng.random() < _EMPTIED_CHANCE)
        self._seed = int(rng.integers(2**31))
        scale = float(rng.uniform(0.30, 0.6))
        self._camera = PLAIN if rng.random() < _PLAIN_SHARE else random_camera(rng)
        return Patient(layout.emptied(organs) if self._emptied else organs, None, scale, self._seed)

    def _moment(self, patient: Patient) -> Moment:
        rng = self._rng
        shift = (float(rng.uniform(-60, 60)), float(rng.uniform(-60, 60)))
        tools = tuple(
            self._tool(patient, shift, number) for number in range(int(rng.choice(4, p=(0.06, 0.3, 0.5, 0.14))))
        )
        levels = {name: self._level() for name in LEVELS if rng.random() < self._disturbed * _LEVEL_CHANCE[name]}
        blood = tuple(self._blood() for _ in range(int(rng.integers(1, 4)))) if rng.random() < _BLOOD_CHANCE else ()
        clips = tuple(self._clip() for _ in range(int(rng.integers(1, 5)))) if rng.random() < 0.2 else ()
        return Moment(
            time_s=float(rng.uniform(0, 100)),
            phase='',
            verb='null_verb',
            tools=tools,
            shift=shift,
            roll=float(rng.normal(0.0, 0.3)) if rng.random() < 0.3 else 0.0,
            blood=blood,
            clips=clips,
            levels=levels,
            smear=float(rng.uniform(0, math.pi)) if rng.random() < 0.4 else None,
            motion=float(rng.normal(0.0, 8.0)) if rng.random() < 0.5 else 0.0,
            out_of_body=bool(rng.random() < _OUTSIDE_CHANCE),
        )

    def _level(self) -> float:
        """Give a level, more often one about which people would argue than one that is plain to see."""
        return float(self._rng.uniform(0.02, 0.6) if self._rng.random() < 0.55 else self._rng.uniform(0.1, 1.0))

    def _tool(self, patient: Patient, shift: tuple[float, float], number: int) -> Tool:
        """Put an instrument anywhere: mostly from outside towards the middle, as through a port."""
        rng = self._rng
        x, y = float(rng.uniform(100, WIDTH - 100)), float(rng.uniform(30, HEIGHT - 30))
        towards = math.atan2(HEIGHT / 2 - y, WIDTH / 2 - x) + rng.normal(0.0, 0.9)
        name = str(rng.choice(INSTRUMENT_CLASSES, p=_TOOL_CHANCE))
        clearance = 0.0 if rng.random() < 0.4 else float(rng.uniform(0.0, 28.0))
        depth = patient.depth_at(x - shift[0], y - shift[1], False) - clearance
        pose = Pose(
            class_name=name,
            tip_x=x,
            tip_y=y,
            angle=float(towards if rng.random() < 0.8 else rng.uniform(-math.pi, math.pi)),
            opening=float(rng.uniform(0.0, 1.0)),
            scale=WORKING_MM / depth,
            flip=bool(rng.random() < 0.5),
            taper=float(rng.uniform(0.0, 0.45)),
        )
        return Tool(pose, number, name == ENERGY_TOOL and bool(rng.random() < 0.35))

    def _blood(self) -> Blood:
        rng = self._rng
        pool = Pool(float(rng.uniform(200, WIDTH - 200)), float(rng.uniform(150, HEIGHT - 150)), rng)
        return Blood(pool, float(rng.uniform(1.5, 22.0)) * UNITS_PER_MM, bool(rng.random() < 0.5))

    def _clip(self) -> Clip:
        rng = self._rng
        return Clip(
            float(rng.uniform(300, WIDTH - 300)), float(rng.uniform(200, HEIGHT - 200)), float(rng.uniform(0, math.pi))
        )


def sample(rng: np.random.Generator, width: int = 512, height: int = 288) -> Sample:
    """Make one sample of a patient of its own: :class:`Randomiser` is faster for many."""
    return Randomiser(rng, width, height, views=1).sample()
