"""Paints tissue once: organs as rounded, wet, textured bodies under the light of the endoscope.

Every organ is inflated from its outline to a relief; the slope of that relief, lit from where the camera is, gives
shading and highlights (Lambert and Blinn-Phong). What moves later is drawn over this picture frame by frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom.layout import HEIGHT, MARGIN, UNITS_PER_MM, WIDTH, Organ, curve
from surgical_guidance.phantom.looks import LOOKS

Field = NDArray[np.float32]
Mask = NDArray[np.uint8]

_RELIEF = 0.5  # of the painted relief that the depth map has: shading exaggerates
_SHADE_REACH = 60.0  # how far an organ darkens what lies beneath it [scene units]


@dataclass(frozen=True, slots=True)
class Canvas:
    """Painted tissue, :data:`MARGIN` larger than the view on each side.

    :param image: ``uint8 (h, w, 3)``, bgr8.
    :param labels: ``uint8 (h, w)``, indices into :data:`CLASSES`.
    :param height: ``float32 (h, w)``, over the plane at the working distance [mm].
    :param scale: pixels per scene unit.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    height: Field
    scale: float


class _Patch:
    """The part of the canvas that one organ can touch, with noise and vessels made for it.

    :param box: left, top, right, bottom [scene units from the canvas's corner].
    """

    def __init__(self, box: tuple[float, float, float, float], scale: float, rng: np.random.Generator) -> None:
        width, height = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
        self.left, self.top = min(max(0, int(box[0])), width - 16), min(max(0, int(box[1])), height - 16)
        self.right = min(max(self.left + 16, int(box[2]) + 1), width)
        self.bottom = min(max(self.top + 16, int(box[3]) + 1), height)
        self.scale = scale
        self.rng = rng
        rows = slice(round(self.top * scale), round(self.bottom * scale))
        columns = slice(round(self.left * scale), round(self.right * scale))
        self.where = (rows, columns)
        self.h, self.w = rows.stop - rows.start, columns.stop - columns.start

    def noise(self, cell: float, octaves: int = 1) -> Field:
        """Smooth noise, about -1 to 1, with bumps of ``cell`` scene units."""
        total = np.zeros((self.h, self.w), np.float32)
        weight, norm = 1.0, 0.0
        for _ in range(octaves):
            grid = (int((self.bottom - self.top) / cell) + 4, int((self.right - self.left) / cell) + 4)
            coarse = self.rng.standard_normal(grid, np.float32)
            total += np.float32(weight) * cv2.resize(coarse, (self.w, self.h), interpolation=cv2.INTER_CUBIC)
            norm += weight
            weight, cell = weight * 0.5, cell * 0.5
        return total / np.float32(norm)

    def pixels(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        """Scene units to pixels of this patch with four fractional bits, as OpenCV draws them."""
        rows, columns = self.where
        return np.round(((points + MARGIN) * self.scale - (columns.start, rows.start)) * 16.0).astype(np.int32)

    def mask(self, organ: Organ) -> Mask:
        """Where an organ is, 0 to 255."""
        mask = np.zeros((self.h, self.w), np.uint8)
        if organ.tube:
            line = self.pixels(curve(organ.outline, closed=False))
            cv2.polylines(mask, [line], False, 255, max(1, round(2 * organ.tube * self.scale)), cv2.LINE_AA, 4)
        else:
            cv2.fillPoly(mask, [self.pixels(curve(organ.outline, closed=True))], 255, cv2.LINE_AA, 4)
        return mask

    def smooth(self, field: Field, reach: float) -> Field:
        """Blur over ``reach`` scene units, and more than this alone: it works on every third pixel."""
        small = cv2.resize(field, (max(1, self.w // 3), max(1, self.h // 3)), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), reach * self.scale / 3 + 0.3)
        return np.asarray(cv2.resize(small, (self.w, self.h), interpolation=cv2.INTER_LINEAR), np.float32)

    def lobules(self, size: float) -> Field:
        """Domes around scattered points: the lobules of fat. About 0 to 1."""
        count = max(1, int((self.right - self.left) * (self.bottom - self.top) / size**2))
        seeds = np.full((self.h, self.w), 255, np.uint8)
        seeds[(self.rng.random(count) * self.h).astype(int), (self.rng.random(count) * self.w).astype(int)] = 0
        distance = cv2.distanceTransform(seeds, cv2.DIST_L2, 5) / np.float32(size * self.scale)
        domes = np.sqrt(np.maximum(0.0, 0.8 - distance**2))
        return cv2.GaussianBlur(domes, (0, 0), 5 * self.scale + 0.3)

    def vessels(self, mask: Mask, count: int) -> Field:
        """Small branching vessels inside a mask, 0 to 1."""
        drawn = np.zeros((self.h, self.w), np.uint8)
        for _ in range(count):
            at = (self.rng.random() * self.w / self.scale, self.rng.random() * self.h / self.scale)
            stems = [(at, self.rng.uniform(0, 2 * np.pi), self.rng.uniform(2.0, 5.0))]
            while stems:
                at, angle, width = stems.pop()
                path = [at]
                for _ in range(int(self.rng.integers(6, 18))):
                    angle += self.rng.normal(0.0, 0.4)
                    at = (at[0] + 14 * np.cos(angle), at[1] + 14 * np.sin(angle))
                    path.append(at)
                    if width > 1.3 and self.rng.random() < 0.2:
                        stems.append((at, angle + self.rng.choice((-0.8, 0.8)), width * 0.6))
                line = np.round(np.array(path) * self.scale * 16).astype(np.int32)
                shade = int(80 + 28 * min(width, 5.0))
                cv2.polylines(drawn, [line], False, shade, max(1, round(width * self.scale)), cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(drawn, (0, 0), 1.6 * self.scale + 0.3).astype(np.float32)
        return soft * (mask.astype(np.float32) / np.float32(255 * 255))


class _Painter:
    def __init__(self, scale: float, rng: np.random.Generator) -> None:
        self.scale = scale
        self.rng = rng
        self.whole = _Patch((0, 0, WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN), scale, rng)
        shape = (self.whole.h, self.whole.w)
        self.albedo = np.zeros((*shape, 3), np.float32)
        self.slope_x, self.slope_y, self.wetness = (np.zeros(shape, np.float32) for _ in range(3))
        self.labels = np.zeros(shape, np.uint8)
        self.height = np.zeros(shape, np.float32)

    def add(self, organ: Organ) -> None:
        look = LOOKS[organ.class_name]
        reach = _SHADE_REACH + organ.tube
        low, high = organ.outline.min(axis=0) + MARGIN - reach, organ.outline.max(axis=0) + MARGIN + reach
        patch = _Patch((low[0], low[1], high[0], high[1]), self.scale, self.rng)
        mask = patch.mask(organ)
        if not mask.any():
            return
        cover = cv2.GaussianBlur(mask, (0, 0), look.edge * self.scale + 0.1).astype(np.float32) / np.float32(255)
        rim = cv2.distanceTransform((mask >= 128).view(np.uint8), cv2.DIST_L2, 5)
        rise = np.minimum(rim / np.float32(organ.roundness * self.scale), 1.0)
        dome = np.sin(rise * np.float32(np.pi / 2)) * np.float32(organ.roundness * 0.7)
        relief = patch.smooth(dome, organ.roundness * 0.16)  # without the crease along an organ's middle
        relief += look.bumps[0] * patch.noise(look.bumps[1], 2) + look.grain[0] * patch.noise(look.grain[1], 2)
        mottle = patch.noise(150, 3)[..., None] * np.array(look.mottle[::-1], np.float32)
        colour = (np.array(look.colour[::-1], np.float32) + mottle) * (1 + 0.05 * patch.noise(12, 2)[..., None])
        if look.lobules:
            lobes = patch.lobules(look.lobules)
            relief += lobes * np.float32(look.lobules * 0.45)
            colour *= (0.62 + 0.48 * np.minimum(lobes, 0.8))[..., None]
        if look.vessels:
            blood = np.float32(0.7) * patch.vessels(mask, look.vessels)[..., None]
            colour += (np.array((0.20, 0.13, 0.55), np.float32) - colour) * blood
        self._lay(patch, organ, mask, cover, colour, relief)

    def _lay(self, patch: _Patch, organ: Organ, mask: Mask, cover: Field, colour: Field, relief: Field) -> None:
        """Put an organ over what is there; what lies beneath it gets less light close to it."""
        where = patch.where
        albedo = self.albedo[where]
        albedo *= (1.0 - np.float32(0.62 / 255) * patch.smooth(mask.astype(np.float32), 16.0))[..., None]
        albedo += (colour - albedo) * cover[..., None]
        relief = np.asarray(cv2.GaussianBlur(relief, (0, 0), 1.2 * self.scale + 0.3), np.float32)
        rise = np.float32(self.scale / 8.0)  # Sobel gives eight times the rise per pixel; relief is in scene units
        for axis, slope in enumerate((self.slope_x, self.slope_y)):
            own = cv2.Sobel(relief, cv2.CV_32F, 1 - axis, axis, ksize=3) * -rise
            slope[where] += (np.clip(own, -1.6, 1.6) - slope[where]) * cover
        look = LOOKS[organ.class_name]
        height = np.float32(look.height) + relief * np.float32(_RELIEF / UNITS_PER_MM)
        self.height[where] += (height - self.height[where]) * cover
        self.wetness[where] += (look.wetness - self.wetness[where]) * cover
        self.labels[where][mask >= 128] = CLASSES.index(look.label or organ.class_name)

    def light(self) -> NDArray[np.uint8]:
        """Light it from the camera, 1150 units above the middle of the view."""
        nx, ny = self.slope_x, self.slope_y
        across, down = (WIDTH / 2 + MARGIN) / 1150, (HEIGHT / 2 + MARGIN) / 1150
        lx = np.linspace(across, -across, self.whole.w, dtype=np.float32)[None, :]
        ly = np.linspace(down, -down, self.whole.h, dtype=np.float32)[:, None]
        reach = 1.0 + lx**2 + ly**2
        facing = (nx * lx + ny * ly + 1.0) / np.sqrt(reach * (nx**2 + ny**2 + 1.0))
        np.maximum(facing, 0.0, out=facing)
        light = (0.10 + 1.02 * facing**1.3) / reach**1.2
        sparkle = np.clip(0.10 + 0.9 * self.whole.noise(110, 2), 0.0, 1.0)
        gloss = (facing**140 * 1.3 * sparkle + facing**16 * 0.06) * self.wetness
        picture = self.albedo * light[..., None] * 1.15 + gloss[..., None] * np.array((1.0, 0.94, 0.93), np.float32)
        picture += np.float32(0.006) * self.rng.standard_normal(nx.shape, np.float32)[..., None]
        picture = 1.0 - np.exp(-1.75 * np.maximum(picture, 0.0))  # the camera's knee: bright parts saturate softly
        return np.clip(picture**1.15 * 285.0, 0, 255).astype(np.uint8)


def paint(organs: Sequence[Organ], scale: float, rng: np.random.Generator) -> Canvas:
    """Paint organs, the last one nearest to the viewer.

    :param scale: pixels per scene unit.
    """
    painter = _Painter(scale, rng)
    for organ in organs:
        painter.add(organ)
    return Canvas(painter.light(), painter.labels, painter.height, scale)
