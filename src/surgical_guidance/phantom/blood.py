"""Blood: pools that start at a source, spread with the lie of the tissue, and stop."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom.geometry import View
from surgical_guidance.phantom.layout import HEIGHT, MARGIN, UNITS_PER_MM, WIDTH

_COARSE = 0.25  # pixels of a pool's field per scene unit
_DEEP = (14.0, 8.0, 92.0)  # bgr where it is deep
_THIN = (18.0, 12.0, 122.0)  # and at its rim
_FILM_MM = 5.0  # from the rim to full depth of colour
_BULGE_MM = 1.6  # over which the rim of the film is round
BLOOD = CLASSES.index('blood')

Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bleed:
    """One bleeding over time.

    :param x: of its source in the tissue [scene units].
    :param y: [scene units].
    :param start_s: when it begins [s].
    :param stop_s: when it no longer grows [s].
    :param radius_mm: how far the pool has come by then [mm].
    :param gone_s: when it has been sucked away, never where it is infinite [s].
    """

    x: float
    y: float
    start_s: float
    stop_s: float
    radius_mm: float
    gone_s: float = math.inf

    def radius(self, time_s: float) -> float:
        """How far it has come at a time [scene units]: the area grows evenly."""
        if not self.start_s < time_s < self.gone_s:
            return 0.0
        share = min(1.0, (time_s - self.start_s) / (self.stop_s - self.start_s))
        drain = 1.0 if math.isinf(self.gone_s) else min(1.0, (self.gone_s - time_s) / _DRAIN_S)
        return self.radius_mm * UNITS_PER_MM * math.sqrt(share * drain)

    def growing(self, time_s: float) -> bool:
        """Whether it spreads at a time."""
        return self.start_s < time_s < self.stop_s


_DRAIN_S = 2.5  # that suction takes for a pool


class Pool:
    """Where the blood of one source goes: a field of arrival, small where it comes first [scene units]."""

    def __init__(self, x: float, y: float, rng: np.random.Generator) -> None:
        self.x, self.y = x, y
        h, w = round((HEIGHT + 2 * MARGIN) * _COARSE), round((WIDTH + 2 * MARGIN) * _COARSE)
        dx = np.arange(w, dtype=np.float32)[None, :] / np.float32(_COARSE) - np.float32(x + MARGIN)
        dy = np.arange(h, dtype=np.float32)[:, None] / np.float32(_COARSE) - np.float32(y + MARGIN)
        down = np.where(dy > 0, np.float32(0.72), np.float32(1.25))  # it runs downhill, towards the lower picture
        distance = np.sqrt(dx * dx + (dy * down) ** 2)
        lobes = np.zeros((h, w), np.float32)
        for cells, weight in ((7, 0.5), (16, 0.32), (40, 0.26), (90, 0.12)):
            coarse = rng.standard_normal((cells * 9 // 16 + 2, cells + 2), np.float32)
            lobes += np.float32(weight) * cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)
        self._arrival = distance * np.exp(np.float32(0.45) * lobes)
        sheen = cv2.resize(rng.standard_normal((60, 104), np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
        self._sheen = np.asarray(sheen, np.float32)

    def _seen(self, field: Field, view: View, shift: tuple[float, float], roll: float, size: tuple[int, int]) -> Field:
        matrix = view.matrix(_COARSE, MARGIN, shift, roll)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(field, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101), np.float32
        )

    def depth(self, radius: float, view: View, shift: tuple[float, float], roll: float, size: tuple[int, int]) -> Field:
        """Give how deep inside the pool each pixel of a picture is: positive inside [scene units]."""
        return np.float32(radius) - self._seen(self._arrival, view, shift, roll, size)

    def mark(
        self, labels: NDArray[np.uint8], radius: float, view: View, shift: tuple[float, float], roll: float
    ) -> None:
        """Mark its pixels in a label image."""
        if radius > 0.0:
            labels[self.depth(radius, view, shift, roll, (labels.shape[1], labels.shape[0])) > 0.0] = BLOOD

    def paint(
        self, image: NDArray[np.uint8], radius: float, view: View, shift: tuple[float, float], roll: float
    ) -> None:
        """Paint it into a picture: a dark wet film with a thin bright rim and broken highlights."""
        if radius <= 0.0:
            return
        size = (image.shape[1], image.shape[0])
        inside = self.depth(radius, view, shift, roll, size)
        wet = np.nonzero(inside.max(axis=1) > -2.0)[0], np.nonzero(inside.max(axis=0) > -2.0)[0]
        if not len(wet[0]):
            return
        where = slice(wet[0][0], wet[0][-1] + 1), slice(wet[1][0], wet[1][-1] + 1)
        film, picture = inside[where], image[where].astype(np.float32)
        cover = np.clip(film / np.float32(5.0) + np.float32(0.5), 0.0, 1.0)
        thick = np.clip(film / np.float32(_FILM_MM * UNITS_PER_MM), 0.0, 1.0)
        light = picture.mean(axis=2) / np.float32(105.0) + np.float32(0.32)  # what is beneath shines through
        np.minimum(light, 1.35, out=light)
        thin, deep = np.array(_THIN, np.float32), np.array(_DEEP, np.float32)
        colour = (thin + (deep - thin) * thick[..., None]) * light[..., None]
        sheen = self._seen(self._sheen, view, shift, roll, size)[where]
        rim = np.exp(-((film - np.float32(10.0)) ** 2) / np.float32(40.0))
        gloss = np.clip(sheen - np.float32(2.0), 0.0, 0.6) * np.float32(130.0)
        gloss += rim * np.clip(sheen - np.float32(0.7), 0.0, 0.8) * np.float32(110.0)
        colour *= self._shade(film, view.scale)[..., None]
        colour += (gloss * light)[..., None]
        opaque = (cover * (np.float32(0.72) + np.float32(0.25) * thick))[..., None]
        picture += (colour - picture) * opaque
        image[where] = np.clip(picture, 0, 255).astype(np.uint8)

    def _shade(self, film: Field, scale: float) -> Field:
        """Light the round rim of the film from above: brighter at its upper edges, darker at its lower ones."""
        bulge = np.clip(film / np.float32(_BULGE_MM * UNITS_PER_MM), 0.0, 1.0)
        bulge = np.sqrt(bulge * (np.float32(2.0) - bulge))
        soft = cv2.GaussianBlur(bulge, (0, 0), 4.0 * scale + 0.3)
        slope = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3) * np.float32(1.0 / (8.0 * scale))
        shade: Field = np.clip(np.float32(1.0) + np.float32(6.0) * slope, 0.65, 1.3)
        return shade
