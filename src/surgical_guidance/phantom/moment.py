"""What is so at one moment of the phantom: all that picture and truth are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from surgical_guidance.phantom.blood import Pool
from surgical_guidance.phantom.instruments import Pose

Place = tuple[float, float]

LEVELS = ('smoke', 'fog', 'splash', 'glare', 'low_light', 'blur')
"""The disturbances that have a level."""


@dataclass(frozen=True, slots=True)
class Tool:
    """An instrument at work. Its pose is in the picture plane before the camera rolls."""

    pose: Pose
    id: int
    energised: bool = False


@dataclass(frozen=True, slots=True)
class Blood:
    """A pool at a moment: how far it has come [scene units], and whether it still grows."""

    pool: Pool
    radius: float
    growing: bool


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip on the tissue [scene units]; ``angle`` is that of its legs [rad]."""

    x: float
    y: float
    angle: float


@dataclass(frozen=True, slots=True)
class Bag:
    """The specimen bag in the tissue: its middle and radius [scene units]."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment.

    :param shift: of the tissue in the picture: breath, heartbeat and drift together [scene units].
    :param drift: of the camera over the tissue [scene units].
    :param roll: of the picture, clockwise [rad].
    :param levels: by name of :data:`LEVELS`; what is missing is 0.
    :param smear: direction of a motion blur [rad]; None: blur is defocus.
    :param motion: of the picture between two half pictures [scene units].
    :param emptied: the gallbladder is out.
    :param in_use: classes whose tip should be in view.
    :param critical_view: how far C1, C2 and C3 are met, 0 to 1.
    :param identified: structures that have been identified, as classes of the contract.
    """

    time_s: float
    phase: str
    verb: str
    tools: tuple[Tool, ...] = ()
    shift: Place = (0.0, 0.0)
    drift: Place = (0.0, 0.0)
    roll: float = 0.0
    blood: tuple[Blood, ...] = ()
    clips: tuple[Clip, ...] = ()
    bag: Bag | None = None
    levels: Mapping[str, float] = field(default_factory=dict)
    smear: float | None = None
    motion: float = 0.0
    out_of_body: bool = False
    emptied: bool = False
    in_use: tuple[str, ...] = ()
    critical_view: tuple[float, float, float] = (0.0, 0.0, 0.0)
    identified: tuple[str, ...] = ()

    def level(self, name: str) -> float:
        """Give the level of a disturbance, 0 where there is none."""
        return min(1.0, max(0.0, self.levels.get(name, 0.0)))

    def poses(self) -> tuple[Pose, ...]:
        """Give the instruments as the camera sees them, the nearest last."""
        return tuple(tool.pose.rolled(self.roll) for tool in self.tools)
