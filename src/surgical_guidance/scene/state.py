"""What is seen in one frame, and the network outputs it is made from.

Plain data, the same as ``surgical_guidance_msgs/SceneState`` field by field, so that a recorded scene gives the same
advice again. Picture coordinates: x to the right, y down, in pixels of the camera's picture, origin at the centre of
the top left pixel. Unknown numbers are NaN.

What a scene has many of are tuples with names: a frozen dataclass takes five times as long to make.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_MS

NAN = float('nan')
_OLDEST_MS = 60_000.0  # stages that say more are wrong


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What a semantic segmentation network says of one frame.

    :param labels: ``uint8 (h, w)`` at the network's own resolution, indices into ``classes``. Covers the whole picture.
    :param confidence: ``uint8 (h, w)``, probability of the winning class times 255.
    :param classes: class names of :mod:`surgical_guidance.contract`, by index.

    The arrays belong to the engine and hold until its next inference.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    classes: tuple[str, ...]


ONE_CLASS = 'the network sees nothing but'
"""How a problem begins that a label map of a single class is. Out of the body it is none: there is nothing to see."""


class Energy(IntEnum):
    """Whether an energy instrument is on."""

    UNKNOWN = 0
    OFF = 1
    ON = 2


class StageTime(NamedTuple):
    """Where the time of one frame went in one stage, from its capture [ms]."""

    stage: str
    start_ms: float
    duration_ms: float


class Condition(NamedTuple):
    """Something that may go on in the view; ``name`` is one of :data:`surgical_guidance.contract.CONDITIONS`.

    :param level: how strong it is, 0 (not there) to 1.
    :param active: whether it counts as going on.
    """

    name: str
    level: float
    active: bool


class Zone(NamedTuple):
    """A region of the picture where instruments may or may not work.

    :param kind: ``safe`` or ``no_go``.
    :param contour: ``float32 (n, 2)`` [px].
    :param source: what it was derived from, for people.
    """

    kind: str
    contour: NDArray[np.float32]
    source: str = ''


class Landmark(NamedTuple):
    """A point of the anatomy that other things are told by, such as the two ends of the Rouviere to segment IV line.

    :param name: one of :data:`surgical_guidance.contract.LANDMARKS`.
    :param sigma_px: standard deviation of its place [px].
    """

    name: str
    x: float
    y: float
    sigma_px: float = NAN


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of a frame beside its segmentation: from other models, from devices, from the session.

    :param phase: surgical phase by its name in Cholec80; '' where unknown.
    :param action: verb of CholecT50; '' where unknown.
    :param conditions: what a model says of the view and of bleeding.
    :param energy: whether current flows, as a pedal or a generator tells.
    :param critical_view: how far C1, C2 and C3 of the critical view of safety are met, 0 to 1; NaN where unknown.
    :param identified: classes of structures that somebody has confirmed.
    """

    phase: str = ''
    phase_probability: float = NAN
    action: str = ''
    action_probability: float = NAN
    conditions: tuple[Condition, ...] = ()
    energy: Energy = Energy.UNKNOWN
    critical_view: tuple[float, float, float] = (NAN, NAN, NAN)
    identified: tuple[str, ...] = ()


NOTHING_ELSE = Context()


class Instrument(NamedTuple):
    """One instrument. ``contour`` is ``float32 (n, 2)`` in pixels; the rest as in ``Instrument.msg``."""

    class_name: str
    score: float
    contour: NDArray[np.float32]
    id: int = 0
    tip_visible: bool = False
    tip_x: float = NAN
    tip_y: float = NAN
    axis_x: float = NAN
    axis_y: float = NAN
    shaft_width_px: float = NAN
    mm_per_px: float = NAN
    mm_per_px_sigma: float = NAN
    energised: Energy = Energy.UNKNOWN
    tip_xx: float = NAN
    tip_xy: float = NAN
    tip_yy: float = NAN
    opening: float = NAN


class Structure(NamedTuple):
    """One anatomical structure or pool of blood; the fields are those of ``Structure.msg``."""

    class_name: str
    score: float
    contour: NDArray[np.float32]
    area: float
    growth: float = NAN
    source_x: float = NAN
    source_y: float = NAN
    identified: bool = False


class Proximity(NamedTuple):
    """Distance of an instrument's tip to the nearest point of a structure, in the image plane."""

    instrument: int
    structure: int
    distance_px: float
    distance_mm: float = NAN
    sigma_mm: float = NAN
    method: str = ''
    nearest_x: float = NAN
    nearest_y: float = NAN


@dataclass(frozen=True, slots=True)
class SceneState:
    """Everything the rules may use about one frame."""

    stamp_ns: int
    sequence: int
    monotonic_ns: int
    width: int
    height: int
    valid: bool = True
    problem: str = ''
    instruments: tuple[Instrument, ...] = ()
    structures: tuple[Structure, ...] = ()
    proximities: tuple[Proximity, ...] = ()
    quality: float = NAN
    sharpness: float = NAN
    brightness: float = NAN
    stages: tuple[StageTime, ...] = field(default=())
    phase: str = ''
    phase_probability: float = NAN
    action: str = ''
    action_probability: float = NAN
    conditions: tuple[Condition, ...] = ()
    zones: tuple[Zone, ...] = ()
    landmarks: tuple[Landmark, ...] = ()
    critical_view: tuple[float, float, float] = (NAN, NAN, NAN)
    roll: float = NAN
    drift_x: float = NAN
    drift_y: float = NAN
    energy: Energy = Energy.UNKNOWN  # whatever can be seen: the instrument may be out of the view

    @property
    def ready_ns(self) -> int:
        """When it was ready, on the time line of the stamps [ns]: its capture and what its stages say they took."""
        ends = (stage.start_ms + stage.duration_ms for stage in self.stages)
        age_ms = max((end for end in ends if math.isfinite(end)), default=0.0)
        return self.stamp_ns + round(min(max(age_ms, 0.0), _OLDEST_MS) * NS_PER_MS)
