"""The advice that a perfect system gives: which rules of the project's list are due in a take, and when.

It is worked out from the truth alone, frame by frame, whatever the scenario was made for: a hook that goes to the bowel
may also have left the safe zone. Rules go by their numbers in the list (docs/phantom.md repeats it). The conditions
and times are the project's proposals: NOT CLINICALLY VALIDATED.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from surgical_guidance.contract import LANDMARKS
from surgical_guidance.phantom.judgements import NO_GO, SAFE, TUBES
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import FrameTruth, InstrumentTruth, Pixel

HOLD_S: Mapping[int, float] = {
    1: 0.1, 2: 0.2, 3: 0.0, 4: 0.3, 5: 0.3, 6: 0.2, 7: 0.5, 8: 0.1, 9: 0.5, 10: 0.3, 11: 0.5, 12: 0.2, 13: 2.0,
    14: 0.5, 15: 0.5, 16: 0.5, 17: 2.0, 18: 1.0, 19: 0.5, 20: 1.0, 21: 1.0, 22: 0.2, 23: 0.3,
}  # fmt: skip
"""How long the condition of each rule must hold before anybody should speak [s] [I]."""

ANATOMY = frozenset({1, 4, 5, 6, 7, 8, 9, 10, 12, 20})
"""Rules that rest on anatomy: silent while smoke, a dirty lens or blur (rules 14 to 16) hides it."""

ACTIVATION_S = 3.0
BOWEL_MM, ARTERY_MM, TUBE_MM, SOURCE_MM = 10.0, 3.0, 3.0, 5.0
STRONG = 0.5  # level of a disturbance from which somebody should speak
MET = 0.75  # of a criterion of the critical view
OPEN = 0.5  # of a clip applier's jaws
OFF_CENTRE = 0.3  # of the picture's height
SMALL_TARGET = 0.05  # of the picture
POOL = 0.01  # of the picture that blood covers

_HOOK, _CLIPPER = 'l_hook_electrocautery', 'clipper'
_UNEXPECTED = {
    'Preparation': {_CLIPPER},
    'GallbladderPackaging': {_CLIPPER, _HOOK},
    'GallbladderRetraction': {_CLIPPER, _HOOK},
}  # phase -> instruments that have no business there
_HIDE_ANATOMY, _OUTSIDE, _UNSEEN = frozenset({14, 15, 16}), 22, 23
_NEEDS_NO_PICTURE = frozenset({3, _UNSEEN})


@dataclass(frozen=True, slots=True)
class Due:
    """One piece of advice. Where ``end`` follows ``speak_at`` closely, silence is hardly wrong either.

    :param rule: number of the rule in the project's list.
    :param onset: frame at which its condition becomes true.
    :param speak_at: frame at which a perfect system speaks.
    :param end: first frame at which the condition is true no more; the take's length where it stays.
    """

    rule: int
    onset: int
    speak_at: int
    end: int


def due(take: Take) -> tuple[Due, ...]:
    """Work out all advice of a take, by the frame at which to speak. A frame costs as much as its truth."""
    return due_in([take.truth(index) for index in range(take.frames)], take.rate)


def due_in(truths: Sequence[FrameTruth], rate: float) -> tuple[Due, ...]:
    """Work out all advice of frames that follow each other.

    :param rate: of the frames [Hz].
    """
    history = _History()
    holding = [history.conditions(truth) for truth in truths]
    found = []
    for rule, hold_s in HOLD_S.items():
        hold = math.ceil(hold_s * rate - 1e-9)
        flags = [rule in held for held in holding]
        found += [Due(rule, start, start + hold, end) for start, end in _runs(flags) if end - start > hold]
    return tuple(sorted(found, key=lambda one: (one.speak_at, one.rule)))


def conditions(truth: FrameTruth) -> frozenset[int]:
    """Tell whose rules' conditions a single frame fulfils. Rule 3 needs more than one frame and is not among them."""
    held = {rule for rule, holds in _CONDITIONS.items() if holds(truth)}
    return frozenset(_unhidden(held))


class _History:
    """Looks at one frame after another; knows since when current has been flowing."""

    def __init__(self) -> None:
        self._since: float | None = None

    def conditions(self, truth: FrameTruth) -> frozenset[int]:
        held = {rule for rule, holds in _CONDITIONS.items() if holds(truth)}
        if not truth.energy:
            self._since = None
        elif self._since is None:
            self._since = truth.time_s
        if self._since is not None and truth.time_s - self._since >= ACTIVATION_S - 1e-6:
            held.add(3)
        return frozenset(_unhidden(held))


def _unhidden(held: set[int]) -> set[int]:
    """Leave out what cannot be told for sure: out of the body nothing, in the dark what needs no picture."""
    if _OUTSIDE in held:
        return {_OUTSIDE}
    if _UNSEEN in held:
        return held & _NEEDS_NO_PICTURE
    return held - ANATOMY if held & _HIDE_ANATOMY else held


def _runs(flags: Iterable[bool]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.array(list(flags), bool), [False]])))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _near(one: InstrumentTruth, structure: str, limit_mm: float) -> bool:
    return structure in one.distances and one.distances[structure].mm < limit_mm


def _seen(truth: FrameTruth, *names: str) -> list[InstrumentTruth]:
    return [one for one in truth.instruments if one.tip_visible and (not names or one.class_name in names)]


def _inside(truth: FrameTruth, kind: str, at: Pixel) -> bool:
    return any(
        cv2.pointPolygonTest(np.array(zone.outline, np.float32), at, False) >= 0
        for zone in truth.zones
        if zone.kind == kind
    )


def _below_the_line(truth: FrameTruth, at: Pixel) -> bool:
    """Whether a point lies below the line, as seen with the camera upright."""
    (ax, ay), (bx, by) = (truth.landmarks[name] for name in LANDMARKS)
    return (bx - ax) * (at[1] - ay) - (by - ay) * (at[0] - ax) > 0.0


def _at_tube(truth: FrameTruth) -> list[str]:
    """Name the tubes that a visible clip applier, which also cuts, is at."""
    return [tube for tube in TUBES if any(_near(one, tube, TUBE_MM) for one in _seen(truth, _CLIPPER))]


def _unidentified_tube(truth: FrameTruth) -> bool:
    return any(
        one.opening >= OPEN and _near(one, tube, TUBE_MM)
        for one in _seen(truth, _CLIPPER)
        for tube in TUBES
        if tube not in truth.identified
    )


def _imminent(truth: FrameTruth) -> bool:
    return bool(_at_tube(truth)) and min(truth.critical_view) < MET


def _artery(truth: FrameTruth) -> bool:
    suspected = 'cystic_artery' not in truth.identified
    return suspected and any(_near(one, 'cystic_artery', ARTERY_MM) for one in _seen(truth))


def _dissecting(truth: FrameTruth) -> list[InstrumentTruth]:
    return _seen(truth, _HOOK) if truth.verb == 'dissect' else []


def _blind_clip(truth: FrameTruth) -> bool:
    blood = truth.events.bleeding
    return (
        blood is not None
        and blood.share > POOL
        and any(math.dist(one.tip_mm, blood.source_mm) < SOURCE_MM for one in _seen(truth, _CLIPPER))
    )


def _pooled(truth: FrameTruth) -> bool:
    blood = truth.events.bleeding
    return blood is not None and not blood.growing and blood.share > POOL


def _off_centre(truth: FrameTruth) -> bool:
    tips = [one.tip for one in _seen(truth)]
    if not tips:
        return False
    x, y = np.mean(tips, axis=0) - ((truth.width - 1) / 2, (truth.height - 1) / 2)
    return math.hypot(x, y) > OFF_CENTRE * truth.height


_CONDITIONS: Mapping[int, Callable[[FrameTruth], bool]] = {
    1: lambda truth: any(
        one.energised and _near(one, 'gastrointestinal_tract', BOWEL_MM) for one in _seen(truth)
    ),
    2: lambda truth: any(one.energised and not one.tip_visible for one in truth.instruments),
    4: _unidentified_tube,
    5: _imminent,
    6: lambda truth: any(_inside(truth, NO_GO, one.tip) for one in _seen(truth)),
    7: lambda truth: any(
        not _inside(truth, SAFE, one.tip) and not _inside(truth, NO_GO, one.tip) for one in _dissecting(truth)
    ),
    8: _artery,
    9: lambda truth: any(_below_the_line(truth, one.tip) for one in _dissecting(truth)),
    10: lambda truth: truth.verb == 'cut' and bool(_at_tube(truth)),
    11: lambda truth: truth.events.bleeding is not None and truth.events.bleeding.growing,
    12: _blind_clip,
    13: _pooled,
    14: lambda truth: truth.events.smoke > STRONG,
    15: lambda truth: max(truth.events.fog, truth.events.splash) > STRONG,
    16: lambda truth: truth.events.blur > STRONG,
    17: lambda truth: truth.events.roll,
    18: _off_centre,
    19: lambda truth: truth.events.tip_left_view,
    20: lambda truth: 0.0 < truth.target_share < SMALL_TARGET,
    21: lambda truth: any(one.class_name in _UNEXPECTED.get(truth.phase, ()) for one in _seen(truth)),
    22: lambda truth: truth.events.out_of_body,
    23: lambda truth: truth.events.low_light > STRONG,
}  # fmt: skip
