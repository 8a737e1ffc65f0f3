"""A calibration set of the phantom, for those who have no pictures of their own: rendered, so good for rendered scenes.

Each picture is a random scene of :class:`~surgical_guidance.phantom.randomise.Randomiser`; where it is not disturbed
enough by itself, the disturbance of its kind is laid over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.engines.calibration_set import KINDS, MIN_PICTURES, Seen
from surgical_guidance.engines.likeness import NEAR_BITS, Hash, perceptual_hash
from surgical_guidance.errors import ModelError
from surgical_guidance.phantom.disturbances import Disturbances
from surgical_guidance.phantom.randomise import Randomiser
from surgical_guidance.phantom.vendors import TRAINING

Picture = NDArray[np.uint8]

_BLOOD = CLASSES.index('blood')
_HEAVY = 0.04  # of the picture under blood, at least
_SURPLUS = 4  # scenes that may be thrown away, for lack of blood or because they repeat others, for each picture
_PLAIN = [cv2.IMWRITE_PNG_COMPRESSION, 3]


def render_set(
    root: Path, count: int = MIN_PICTURES, size: tuple[int, int] = (512, 288), seed: int = 0,
    seen: Seen = lambda _done, _all: None,
) -> int:  # fmt: skip
    """Render a set: ``count`` pictures of each kind, from every training camera of the phantom by turns.

    What is there already is kept and counted, so that a run that was stopped goes on. A picture that repeats another
    would not count and is thrown away.

    :param size: width and height [px].
    :param seen: hears of pictures done and pictures in all.
    :return: how many were rendered.
    :raises ModelError: if the folder cannot be written.
    """
    kept = _Kept(root)
    before = kept.files  # with it in the seeds, a run that goes on does not draw the same scenes again
    rng = np.random.default_rng((seed, before))
    makers = {
        name: Randomiser(np.random.default_rng((seed, before, number)), *size, (name,))
        for number, name in enumerate(TRAINING)
    }
    total, rendered, thrown = count * len(KINDS), 0, 0
    for vendor, image, labels in _scenes(makers):
        wanted = [kind for kind in KINDS if kept.counts[kind] < count]
        seen(total - sum(count - kept.counts[kind] for kind in wanted), total)
        if not wanted:
            break
        kind = _kind_for(labels, wanted)
        if kind is not None and kind != 'heavy_bleeding':
            _DISTURB[kind](image, rng)
        if kind is not None and kept.is_new(kind, image):
            _write(root / kind / vendor / f'{seed}_{before + rendered:05}.png', image)
            rendered += 1
            continue
        thrown += 1
        if thrown > _SURPLUS * total:
            raise ModelError('the phantom shows too little blood', where=str(root), remedy='try another --seed')
    return rendered


class _Kept:
    """The pictures that count: what is there already, then whatever is new."""

    def __init__(self, root: Path) -> None:
        self.counts = dict.fromkeys(KINDS, 0)
        self.files = 0
        self._hashes: list[Hash] = []
        for kind in KINDS:
            for path in sorted((root / kind).glob('*/*.png')):
                self.files += 1
                image = cv2.imread(str(path), cv2.IMREAD_COLOR)
                if image is not None:
                    self.is_new(kind, np.asarray(image, np.uint8))

    def is_new(self, kind: str, image: Picture) -> bool:
        """Tell whether a picture repeats none of those before it; then it is one of them."""
        own = perceptual_hash(image)
        if any(np.count_nonzero(own != other) <= NEAR_BITS for other in self._hashes):
            return False
        self._hashes.append(own)
        self.counts[kind] += 1
        return True


def _scenes(makers: Mapping[str, Randomiser]) -> Iterator[tuple[str, Picture, Picture]]:
    while True:
        for vendor, maker in makers.items():
            image, labels, _ = maker.sample()
            yield vendor, image, labels


def _kind_for(labels: Picture, wanted: list[str]) -> str | None:
    """Say what a scene is good for: bleeding where there is much of it, else what can be laid over it."""
    if float((labels == _BLOOD).mean()) >= _HEAVY and 'heavy_bleeding' in wanted:
        return 'heavy_bleeding'
    return next((kind for kind in wanted if kind != 'heavy_bleeding'), None)


def _smoke(image: Picture, rng: np.random.Generator) -> None:
    Disturbances(rng).smoke(image, float(rng.uniform(0.35, 1.0)), float(rng.uniform(0.0, 100.0)))


def _contaminate(image: Picture, rng: np.random.Generator) -> None:
    one = Disturbances(rng)
    if rng.random() < 0.5:
        one.fog(image, float(rng.uniform(0.35, 1.0)))
    else:
        one.splash(image, float(rng.uniform(0.5, 1.0)))


def _glare(image: Picture, rng: np.random.Generator) -> None:
    Disturbances(rng).glare(image, float(rng.uniform(0.6, 1.0)))


def _darken(image: Picture, rng: np.random.Generator) -> None:
    """Take most of the light away; the camera's noise stays."""
    noise = rng.normal(0.0, rng.uniform(1.0, 4.0), image.shape)
    image[:] = np.clip(image * rng.uniform(0.08, 0.3) + noise, 0, 255).astype(np.uint8)


_DISTURB: Mapping[str, Callable[[Picture, np.random.Generator], None]] = {
    'smoke': _smoke,
    'lens_contamination': _contaminate,
    'strong_specular': _glare,
    'low_light': _darken,
}


def _write(path: Path, image: Picture) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode('.png', image, _PLAIN)[1].tobytes())
    except OSError as error:
        raise ModelError(
            f'it cannot be written ({error.strerror})', where=str(path), remedy='give another folder'
        ) from error
