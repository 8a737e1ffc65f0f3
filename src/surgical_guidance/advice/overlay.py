"""What the surgeon may see over the picture: outlines beneath the instruments, a way, a direction, one line of text.

Drawn once for all who look. Red, yellow and cyan belong to priorities (after the conventions of IEC 60601-1-8: high red
``***``, medium yellow ``**``, low cyan ``*``), and yellow to the way, whose text says so; anatomy has other hues. What
is not current is grey and says since when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from surgical_guidance.advice.feature import FAR
from surgical_guidance.advice.fonts import Fonts
from surgical_guidance.advice.suggestion import Priority, Status, Suggestion
from surgical_guidance.advice.texts import Language
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.scene.state import SceneState

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

_COLOURS: dict[str, Colour] = {
    'gastrointestinal_tract': (242, 123, 255),
    'gallbladder': (138, 224, 82),
    'cystic_duct': (74, 240, 184),
    'cystic_artery': (255, 155, 111),
    'hepatic_vein': (255, 123, 111),
    'liver': (122, 160, 201),
    'liver_ligament': (217, 163, 179),
    'blood': (196, 158, 255),
}  # bgr, the same as in the console
_OTHER: Colour = (191, 180, 169)
_INSTRUMENT: Colour = (255, 168, 198)
_WAY: Colour = (31, 210, 255)
_WHITE: Colour = (255, 255, 255)
_CASING: Colour = (12, 8, 4)
_GREY: Colour = (150, 150, 150)
_MARKS: dict[Priority, tuple[str, Colour]] = {
    Priority.HIGH: ('***', (60, 60, 255)),
    Priority.MEDIUM: ('**', (0, 220, 255)),
    Priority.LOW: ('*', (255, 230, 60)),
    Priority.NONE: ('', _GREY),
}
_INTERRUPTED = {'zh': '信号中断 {:.1f} 秒：', 'en': 'interrupted for {:.1f} s:'}
_DASH, _GAP = 14.0, 10.0  # of the way [px at 960 columns]
_SHIFT = 3  # fractional bits of OpenCV's coordinates


OUTLINES = ('all', 'highlighted', 'none')


@dataclass(frozen=True, slots=True)
class Style:
    """How it is drawn.

    :param language: of the text; Chinese needs a font that has it, else the English text is shown.
    :param outlines: one of :data:`OUTLINES`: of all structures, of the one that the advice is about, or of none.
    """

    fonts: Fonts
    language: Language = 'zh'
    outlines: str = 'all'


def draw(image: Picture, scene: SceneState | None, suggestion: Suggestion, style: Style, now_ns: int) -> None:
    """Draw into a picture, in place.

    :param image: ``uint8 (h, w, 3)`` bgr8.
    :param scene: of this very picture; None or not valid: only the text is drawn.
    :param now_ns: capture of the picture [ns].
    """
    unit = image.shape[1] / 960
    if scene is not None and scene.valid and scene.width and scene.height:
        scale = image.shape[1] / scene.width
        _draw_structures(image, scene, suggestion, style, scale, unit)
        for tool in scene.instruments:
            if tool.tip_visible and abs(tool.tip_x) < FAR and abs(tool.tip_y) < FAR:
                _draw_tip(image, ((tool.tip_x + 0.5) * scale - 0.5, (tool.tip_y + 0.5) * scale - 0.5), unit)
        if suggestion.status is Status.VALID:
            _draw_way(image, _points(suggestion.highlight_path, scale), unit)
            _draw_arrow(image, _points(suggestion.highlight_arrow, scale), unit)
    _draw_text(image, suggestion, style, now_ns, unit)


def _draw_structures(
    image: Picture, scene: SceneState, suggestion: Suggestion, style: Style, scale: float, unit: float
) -> None:
    """Outline structures and instruments; where an instrument is, the picture is as it was."""
    before = image.copy()
    shown = suggestion.highlight_class if suggestion.status is Status.VALID else ''
    for structure in scene.structures:
        strong = structure.class_name == shown
        if style.outlines == 'none' or (style.outlines == 'highlighted' and not strong):
            continue
        outline = _fixed(_outline(structure.contour, scale))
        if len(outline) < 2:
            continue
        colour = _COLOURS.get(structure.class_name, _OTHER)
        _line(image, outline, colour, (3.4 if strong else 1.5) * unit, closed=True)
    covered = np.zeros(image.shape[:2], np.uint8)
    outlines = [_fixed(_outline(tool.contour, scale)) for tool in scene.instruments]
    for outline in outlines:
        if len(outline) > 2:
            cv2.fillPoly(covered, [outline], (255,), shift=_SHIFT)
    cv2.copyTo(before, covered, image)
    if style.outlines == 'all':
        for outline in outlines:
            if len(outline) > 2:
                _line(image, outline, _INSTRUMENT, 1.2 * unit, closed=True)


def _draw_tip(image: Picture, at: tuple[float, float], unit: float) -> None:
    place = np.array(at)
    turn = np.linspace(0.0, 2 * np.pi, 25)
    ring = place + 7 * unit * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    _line(image, _fixed(ring), _WHITE, 1.5 * unit, closed=True)
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        ends = np.array([[7 * dx, 7 * dy], [12 * dx, 12 * dy]]) * unit + place
        _line(image, _fixed(ends), _WHITE, 1.5 * unit, closed=False)


def _draw_way(image: Picture, points: NDArray[np.float64], unit: float) -> None:
    """Draw a dashed way with a head at its end."""
    if len(points) < 2:
        return
    steps = np.hypot(*np.diff(points, axis=0).T)
    reached = np.concatenate([[0.0], np.cumsum(steps)])
    total = float(reached[-1])
    for start in np.arange(0.0, total, (_DASH + _GAP) * unit):
        at = np.linspace(start, min(start + _DASH * unit, total), 4)
        dash = np.stack([np.interp(at, reached, points[:, axis]) for axis in (0, 1)], axis=1)
        _line(image, _fixed(dash), _WAY, 3.0 * unit, closed=False)
    _draw_head(image, points[-2], points[-1], _WAY, unit)


def _draw_arrow(image: Picture, points: NDArray[np.float64], unit: float) -> None:
    if len(points) < 2:
        return
    _line(image, _fixed(points[:2]), _WHITE, 3.0 * unit, closed=False)
    _draw_head(image, points[0], points[1], _WHITE, unit)


def _draw_head(
    image: Picture, before: NDArray[np.float64], end: NDArray[np.float64], colour: Colour, unit: float
) -> None:
    angle = np.arctan2(*(end - before)[::-1])
    sides = [end + 15 * unit * np.array([np.cos(angle + turn), np.sin(angle + turn)]) for turn in (2.5, -2.5)]
    _line(image, _fixed(np.array([sides[0], end, sides[1]])), colour, 3.0 * unit, closed=False)


def _line(image: Picture, points: NDArray[np.int32], colour: Colour, width: float, *, closed: bool) -> None:
    """Draw a line with a dark casing, so that it is seen on every tissue."""
    thin = max(1, round(width))
    for paint, thickness in ((_CASING, thin + 2), (colour, thin)):
        cv2.polylines(image, [points], closed, paint, thickness, cv2.LINE_AA, _SHIFT)


def _draw_text(image: Picture, suggestion: Suggestion, style: Style, now_ns: int, unit: float) -> None:
    if suggestion.status not in (Status.VALID, Status.INTERRUPTED) or not suggestion.sequence:
        return
    language: Language = style.language if style.fonts.chinese else 'en'
    text = suggestion.text_zh if language == 'zh' else suggestion.text_en
    mark, colour = _MARKS[suggestion.priority]
    if suggestion.status is Status.INTERRUPTED:
        since = max(0.0, (now_ns - suggestion.interrupted_at_ns) / NS_PER_S)
        mark, colour = _INTERRUPTED[language].format(since), _GREY
    line, size = f'{mark} {text}'.strip(), max(12, round(26 * unit))
    banner = _banner(line, colour, style.fonts, size)
    if banner.shape[1] > image.shape[1]:  # a longer text is smaller: its end may be what matters
        banner = _banner(line, colour, style.fonts, max(1, size * image.shape[1] // banner.shape[1]))
    height, width = min(banner.shape[0], image.shape[0]), min(banner.shape[1], image.shape[1])
    top = max(0, round(0.98 * image.shape[0]) - height)
    left = (image.shape[1] - width) // 2
    image[top : top + height, left : left + width] = banner[:height, :width]


@lru_cache(maxsize=8)
def _banner(text: str, colour: Colour, fonts: Fonts, size: int) -> Picture:
    """Give a line of text on black with a coloured frame, ``uint8 (h, w, 3)``."""
    font, pad = fonts.at(size), size // 2
    left, top, right, bottom = font.getbbox(text)
    width, height = int(right - left) + 2 * pad, int(bottom - top) + 2 * pad
    page = Image.new('RGB', (width, height), (10, 10, 10))
    pen = ImageDraw.Draw(page)
    paint = colour[::-1]
    pen.rectangle((0, 0, width - 1, height - 1), outline=paint, width=max(2, size // 9))
    pen.text((pad - left, pad - top), text, fill=paint, font=font)
    return np.ascontiguousarray(np.asarray(page)[:, :, ::-1])


def _points(flat: Sequence[float], scale: float) -> NDArray[np.float64]:
    points = np.asarray(flat[: len(flat) // 2 * 2], np.float64).reshape(-1, 2)
    return (points + 0.5) * scale - 0.5 if bool((np.abs(points) < FAR).all()) else points[:0]


def _outline(contour: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    points = np.asarray(contour, np.float64)
    return (points + 0.5) * scale - 0.5 if bool((np.abs(points) < FAR).all()) else points[:0]


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(np.clip(points, -FAR, FAR) * (1 << _SHIFT)).astype(np.int32)
