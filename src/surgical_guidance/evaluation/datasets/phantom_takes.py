"""Takes of the phantom, rendered while they are looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import ParameterError
from surgical_guidance.evaluation.example import Dataset, Example, Origin, every_one
from surgical_guidance.evaluation.metrics.tips import Tip
from surgical_guidance.phantom.scenarios import RATE, SCENARIOS, find
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import EVENTS, FrameTruth
from surgical_guidance.phantom.vendors import HELD_OUT, VENDORS

_SEEDS = re.compile(r'(\d{1,9})(?:-(\d{1,9}))?')
_MOST_SEEDS = 1000


@dataclass(frozen=True, slots=True)
class PhantomTake:
    """A take that is painted when its frames are asked for; see :class:`surgical_guidance.evaluation.example.Take`."""

    scenario: str
    seed: int
    vendor: str
    width: int
    height: int
    rate: float = RATE

    @property
    def name(self) -> str:
        """Scenario, patient and camera."""
        return f'{self.scenario}, patient {self.seed}, {self.vendor}'

    @property
    def frames(self) -> int:
        """About as many as it will have: some scenarios are a little longer or shorter for each patient."""
        return find(self.scenario).frames

    def examples(self, wanted: Callable[[int], bool] = every_one) -> Iterator[Example]:
        """Render frames and their truth."""
        take = Take(self.scenario, self.seed, self.width, self.height, self.vendor)
        going: frozenset[str] = frozenset()
        for index in filter(wanted, range(take.frames)):
            image = np.empty((self.height, self.width, 3), np.uint8)
            take.render(index, image)
            truth = take.truth(index)
            going = frozenset(truth.events.active(going))
            yield example_of(truth, image, take.labels(index), going)


class EventTake(PhantomTake):
    """A take of which only the events are asked: several times cheaper than all of its truth."""

    def examples(self, wanted: Callable[[int], bool] = every_one) -> Iterator[Example]:
        """Render frames and tell what goes on in them."""
        take = Take(self.scenario, self.seed, self.width, self.height, self.vendor)
        going: frozenset[str] = frozenset()
        for index in filter(wanted, range(take.frames)):
            image = np.empty((self.height, self.width, 3), np.uint8)
            take.render(index, image)
            going = frozenset(take.events(index).active(going))
            yield Example(index, str(index), image, events=going)


def example_of(
    truth: FrameTruth, image: NDArray[np.uint8], labels: NDArray[np.uint8], going: frozenset[str]
) -> Example:
    """Put the phantom's truth into the form of every data set.

    :param going: the events that are going on.

    The scale at a tip is that of its shaft: true diameter over its width in the picture.
    """
    return Example(
        index=truth.index,
        name=str(truth.index),
        image=image,
        labels=labels,
        tips=tuple(
            Tip(one.class_name, *one.tip, one.shaft_diameter_mm / one.shaft_diameter_px)
            for one in truth.instruments
            if one.tip_visible
        ),
        phase=truth.phase or None,
        verb=truth.verb or None,
        events=going,
    )


def open_phantom(scenarios: str, seeds: str, vendors: str, size: str) -> Dataset:
    """Open takes of the phantom: every scenario with every seed before every vendor's camera.

    :param scenarios: names with commas, or ``all``.
    :param seeds: numbers and ranges with commas: ``7,9001-9003``.
    :param vendors: names with commas, ``held-out``: those that no model is trained on, or ``all``.
    :param size: ``WxH`` [px].
    :raises ParameterError: if one of them cannot be.
    """
    names = _names(scenarios, SCENARIOS, {'all': SCENARIOS}, '--phantom')
    cameras = _names(vendors, tuple(VENDORS), {'all': tuple(VENDORS), 'held-out': HELD_OUT}, '--vendors')
    patients = _numbers(seeds)
    width, height = _size(size)
    takes = tuple(
        PhantomTake(name, seed, vendor, width, height) for name in names for seed in patients for vendor in cameras
    )
    return Dataset(
        'phantom, rendered now',
        f'scenarios {", ".join(names)}; patients {", ".join(map(str, patients))}; cameras {", ".join(cameras)}',
        Origin.PHANTOM,
        takes,
        EVENTS,
        tuple(_remarks(cameras)),
    )


def _remarks(cameras: tuple[str, ...]) -> Iterator[str]:
    trained = [name for name in cameras if name not in HELD_OUT]
    if trained:
        yield f'Models may have been trained on pictures of these cameras: {", ".join(trained)}.'
    else:
        yield 'No model of this package was trained on pictures of these cameras.'


def _names(text: str, known: tuple[str, ...], groups: dict[str, tuple[str, ...]], where: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in filter(None, (part.strip() for part in text.split(','))):
        if name not in known and name not in groups:
            raise ParameterError(f'there is no {name!r}', where=where, remedy=f'use {", ".join((*groups, *known))}')
        found |= dict.fromkeys(groups.get(name, (name,)))
    if not found:
        raise ParameterError('there is no name in it', where=where, remedy=f'use {", ".join((*groups, *known))}')
    return tuple(found)


def _numbers(text: str) -> tuple[int, ...]:
    found: dict[int, None] = {}
    for part in filter(None, (part.strip() for part in text.split(','))):
        match = _SEEDS.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < first + _MOST_SEEDS:
            raise ParameterError(f'{part!r} is no seed and no range', where='--seeds', remedy='write 7 or 9001-9004')
        found |= dict.fromkeys(range(first, last + 1))
    if not found:
        raise ParameterError('there is no seed in it', where='--seeds', remedy='write 7 or 9001-9004')
    return tuple(found)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r'(\d{1,5})x(\d{1,5})', text)
    if not match or not all(64 <= int(side) <= 8192 for side in match.groups()):
        raise ParameterError(f'{text!r} is no size from 64x64 to 8192x8192', where='--size', remedy='write 960x540')
    return int(match[1]), int(match[2])
