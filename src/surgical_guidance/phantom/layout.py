"""Where the organs lie: closed outlines in scene units, from back to front.

A scene unit is one pixel of a picture 1920 pixels wide; the visible window is ``0..1920 x 0..1080`` and the tissue goes
on for :data:`MARGIN` around it. Everything is placed as a surgeon would find it at the start of the dissection in a
laparoscopic cholecystectomy: the liver behind, the gallbladder hanging from it, its neck in fat and connective tissue
with the cystic artery and the cystic duct running to it, the bowel below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1920, 1080
MARGIN = 48
UNITS_PER_MM = 16.0  # a shaft of 5 mm is 80 units wide, as at a working distance of about 80 mm
FIELD_OF_VIEW = (960.0, 540.0, 860.0)  # centre and radius of the round picture of the endoscope

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Organ:
    """One piece of tissue.

    :param class_name: of the contract; also chooses its look.
    :param outline: ``float64 (n, 2)`` control points, smoothed to a closed curve; of a tube: its centre line.
    :param roundness: width of the rim over which it curves away from the viewer.
    :param tube: half the diameter of a tube; 0: the outline is a closed curve.
    """

    class_name: str
    outline: Points
    roundness: float
    tube: float = 0.0


def _organ(class_name: str, roundness: float, *points: tuple[float, float], tube: float = 0.0) -> Organ:
    return Organ(class_name, np.array(points, np.float64), roundness, tube)


PLAN: tuple[Organ, ...] = (
    _organ('abdominal_wall', 400, (-300, -300), (2220, -300), (2220, 1380), (-300, 1380)),
    _organ(
        'liver', 260, (330, -200), (2150, -220), (2200, 420), (2060, 800), (1500, 800),
        (1000, 860), (640, 900), (380, 760), (240, 420),
    ),
    _organ('liver', 200, (40, 560), (340, 500), (640, 640), (760, 860), (640, 1200), (-120, 1250), (-150, 700)),
    _organ(
        'liver_ligament', 40, (1420, -120), (1520, -120), (1585, 60), (1640, 250), (1690, 400), (1650, 420),
        (1580, 300), (1500, 120),
    ),
    _organ('liver', 230, (1500, -250), (2200, -260), (2240, 640), (1930, 700), (1640, 420)),
    _organ(
        'connective_tissue', 70, (870, 560), (980, 590), (1090, 570), (1230, 600), (1370, 590), (1430, 680),
        (1360, 800), (1130, 830), (930, 790), (860, 680),
    ),
    _organ('cystic_artery', 22, (940, 640), (1030, 668), (1120, 650), (1210, 655), (1290, 690), (1400, 760), tube=14),
    _organ('cystic_duct', 34, (930, 672), (1000, 712), (1090, 720), (1190, 728), (1300, 762), (1400, 830), tube=24),
    _organ(
        'fat', 60, (900, 770), (1010, 745), (1130, 765), (1250, 748), (1340, 700), (1470, 650), (1640, 660),
        (1900, 700), (2150, 820), (2100, 1250), (1100, 1260), (720, 1150), (800, 870),
    ),
    _organ(
        'gallbladder', 150, (500, 120), (630, 70), (770, 130), (880, 290), (960, 450), (1005, 590),
        (1000, 690), (930, 715), (820, 655), (650, 530), (500, 380), (440, 230),
    ),
    _organ(
        'gastrointestinal_tract', 120, (300, 1140), (430, 1000), (600, 935), (770, 965), (900, 1060), (960, 1240),
        (300, 1300),
    ),
)  # fmt: skip


LIVER_BED = _organ(
    'liver', 150, (540, 180), (640, 130), (760, 190), (860, 330), (930, 470), (960, 590), (930, 660), (830, 600),
    (680, 490), (560, 370),
)  # fmt: skip
"""Where the gallbladder was: raw liver, seen when it has been taken out."""


def emptied(organs: tuple[Organ, ...]) -> tuple[Organ, ...]:
    """Give the organs without the gallbladder; the order of the others, and so their look, stays."""
    return tuple(
        replace(LIVER_BED, class_name='liver_bed') if organ.class_name == 'gallbladder' else organ for organ in organs
    )


def curve(points: Points, closed: bool, steps: int = 12) -> Points:
    """Smooth control points to a curve through all of them (a uniform Catmull-Rom spline)."""
    before, after = (points[-1:], points[:2]) if closed else (points[:1], points[-1:])
    padded = np.concatenate([before, points, after])
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (padded[i : len(padded) - 3 + i, None, :] for i in range(4))
    segments = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    smooth: Points = segments.reshape(-1, 2)
    return smooth if closed else np.concatenate([smooth, points[-1:]])


def planned(rng: np.random.Generator) -> tuple[Organ, ...]:
    """Give the plan with the small differences between one patient and the next."""
    return tuple(replace(organ, outline=organ.outline + rng.normal(0.0, 5.0, organ.outline.shape)) for organ in PLAN)


def randomised(rng: np.random.Generator) -> tuple[Organ, ...]:
    """Give organs that lie anywhere: what a model is trained on, so that it does not learn the plan by heart."""
    angle, zoom = rng.normal(0.0, 0.35), rng.uniform(0.75, 1.4)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn[:, 0] *= rng.choice((-1.0, 1.0))
    centre, shift = np.array([960.0, 540.0]), rng.normal(0.0, (160.0, 110.0))
    organs = []
    for organ in PLAN:
        backdrop = organ.class_name == 'abdominal_wall'
        if not backdrop and rng.random() < 0.12:
            continue
        outline = organ.outline
        if not backdrop:
            own_angle, own = rng.normal(0.0, 0.25), rng.normal(0.0, 55.0, 2)
            own_turn = np.array([[np.cos(own_angle), -np.sin(own_angle)], [np.sin(own_angle), np.cos(own_angle)]])
            middle = outline.mean(axis=0)
            wobble = 4.0 if organ.tube else 22.0
            outline = (outline - middle) @ own_turn.T * rng.uniform(0.8, 1.25, 2) + middle + own
            outline = (outline - centre) @ turn.T + centre + shift + rng.normal(0.0, wobble, outline.shape)
        organs.append(
            replace(
                organ, outline=outline, roundness=organ.roundness * zoom, tube=organ.tube * zoom * rng.uniform(0.8, 1.3)
            )
        )
    if rng.random() < 0.4:  # the plan's order is the usual one, not the only one
        first, second = rng.integers(1, len(organs), 2)
        organs[first], organs[second] = organs[second], organs[first]
    return tuple(organs)
