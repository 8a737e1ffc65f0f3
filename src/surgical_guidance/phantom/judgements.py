"""What a surgeon knows of a patient and no pixel tells: where it is safe, the landmarks, and what has been identified.

Places are in scene units of the tissue at rest, laid over the plan of :mod:`surgical_guidance.phantom.layout`. Like the
rules of advice that they serve, all of this is a proposal of the project: NOT CLINICALLY VALIDATED.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from surgical_guidance.contract import LANDMARKS

Place = tuple[float, float]
CriticalView = tuple[float, float, float]

SAFE, NO_GO = 'safe', 'no_go'


@dataclass(frozen=True, slots=True)
class Area:
    """A region of the tissue.

    :param kind: :data:`SAFE` or :data:`NO_GO`.
    :param outline: corners [scene units].
    """

    kind: str
    outline: Sequence[Place]


AREAS: tuple[Area, ...] = (
    Area(
        SAFE,
        (
            (470.0, 90.0), (640.0, 30.0), (800.0, 90.0), (930.0, 270.0), (1080.0, 400.0), (1240.0, 530.0),
            (1330.0, 640.0), (1330.0, 770.0), (1180.0, 785.0), (900.0, 780.0), (760.0, 690.0), (600.0, 560.0),
            (470.0, 420.0),
        ),
    ),
    Area(
        NO_GO,
        ((1505.0, 500.0), (1590.0, 470.0), (1640.0, 560.0), (1635.0, 670.0), (1560.0, 715.0), (1500.0, 680.0)),
    ),
)  # fmt: skip
"""Safe: gallbladder, its bed and the hepatocystic triangle, above the line. No-go: the hilum of the liver."""

LINE: Mapping[str, Place] = dict(zip(LANDMARKS, ((545.0, 820.0), (1480.0, 808.0)), strict=True))
"""Rouviere's sulcus and the base of segment IV: nobody dissects below the line between them."""

TUBES = ('cystic_duct', 'cystic_artery')
"""What must be identified before anybody clips or cuts it."""

_DISSECTED = frozenset(
    {'ClippingCutting', 'GallbladderDissection', 'GallbladderPackaging', 'CleaningCoagulation', 'GallbladderRetraction'}
)


def usual_critical_view(phase: str) -> CriticalView:
    """Give C1 to C3 of a scenario that does not say: complete once the dissection of Calot's triangle is over."""
    return (1.0, 1.0, 1.0) if phase in _DISSECTED else (0.0, 0.0, 0.0)


def usually_identified(phase: str) -> tuple[str, ...]:
    """Give the tubes that have been identified in a scenario that does not say."""
    return TUBES if phase in _DISSECTED else ()
