"""What is really in a frame of the phantom, and its form on disk: one line of JSON a frame.

Pixels count from the centre of the top left pixel of the picture asked for, x right, y down. Millimetres are in the
optical frame of the endoscope (REP 103: x right, y down, z forward). The label image and the depth map are not in here:
:meth:`surgical_guidance.phantom.take.Take.labels` and ``depth`` make them again from scenario, seed and frame.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Pixel = tuple[float, float]
Millimetres = tuple[float, float, float]

PHASES = (
    'Preparation',
    'CalotTriangleDissection',
    'ClippingCutting',
    'GallbladderDissection',
    'GallbladderPackaging',
    'CleaningCoagulation',
    'GallbladderRetraction',
)
"""The phases of Cholec80 (Twinanda et al., 2017), in the order of its class numbers."""

VERBS = (
    'grasp', 'retract', 'dissect', 'coagulate', 'clip', 'cut', 'aspirate', 'irrigate', 'pack', 'null_verb',
)  # fmt: skip
"""The verbs of CholecT50 (Nwoye et al., 2022)."""

EVENTS = (
    'bleeding', 'smoke', 'fog', 'splash', 'glare', 'low_light', 'blur', 'roll', 'tip_left_view', 'out_of_body',
)  # fmt: skip
"""The names that :meth:`Events.active` can give."""

ROLL_LIMIT_DEG = 15.0  # DOMAIN rule 17
_VISIBLE_LEVEL = 0.25  # a disturbance weaker than this is there, but is no event yet
_GONE_LEVEL = 0.15  # and below this the event is over


@dataclass(frozen=True, slots=True)
class CameraTruth:
    """The pinhole that saw the frame.

    :param fx: focal length [px of the picture asked for].
    :param fy: [px].
    :param cx: principal point [px].
    :param cy: [px].
    :param roll_deg: of the camera about its axis; positive when the picture has turned anticlockwise [degrees].
    :param baseline_mm: how far it stands to the right of the left eye: 0 for the left eye itself [mm].
    :param drift_mm: how far the camera has moved over the tissue from the start, right and down, breath and heartbeat
        not counted [mm].
    """

    fx: float
    fy: float
    cx: float
    cy: float
    roll_deg: float = 0.0
    drift_mm: tuple[float, float] = (0.0, 0.0)
    baseline_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Distance:
    """From an instrument's tip to the nearest visible or instrument-covered point of a structure.

    :param mm: in space [mm].
    :param px: in the picture, between their projections; 0 = the tip is over it [px].
    """

    mm: float
    px: float


@dataclass(frozen=True, slots=True)
class InstrumentTruth:
    """One instrument of the frame, also when its tip is out of view.

    :param class_name: one of :data:`surgical_guidance.contract.INSTRUMENT_CLASSES`.
    :param id: of this instrument, the same over a take.
    :param tip: its most distal point, in the picture or outside it [px].
    :param tip_mm: the same point in space [mm].
    :param tip_visible: inside the round picture and not hidden.
    :param axis: unit vector in the picture, from the shaft to the tip.
    :param shaft_diameter_px: across the axis where the shaft ends [px].
    :param shaft_diameter_mm: [mm].
    :param opening: of the jaws, 0 closed to 1; 0 where there are none.
    :param energised: current flows.
    :param distances: by structure class; only structures that the frame shows.
    """

    class_name: str
    id: int
    tip: Pixel
    tip_mm: Millimetres
    tip_visible: bool
    axis: tuple[float, float]
    shaft_diameter_px: float
    shaft_diameter_mm: float
    opening: float = 0.0
    energised: bool = False
    distances: Mapping[str, Distance] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bleeding:
    """Blood on the tissue.

    :param share: of the picture that it covers, 0 to 1, as the label image has it.
    :param growing: the pool spreads at this moment.
    :param source: where it comes from [px].
    :param source_mm: the same in space [mm].
    """

    share: float
    growing: bool
    source: Pixel
    source_mm: Millimetres


@dataclass(frozen=True, slots=True)
class Events:
    """What disturbs the view or calls for action. Levels go from 0 (none) to 1 (nothing more to see).

    :param bleeding: None: no blood.
    :param tip_left_view: an energy instrument is in use and its tip is outside the picture.
    :param out_of_body: the endoscope looks at the room.
    """

    bleeding: Bleeding | None = None
    smoke: float = 0.0
    fog: float = 0.0
    splash: float = 0.0
    glare: float = 0.0
    low_light: float = 0.0
    blur: float = 0.0
    roll: bool = False
    tip_left_view: bool = False
    out_of_body: bool = False

    def active(self, before: Collection[str] = ()) -> tuple[str, ...]:
        """Name what is going on, of :data:`EVENTS`: blood that is there, levels that are reached, and what is true.

        :param before: what was going on a frame ago. A level begins an event at 0.25 and ends it below 0.15: one
            that wavers stays one event. Without it 0.25 decides.
        """
        levels = ('smoke', 'fog', 'splash', 'glare', 'low_light', 'blur')
        going = {name: getattr(self, name) >= (_GONE_LEVEL if name in before else _VISIBLE_LEVEL) for name in levels}
        going |= {'bleeding': self.bleeding is not None and self.bleeding.share > 0.0}
        going |= {name: bool(getattr(self, name)) for name in ('roll', 'tip_left_view', 'out_of_body')}
        return tuple(name for name in EVENTS if going[name])


@dataclass(frozen=True, slots=True)
class ZoneTruth:
    """A region where instruments may or may not work.

    :param kind: ``safe`` or ``no_go``.
    :param outline: its corners [px].
    """

    kind: str
    outline: tuple[Pixel, ...]


@dataclass(frozen=True, slots=True)
class FrameTruth:
    """What is really in one frame.

    :param scenario: name, of :data:`surgical_guidance.phantom.scenarios.SCENARIOS`, or ``random``.
    :param seed: which patient.
    :param vendor: whose camera, of :data:`surgical_guidance.phantom.vendors.VENDORS`.
    :param index: of the frame, from 0.
    :param time_s: from the start of the take [s].
    :param width: of the picture [px].
    :param height: [px].
    :param phase: of :data:`PHASES`.
    :param verb: of :data:`VERBS`: what the working instrument does.
    :param energy: some instrument is energised.
    :param zones: judgement, not seen: where it is safe and where nobody may go; none out of the body.
    :param landmarks: by name of :data:`surgical_guidance.contract.LANDMARKS`, in the picture or outside it [px].
    :param critical_view: how far C1, C2 and C3 of the critical view of safety are met, 0 to 1.
    :param identified: structures that the surgeon has identified.
    :param target_share: of the picture that the gallbladder covers, 0 to 1; 0: it is not there.
    """

    scenario: str
    seed: int
    vendor: str
    index: int
    time_s: float
    width: int
    height: int
    camera: CameraTruth
    instruments: tuple[InstrumentTruth, ...]
    events: Events
    phase: str
    verb: str
    energy: bool
    zones: tuple[ZoneTruth, ...] = ()
    landmarks: Mapping[str, Pixel] = field(default_factory=dict)
    critical_view: tuple[float, float, float] = (0.0, 0.0, 0.0)
    identified: tuple[str, ...] = ()
    target_share: float = 0.0

    def instrument(self, class_name: str) -> InstrumentTruth | None:
        """Give the first instrument of a class, None where there is none."""
        return next((one for one in self.instruments if one.class_name == class_name), None)

    def to_json(self) -> str:
        """Give it as one line."""
        return json.dumps(dataclasses.asdict(self), separators=(',', ':'))

    @classmethod
    def from_json(cls, line: str) -> FrameTruth:
        """Read what :meth:`to_json` wrote.

        :raises ValueError: if it is no JSON.
        :raises KeyError: if something is missing.
        :raises TypeError: if something is there that no frame has.
        """
        data: dict[str, Any] = json.loads(line)
        camera, events = data.pop('camera'), data.pop('events')
        blood = events.pop('bleeding')
        if blood is not None:
            blood = Bleeding(**{**blood, **{name: tuple(blood[name]) for name in ('source', 'source_mm')}})
        camera['drift_mm'] = tuple(camera['drift_mm'])
        data |= {name: tuple(data[name]) for name in ('critical_view', 'identified')}
        return cls(
            camera=CameraTruth(**camera),
            instruments=tuple(_instrument(one) for one in data.pop('instruments')),
            events=Events(bleeding=blood, **events),
            zones=tuple(ZoneTruth(zone['kind'], tuple(map(_pixel, zone['outline']))) for zone in data.pop('zones')),
            landmarks={name: _pixel(at) for name, at in data.pop('landmarks').items()},
            **data,
        )


def _pixel(at: Sequence[float]) -> Pixel:
    x, y = at
    return x, y


def _instrument(data: dict[str, Any]) -> InstrumentTruth:
    tuples = {name: tuple(data[name]) for name in ('tip', 'tip_mm', 'axis')}
    distances = {name: Distance(**value) for name, value in data['distances'].items()}
    return InstrumentTruth(**{**data, **tuples, 'distances': distances})
