"""How good the picture is: field of view, sharpness, brightness, colours.

Measured on small copies of the picture: nothing of the frame's size is allocated or copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled import edges
from surgical_guidance.scene.regions import plain
from surgical_guidance.scene.small import Small, sampled
from surgical_guidance.scene.state import NAN

SHARPNESS_ROWS = 480
"""Sharpness is measured on the picture scaled to this many rows, so that one threshold fits every camera."""

CENTRE_SHARE = 0.36
"""Sharpness is measured in the middle of the field of view, at most this share of its width and height [I]."""

_FIELD_EVERY = 4  # times that light is measured, of which the field of view is found anew once
_FEW = 3  # every third pixel of the small picture tells its colours
_WHITE = 225  # grey value of a pixel that is nearly white
_RED = 1.12  # times the green
_LIT = 20  # grey value; outside the field of view recorders give 0 to about 15 with coding noise
_SMALLEST_FIELD = 0.1  # of the picture; less is a dark picture, not a field of view
_WHOLE_FIELD = 0.97  # of the picture; more is a picture without a mask
_SHRINK = (1.0, 0.9, 0.8, 0.7)  # steps in which the measuring rectangle is fitted into a round field of view


Part = tuple[float, float, float, float]  # left, top, right and bottom, as shares of the picture


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours inside the field of view.

    :param darkest: the darkest channel of a pixel, 20th percentile, 0 to 255: haze lifts it.
    :param white: share of pixels that are nearly white in all channels.
    :param colourfulness: mean of greatest less least channel over mean of the greatest; 0: grey.
    :param redness: share of pixels that are clearly more red than green.
    """

    darkest: float
    white: float
    colourfulness: float
    redness: float


@dataclass(frozen=True, slots=True)
class View:
    """What is measured of one picture.

    :param sharpness: variance of the Laplacian at 480 rows in the middle of the field of view; NaN if too small.
    :param brightness: mean grey value inside the field of view, 0 to 1.
    :param field: convex outline of the field of view, ``float32 (n, 2)``, shares of width and height; None: all of it.
    :param colours: None where they were not asked for, or there are none.
    """

    sharpness: float = NAN
    brightness: float = NAN
    field: NDArray[np.float32] | None = None
    colours: Colours | None = None


class _Edges(NamedTuple):
    """Values of the Laplacian: how many, their sum, and that of their squares."""

    number: int = 0
    total: int = 0
    squares: int = 0


class ViewMeter:
    """Measures pictures, one after another. It begins anew where they change their shape."""

    def __init__(self) -> None:
        self.reset()

    def reset(self, shape: tuple[int, ...] = ()) -> None:
        """Measure the next picture whole, whatever is asked for; the next pictures are of this shape."""
        self._shape = shape
        self._field: NDArray[np.float32] | None = None
        self._mask: NDArray[np.uint8] | None = None  # of the small picture
        self._middle = _measuring_rectangle(None)
        self._view = View()
        self._since_field = 0
        self._edges = [_Edges(), _Edges()]
        self._lower = False

    def measure(
        self,
        image: NDArray[np.uint8],
        small: Small | None = None,
        *,
        colours: bool = False,
        sharpness: bool = True,
        light: bool = True,
    ) -> View:
        """Measure a picture. What is not asked for is as it was measured last.

        :param image: ``uint8 (height, width, 3)`` bgr8 or ``uint8 (height, width)`` mono8.
        :param small: of this picture or of one just before it, for the light; None: it is made here.
        :param colours: with the light measure these too, where there are any.
        :param sharpness: measure how sharp it is; without the light one half of it now, the other the next time.
        :param light: measure its brightness, and now and then find the field of view.
        """
        if image.shape != self._shape:
            self.reset(image.shape)
            sharpness = light = True
        view = self._view
        if not (sharpness or light) and (colours or view.colours is None):
            return view
        brightness, seen = view.brightness, view.colours if colours else None
        if light:
            small = small or sampled(image)
            if self._since_field % _FIELD_EVERY == 0:
                self._find_field(small)
            self._since_field += 1
            brightness = float(cv2.mean(small.grey, mask=self._mask)[0]) / 255.0
            if colours and small.pixels.ndim == 3:
                seen = _colours(small.pixels, self._mask)
        if sharpness:
            self._find_edges(image, whole=light)
        self._view = View(_variance(self._edges), brightness, self._field, seen)
        return self._view

    def _find_edges(self, image: NDArray[np.uint8], *, whole: bool) -> None:
        """Measure the edges in the upper or the lower half of the middle, in turns, or in both."""
        left, top, right, bottom = self._middle
        halfway = (top + bottom) / 2
        if whole or not self._lower:
            self._edges[0] = _found_edges(image, (left, top, right, halfway))
        if whole or self._lower:
            self._edges[1] = _found_edges(image, (left, halfway, right, bottom))
        self._lower = not self._lower

    def _find_field(self, small: Small) -> None:
        """Find the field of view. Its edge moves slowly, if at all."""
        hull, field = _lit_hull(small.grey), None
        if hull is not None:
            height, width = self._shape[:2]
            field = ((hull + 0.5) * small.step / (width, height)).astype(np.float32)
        if field is None or self._field is None or not np.array_equal(field, self._field):
            self._field = field  # the same array as long as it is the same field
            self._middle = _measuring_rectangle(field)
            self._mask = None
            if hull is not None:
                self._mask = np.zeros_like(small.grey)
                cv2.fillConvexPoly(self._mask, hull, (255,))


def _lit_hull(grey: NDArray[np.uint8]) -> NDArray[np.int32] | None:
    """Take the hull of the largest lit part: a field of view is convex, a black shaft inside it is not a dent.

    :returns: ``(n, 2)``, x and y; None where it is the whole picture, or too little to be a field of view.
    """
    _, lit = cv2.threshold(grey, _LIT, 255, cv2.THRESH_BINARY)
    parts, _ = cv2.findContours(lit, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not parts:
        return None
    hull = cv2.convexHull(max(parts, key=cv2.contourArea))
    rows, columns = grey.shape
    share = cv2.contourArea(hull) / ((rows - 1) * (columns - 1) or 1)
    return np.asarray(hull, np.int32).reshape(-1, 2) if _SMALLEST_FIELD <= share <= _WHOLE_FIELD else None


def _colours(pixels: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> Colours | None:
    few = pixels[::_FEW, ::_FEW]
    few = few.reshape(-1, 3) if mask is None else few[mask[::_FEW, ::_FEW] != 0]
    if not len(few):
        return None
    blue, green, red = (few[:, channel].astype(np.int16) for channel in range(3))
    darkest, brightest = np.minimum(np.minimum(blue, green), red), np.maximum(np.maximum(blue, green), red)
    return Colours(
        darkest=float(np.partition(darkest, len(darkest) // 5)[len(darkest) // 5]),
        white=float(np.count_nonzero(darkest > _WHITE)) / len(darkest),
        colourfulness=1.0 - float(darkest.sum()) / max(float(brightest.sum()), 1.0),
        redness=float(np.count_nonzero(red > _RED * green)) / len(darkest),
    )


def _found_edges(image: NDArray[np.uint8], part: Part) -> _Edges:
    left, top, right, bottom = part
    height, width = image.shape[:2]
    crop = image[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
    scale = min(1.0, SHARPNESS_ROWS / height)
    size = (round(crop.shape[1] * scale), round(crop.shape[0] * scale))
    if min(size) < 3:
        return _Edges()
    if scale < 1.0:
        # linear takes 2 of the 2.25 rows that 1080p has for one here: next to no aliasing, a tenth of the cost of area
        crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY) if crop.ndim == 3 else crop
    return _Edges(*edges.laplacian(plain(np.asarray(grey, np.uint8))))


def _variance(parts: Iterable[_Edges]) -> float:
    number, total, squares = (sum(values) for values in zip(*parts, strict=True))
    return (squares - total**2 / number) / number if number else NAN


def _measuring_rectangle(field: NDArray[np.float32] | None) -> Part:
    """Give a rectangle in the field of view.

    It is clear of the field's border, which is sharp even when all else is blurred.
    """
    if field is None:
        return (0.5 - CENTRE_SHARE / 2, 0.5 - CENTRE_SHARE / 2, 0.5 + CENTRE_SHARE / 2, 0.5 + CENTRE_SHARE / 2)
    low, high = field.min(axis=0), field.max(axis=0)
    centre, half = (low + high) / 2, (high - low) / 2 * CENTRE_SHARE
    for shrink in _SHRINK:
        x, y = half * shrink
        corners = ((centre[0] + i * x, centre[1] + j * y) for i in (-1, 1) for j in (-1, 1))
        if all(cv2.pointPolygonTest(field, (float(u), float(v)), False) > 0 for u, v in corners):
            break
    return (float(centre[0] - x), float(centre[1] - y), float(centre[0] + x), float(centre[1] + y))
