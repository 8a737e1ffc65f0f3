"""Marks that people drew, over the picture, each with the name of who drew it.

A mark fades with its age. One that was drawn on a still lies dashed: what it points at may have moved since.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from surgical_guidance.advice.fonts import Fonts
from surgical_guidance.annotations import Kind, Standing

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

STILL_S = 1.0  # a frame that was older when the mark came was a still
_CASING: Colour = (12, 8, 4)
_SHIFT = 3  # fractional bits of OpenCV's coordinates
_DASH, _GAP = 14.0, 14.0  # px at 960 columns; round ends take a third of a gap


def draw_marks(image: Picture, standing: Iterable[Standing], fonts: Fonts) -> None:
    """Draw marks into a picture, in place.

    :param image: ``uint8 (h, w, 3)`` bgr8.
    """
    for one in standing:
        layer = image if one.strength >= 1 else image.copy()
        _draw(layer, one, fonts, image.shape[1] / 960)
        if layer is not image:
            cv2.addWeighted(layer, one.strength, image, 1 - one.strength, 0, dst=image)


def _draw(image: Picture, one: Standing, fonts: Fonts, unit: float) -> None:
    mark = one.mark
    height, width = image.shape[:2]
    points = np.asarray(mark.points, np.float64).reshape(-1, 2) * (width, height) - 0.5
    colour = (mark.color & 255, mark.color >> 8 & 255, mark.color >> 16 & 255)
    still = one.behind_s > STILL_S
    if mark.kind is Kind.FREEHAND:
        _line(image, points if len(points) > 1 else np.repeat(points, 2, axis=0), colour, unit, dashed=still)
    elif mark.kind is Kind.ARROW:
        _line(image, points, colour, unit, dashed=still)
        angle = np.arctan2(*(points[1] - points[0])[::-1])
        sides = [points[1] + 18 * unit * np.array([np.cos(angle + t), np.sin(angle + t)]) for t in (2.6, -2.6)]
        _line(image, np.array([sides[0], points[1], sides[1]]), colour, unit)
    elif mark.kind in (Kind.CIRCLE, Kind.POINTER):
        radius = float(np.hypot(*(points[1] - points[0]))) if mark.kind is Kind.CIRCLE else 9 * unit
        turn = np.linspace(0.0, 2 * np.pi, 65)
        ring = points[0] + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        _line(image, ring, colour, unit, dashed=still)
    label = f'{mark.text} · {mark.author}' if mark.kind is Kind.TEXT else mark.author
    _label(image, label, points, colour, fonts, unit * (1.5 if mark.kind is Kind.TEXT else 1.0))


def _line(image: Picture, points: NDArray[np.float64], colour: Colour, unit: float, *, dashed: bool = False) -> None:
    pieces = _dashes(points, unit) if dashed else [points]
    thin = max(2, round(3.2 * unit))
    fixed = [np.rint(piece * (1 << _SHIFT)).astype(np.int32) for piece in pieces]
    for paint, thickness in ((_CASING, thin + 2), (colour, thin)):
        cv2.polylines(image, fixed, False, paint, thickness, cv2.LINE_AA, _SHIFT)


def _dashes(points: NDArray[np.float64], unit: float) -> list[NDArray[np.float64]]:
    reached = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    total = float(reached[-1])
    starts = np.arange(0.0, max(total, 1e-6), (_DASH + _GAP) * unit)
    places = [np.linspace(start, min(start + _DASH * unit, total), 5) for start in starts]
    return [np.stack([np.interp(at, reached, points[:, axis]) for axis in (0, 1)], axis=1) for at in places]


def _label(image: Picture, text: str, points: NDArray[np.float64], colour: Colour, fonts: Fonts, unit: float) -> None:
    """Write a name on a dark ground, beside the mark and inside the picture."""
    if not fonts.chinese:
        text = text.encode('ascii', 'replace').decode()
    font, pad = fonts.at(max(11, round(13 * unit))), max(2, round(3 * unit))
    left, top, right, bottom = font.getbbox(text)
    page = Image.new('RGB', (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad), (10, 10, 10))
    ImageDraw.Draw(page).text((pad - left, pad - top), text, fill=colour[::-1], font=font)
    drawn = np.asarray(page)[:, :, ::-1]
    height, width = min(drawn.shape[0], image.shape[0]), min(drawn.shape[1], image.shape[1])
    x, y = points[np.argmax(points[:, 1] * 0.5 + points[:, 0])]
    x0 = int(np.clip(x + 8 * unit, 0, image.shape[1] - width))
    y0 = int(np.clip(y - height / 2, 0, image.shape[0] - height))
    image[y0 : y0 + height, x0 : x0 + width] = drawn[:height, :width]
