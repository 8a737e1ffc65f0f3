"""A take: one scenario played with one patient before one camera, frame by frame, in any order.

::

    take = Take('hook_near_bowel', seed=3, width=1280, height=720)
    image = np.empty((720, 1280, 3), np.uint8)
    take.render(70, image)
    take.truth(70).events.active()

The same scenario, seed, size, vendor and index give the same bytes, in every process and whatever was asked before.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.phantom import layout
from surgical_guidance.phantom.choreography import Choreography
from surgical_guidance.phantom.eyes import BASELINE_MM, find_eye
from surgical_guidance.phantom.geometry import Map
from surgical_guidance.phantom.layout import HEIGHT, WIDTH, Organ
from surgical_guidance.phantom.moment import Moment
from surgical_guidance.phantom.patient import FINEST, Patient
from surgical_guidance.phantom.scenarios import RATE, Scenario, find
from surgical_guidance.phantom.studio import Slate, Studio
from surgical_guidance.phantom.truth import Events, FrameTruth
from surgical_guidance.phantom.vendors import PLAIN, Vendor, find_vendor

_PAINT_SCALE = FINEST  # the truth is cut from the painting: one painting for every size of picture


class Take:
    """One take.

    :param scenario: of :data:`surgical_guidance.phantom.scenarios.SCENARIOS`.
    :param seed: which patient, and how things go in detail.
    :param width: of the pictures [px].
    :param height: [px].
    :param vendor: whose camera, of :data:`surgical_guidance.phantom.vendors.VENDORS`, or a camera itself; None: the
        plain one.
    :param eye: of a stereo endoscope, ``left`` or ``right``; the pair is rectified.
    :param baseline_mm: between the two [mm].
    :raises SourceError: if there is no such scenario, vendor or eye.
    """

    def __init__(
        self,
        scenario: str,
        seed: int = 0,
        width: int = WIDTH,
        height: int = HEIGHT,
        vendor: str | Vendor | None = None,
        *,
        eye: str = 'left',
        baseline_mm: float = BASELINE_MM,
    ) -> None:
        camera = vendor if isinstance(vendor, Vendor) else find_vendor(vendor or PLAIN.name)
        self.scenario, rng = _stretched(scenario, seed)
        self.seed, self.vendor = seed, camera.name
        self.width, self.height = width, height
        patient = _patient(seed, self.scenario.zoom)
        self._choreography = Choreography(self.scenario, patient, rng)
        self._studio = Studio(patient, camera, width, height, seed, find_eye(eye, baseline_mm))

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.scenario.frames

    @property
    def rate(self) -> float:
        """Frames per second [Hz]."""
        return RATE

    def render(self, index: int, image: NDArray[np.uint8]) -> None:
        """Draw a frame into ``uint8 (height, width, 3)``, bgr8."""
        self._studio.render(self.moment(index), index, image)

    def labels(self, index: int, width: int | None = None, height: int | None = None) -> NDArray[np.uint8]:
        """Give the class of every pixel, ``uint8 (h, w)``, indices into :data:`surgical_guidance.contract.CLASSES`."""
        return self._studio.labels(self.moment(index), width, height)

    def depth(self, index: int, width: int | None = None, height: int | None = None) -> Map:
        """Give the depth of every pixel along the optical axis, ``float32 (h, w)`` [mm]; 0: nothing of the body."""
        return self._studio.depth(self.moment(index), width, height)

    def truth(self, index: int) -> FrameTruth:
        """Tell what is in a frame."""
        return self._studio.truth(self.moment(index), Slate(self.scenario.name, self.seed, index))

    def events(self, index: int) -> Events:
        """Tell only what goes on in a frame: the same as in its truth, at a fraction of the cost."""
        return self._studio.events(self.moment(index))

    def moment(self, index: int) -> Moment:
        """Give all that a frame is made from.

        :raises IndexError: if the take has no such frame.
        """
        if not 0 <= index < self.frames:
            raise IndexError(f'{self.scenario.name} has frames 0 to {self.frames - 1}, not {index}')
        return self._choreography.moment(index / RATE)


def frames_of(scenario: str, seed: int) -> int:
    """Tell how many frames a take has, without making it.

    :raises SourceError: if there is no such scenario.
    """
    return _stretched(scenario, seed)[0].frames


def _stretched(scenario: str, seed: int) -> tuple[Scenario, np.random.Generator]:
    rng = np.random.default_rng((seed, 11))
    return find(scenario).stretched(rng), rng


@lru_cache(maxsize=2)
def _patient(seed: int, zoom: float) -> Patient:
    """Give a patient; one that was asked for just before needs not be painted again."""
    organs = _far(layout.planned(np.random.default_rng(seed)), zoom)
    return Patient(organs, layout.emptied(organs), _PAINT_SCALE, seed, zoom)


def _far(organs: tuple[Organ, ...], zoom: float) -> tuple[Organ, ...]:
    """Give the organs as seen from further away: small in the middle, and none ends before the view does."""
    if zoom == 1.0:
        return organs
    centre = np.array([WIDTH / 2, HEIGHT / 2])
    far = []
    for organ in organs:
        from_centre = organ.outline - centre
        reach = np.hypot(from_centre[:, 0], from_centre[:, 1])[:, None]
        share = np.clip((reach - 500.0) / 450.0, 0.0, 1.0)
        outline = centre + from_centre * (zoom + (1.3 - zoom) * share * share * (3.0 - 2.0 * share))
        far.append(replace(organ, outline=outline, roundness=organ.roundness * zoom, tube=organ.tube * zoom))
    return tuple(far)
