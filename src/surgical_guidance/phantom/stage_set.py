"""What lies on the tissue or comes from the instruments: clips, the bag, shadows, sparks; and the room outside."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.phantom import instruments
from surgical_guidance.phantom.geometry import View
from surgical_guidance.phantom.instruments import Pose
from surgical_guidance.phantom.layout import HEIGHT, WIDTH
from surgical_guidance.phantom.moment import Bag, Clip, Place

Picture = NDArray[np.uint8]

_SHADOW = 5  # the shadow is drawn this many times smaller
_SHADOW_SHIFT = (10.0, 26.0)  # the light stands a little above the lens [scene units]


def seen(x: float, y: float, shift: Place, roll: float, view: View) -> Place:
    """Give where a place of the tissue is in the picture [px]."""
    c, s = math.cos(roll), math.sin(roll)
    dx, dy = x + shift[0] - WIDTH / 2, y + shift[1] - HEIGHT / 2
    return view.px(c * dx - s * dy + WIDTH / 2, s * dx + c * dy + HEIGHT / 2)


def draw_clips(image: Picture, clips: Sequence[Clip], shift: Place, roll: float, view: View) -> None:
    """Draw titanium clips, 6 mm long."""
    for clip in clips:
        x, y = seen(clip.x, clip.y, shift, roll, view)
        c, s = math.cos(clip.angle + roll), math.sin(clip.angle + roll)
        for width, grey, across in ((15, 52, 0.0), (11, 150, -1.0), (4, 238, -2.5)):
            ends = np.array([[x - 44 * view.scale * c, y - 44 * view.scale * s],
                             [x + 44 * view.scale * c, y + 44 * view.scale * s]])  # fmt: skip
            ends += np.array([-s, c]) * across * view.scale
            line = np.round(ends * 16).astype(np.int32)
            cv2.polylines(
                image, [line], False, (grey + 4, grey, grey - 4), max(1, round(width * view.scale)), cv2.LINE_AA, 4
            )


def bag_outline(bag: Bag, shift: Place, roll: float, view: View) -> NDArray[np.int32]:
    """Give the bag's outline in pixels with four fractional bits: a round pouch, crumpled, gathered at its mouth."""
    turn = np.linspace(0.0, 2 * np.pi, 60, endpoint=False)
    reach = bag.radius * (1.0 + 0.07 * np.sin(5 * turn + 1.0) + 0.04 * np.sin(11 * turn))
    reach *= 1.0 - 0.25 * np.exp(-(((turn - 4.7) / 0.5) ** 2))
    points = [
        seen(bag.x + 1.25 * r * math.cos(t), bag.y + 0.85 * r * math.sin(t), shift, roll, view)
        for r, t in zip(reach, turn, strict=True)
    ]
    return np.round(np.array(points) * 16).astype(np.int32)


def draw_bag(image: Picture, bag: Bag, shift: Place, roll: float, view: View) -> None:
    """Draw the specimen bag: white film with folds; what is beneath shines through."""
    outline = bag_outline(bag, shift, roll, view)
    film = image.copy()
    cv2.fillPoly(film, [outline], (214, 216, 212), cv2.LINE_AA, 4)
    middle = outline.mean(axis=0)
    for number, point in enumerate(outline[::4]):
        start = middle + (point - middle) * (0.25 + 0.1 * (number % 3))
        line = np.round(np.array([start, middle + (point - middle) * 0.93])).astype(np.int32)
        grey = (150, 154, 152) if number % 2 else (248, 250, 250)
        cv2.polylines(film, [line], False, grey, max(1, round((5 + number % 4) * view.scale)), cv2.LINE_AA, 4)
    cv2.polylines(film, [outline], True, (120, 150, 60), max(1, round(9 * view.scale)), cv2.LINE_AA, 4)
    cv2.addWeighted(film, 0.82, image, 0.18, 0.0, dst=image)


def draw_shadows(image: Picture, poses: Sequence[Pose], view: View) -> None:
    """Darken the tissue beneath the instruments."""
    if not poses:
        return
    height, width = image.shape[:2]
    small = View(view.scale / _SHADOW, view.offset_x / _SHADOW + _SHADOW_SHIFT[0] * view.scale / _SHADOW,
                 view.offset_y / _SHADOW + _SHADOW_SHIFT[1] * view.scale / _SHADOW)  # fmt: skip
    shade = np.full((height // _SHADOW + 1, width // _SHADOW + 1), 255, np.uint8)
    for pose in poses:
        instruments.mark(shade, small, pose, 130)
    shade = cv2.GaussianBlur(shade, (0, 0), 16.0 * small.scale + 0.4)
    shade = cv2.resize(shade, (width, height))
    cv2.multiply(image, cv2.merge([shade, shade, shade]), dst=image, scale=1 / 255)


def draw_spark(image: Picture, pose: Pose, view: View, time_s: float) -> None:
    """Let the tip of an energised hook glow and flicker, over tissue that it has browned."""
    x, y = view.px(pose.tip_x, pose.tip_y)
    reach = round(64 * view.scale * pose.scale)
    left, top = max(0, round(x) - reach), max(0, round(y) - reach)
    spot = image[top : max(0, round(y) + reach + 1), left : max(0, round(x) + reach + 1)]
    if reach < 2 or not spot.size:
        return
    dx = np.arange(left, left + spot.shape[1], dtype=np.float32) - np.float32(x)
    dy = np.arange(top, top + spot.shape[0], dtype=np.float32) - np.float32(y)
    far = np.sqrt(dx[None, :] ** 2 + dy[:, None] ** 2) / np.float32(max(reach, 1))
    flicker = 0.6 + 0.4 * math.sin(71.0 * time_s) * math.sin(43.0 * time_s)
    glow = np.exp(-((far / np.float32(0.16)) ** 2)) * np.float32(flicker) + np.exp(-((far / 0.45) ** 2)) * 0.25
    char = np.float32(1.0) - np.float32(0.45) * np.exp(-((far / np.float32(0.5)) ** 2))
    lit = spot * char[..., None] + glow[..., None] * np.array((255.0, 225.0, 190.0), np.float32)
    spot[:] = np.clip(lit, 0, 255).astype(np.uint8)


def draw_room(image: Picture, time_s: float, rng: np.random.Generator) -> None:
    """Draw what an endoscope out of the body sees: drapes, lamps and hands, all out of focus."""
    height, width = image.shape[:2]
    room = np.zeros((54, 96, 3), np.uint8)
    room[:] = (118, 128, 74)
    sway = 6.0 * math.sin(0.9 * time_s)
    for _ in range(9):
        at = (round(float(rng.uniform(0, 96)) + sway), round(float(rng.uniform(0, 54))))
        axes = (int(rng.integers(6, 30)), int(rng.integers(4, 18)))
        colour = ((170, 176, 120), (92, 104, 52), (222, 226, 228), (158, 176, 212))[int(rng.integers(4))]
        cv2.ellipse(room, at, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    for _ in range(2):
        at = (round(float(rng.uniform(10, 86)) + sway), round(float(rng.uniform(4, 30))))
        cv2.circle(room, at, int(rng.integers(4, 9)), (255, 255, 255), -1)
    soft = cv2.GaussianBlur(room, (0, 0), 3.0)
    cv2.resize(soft, (width, height), image, interpolation=cv2.INTER_CUBIC)
