"""The library of scenarios, read from ``scenarios.yaml``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from surgical_guidance.errors import SourceError
from surgical_guidance.phantom.blood import Bleed

RATE = 30.0
"""Frames per second of every take [Hz]."""

Track = Sequence[tuple[float, float]]
Words = Sequence[tuple[float, str]]
Span = tuple[float, float]

_TOOLS = {
    'hook': 'l_hook_electrocautery',
    'grasper': 'grasper',
    'clipper': 'clipper',
    'suction': 'suction',
}  # as the file writes them


@dataclass(frozen=True, slots=True)
class ToolScript:
    """What one instrument does. It is there from the first to the last entry of its path."""

    class_name: str
    port: str
    path: Words
    opening: Track = ()
    strokes: Track = ()
    energy: Sequence[Span] = ()
    in_use: Sequence[Span] = ()
    clearance_mm: float = 0.6
    taper: float = 0.3


@dataclass(frozen=True, slots=True)
class BleedScript:
    """A bleeding at a named place; see :class:`surgical_guidance.phantom.blood.Bleed`."""

    at: str
    start: float
    stop: float
    radius_mm: float
    gone: float = math.inf

    def course(self, x: float, y: float) -> Bleed:
        """Give it at its place [scene units]."""
        return Bleed(x, y, self.start, self.stop, self.radius_mm, self.gone)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens in a take. Times in seconds from its start.

    :param rule: number of the rule of the project's list that it gives a reason to; 0: none.
    :param title: one line for people.
    :param why: what makes it true, for people.
    :param onset_s: when the rule's condition becomes true, to within 0.1 s; NaN: no rule.
    :param hold_s: how long it must hold before anybody should speak.
    :param stretch: phases are made shorter or longer by up to this share, another for every seed.
    :param zoom: below 1 the endoscope is further away.
    :param emptied_s: when the gallbladder is out; None: it stays.
    :param critical_view: how far C1, C2 and C3 are met; () where it goes by the phase.
    :param identified: structures that have been identified; () where it goes by the phase.
    """

    name: str
    title: str
    duration_s: float
    phases: Words
    verbs: Words
    rule: int = 0
    why: str = ''
    onset_s: float = math.nan
    hold_s: float = 0.0
    tools: Sequence[ToolScript] = ()
    bleeding: Sequence[BleedScript] = ()
    levels: Mapping[str, Track] = field(default_factory=dict)
    roll: Track = ()
    drift_x: Track = ()
    drift_y: Track = ()
    out_of_body: Sequence[Span] = ()
    clips: Words = ()
    bag: Words | None = None
    stretch: float = 0.0
    zoom: float = 1.0
    emptied_s: float | None = None
    critical_view: Sequence[tuple[float, Sequence[float]]] = ()
    identified: Sequence[tuple[float, Sequence[str]]] = ()

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return round(self.duration_s * RATE)

    @property
    def onset(self) -> int | None:
        """The frame at which the condition of its rule becomes true; None: it has no rule."""
        return None if math.isnan(self.onset_s) else math.ceil(self.onset_s * RATE - 1e-9)

    @property
    def speak_at(self) -> int | None:
        """The frame at which a perfect system speaks; None: it has no rule."""
        return None if math.isnan(self.onset_s) else math.ceil((self.onset_s + self.hold_s) * RATE - 1e-9)

    def stretched(self, rng: np.random.Generator) -> Scenario:
        """Give it with phases that take more or less time."""
        if not self.stretch:
            return self
        starts = [start for start, _ in self.phases] + [self.duration_s]
        factors = rng.uniform(1.0 - self.stretch, 1.0 + self.stretch, len(self.phases))
        knots = np.concatenate([[0.0], np.cumsum(np.diff(starts) * factors)])
        return self.timed(lambda time: float(np.interp(time, starts, knots)))

    def timed(self, clock: Callable[[float], float]) -> Scenario:
        """Give it with another course of time."""

        def track(entries: Any) -> Any:
            return tuple((clock(start), value) for start, value in entries)

        def spans(entries: Sequence[Span]) -> tuple[Span, ...]:
            return tuple((clock(start), clock(end)) for start, end in entries)

        return replace(
            self,
            duration_s=clock(self.duration_s),
            phases=track(self.phases),
            verbs=track(self.verbs),
            tools=tuple(
                replace(
                    tool,
                    path=track(tool.path),
                    opening=track(tool.opening),
                    strokes=track(tool.strokes),
                    energy=spans(tool.energy),
                    in_use=spans(tool.in_use),
                )
                for tool in self.tools
            ),
            bleeding=tuple(
                replace(one, start=clock(one.start), stop=clock(one.stop),
                        gone=one.gone if math.isinf(one.gone) else clock(one.gone))
                for one in self.bleeding
            ),
            levels={name: track(entries) for name, entries in self.levels.items()},
            roll=track(self.roll),
            drift_x=track(self.drift_x),
            drift_y=track(self.drift_y),
            out_of_body=spans(self.out_of_body),
            clips=track(self.clips),
            bag=None if self.bag is None else track(self.bag),
            emptied_s=None if self.emptied_s is None else clock(self.emptied_s),
            critical_view=track(self.critical_view),
            identified=track(self.identified),
        )  # fmt: skip


@cache
def library() -> Mapping[str, Scenario]:
    """Read all scenarios, by name."""
    text = files('surgical_guidance.phantom').joinpath('scenarios.yaml').read_text(encoding='utf-8')
    return {name: _scenario(name, entry) for name, entry in yaml.safe_load(text).items()}


def find(name: str) -> Scenario:
    """Give a scenario by name.

    :raises SourceError: if there is none of that name.
    """
    known = library()
    if name not in known:
        raise SourceError(f'the phantom has no scenario {name!r}', remedy=f'one of {", ".join(known)}')
    return known[name]


def _pairs(entries: Any) -> tuple[tuple[Any, Any], ...]:
    return tuple((float(start), value) for start, value in entries or ())


def _scenario(name: str, entry: dict[str, Any]) -> Scenario:
    entry = dict(entry)
    tools = tuple(_tool(tool) for tool in entry.pop('tools', ()))
    bleeding = tuple(BleedScript(**one) for one in entry.pop('bleeding', ()))
    levels = {key: _pairs(track) for key, track in entry.pop('levels', {}).items()}
    tracks: dict[str, Any] = {
        key: _pairs(entry.pop(key))
        for key in ('roll', 'drift_x', 'drift_y', 'out_of_body', 'clips', 'bag', 'critical_view', 'identified')
        if key in entry
    }
    phases, verbs = _pairs(entry.pop('phases')), _pairs(entry.pop('verbs'))
    for track in (phases, verbs, *levels.values(), *(tool.path for tool in tools)):
        if any(a >= b for (a, _), (b, _) in itertools.pairwise(track)):
            raise SourceError('a track goes back in time', where=f'scenario {name}', remedy='sort its times')
    return Scenario(
        name=name, phases=phases, verbs=verbs, tools=tools, bleeding=bleeding, levels=levels, **tracks, **entry
    )


def _tool(entry: dict[str, Any]) -> ToolScript:
    entry = dict(entry)
    names = ('path', 'opening', 'strokes', 'energy', 'in_use')
    tracks: dict[str, Any] = {key: _pairs(entry.pop(key)) for key in names if key in entry}
    return ToolScript(class_name=_TOOLS[entry.pop('tool')], **tracks, **entry)


SCENARIOS: tuple[str, ...] = tuple(library())
"""The names of all scenarios."""
