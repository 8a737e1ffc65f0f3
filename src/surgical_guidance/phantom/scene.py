"""The phantom: a moving laparoscopic picture of any size whose truth is known to the pixel.

The tissue is painted once, larger than the view; a frame is a crop of it that follows the breath, with the instruments
drawn over it and the round edge of the endoscope's picture around it. That costs a few milliseconds at 1080p, so that
a small computer has its time for the models. The same seed, size and time give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom import instruments, layout, script, tissue
from surgical_guidance.phantom.geometry import WORKING_MM, View, view_of
from surgical_guidance.phantom.instruments import Pose
from surgical_guidance.phantom.layout import HEIGHT, MARGIN, UNITS_PER_MM, WIDTH
from surgical_guidance.phantom.vendors import PLAIN, Rim

_FINEST = 0.6  # tissue is painted at most this fine and enlarged: an endoscope is no sharper
COARSE = 4  # a picture out of focus is drawn this many times smaller
_FAR_MM = 1e3  # the distance to what is not there


@dataclass(frozen=True, slots=True)
class Truth:
    """What is really in a frame.

    :param labels: ``uint8 (h, w)``, indices into :data:`surgical_guidance.contract.CLASSES`.
    :param tips: most distal point of each instrument, ``class name -> (x, y)`` in pixels of the picture asked for.
    :param tip_visible: whether that point is inside the round picture.
    :param distance_mm: from the hook's tip to each structure in the image plane [mm], also where an instrument covers
        it; 0 = the tip is over it.
    :param px_per_mm: scale of the picture asked for.
    :param events: names of :data:`surgical_guidance.phantom.script.EVENTS` going on.
    """

    labels: NDArray[np.uint8]
    tips: dict[str, tuple[float, float]]
    tip_visible: dict[str, bool]
    distance_mm: dict[str, float]
    px_per_mm: float
    events: tuple[str, ...]

    def distance_px(self, structure: str) -> float:
        """Distance from the hook's tip to a structure [px of the picture asked for]."""
        return self.distance_mm[structure] * self.px_per_mm


class Tissue:
    """Painted organs, ready to be cropped, and the distance to each of them.

    :param organs: from :mod:`surgical_guidance.phantom.layout`.
    :param width: of the pictures [px].
    :param height: [px].
    """

    def __init__(self, organs: Sequence[layout.Organ], width: int, height: int, rng: np.random.Generator) -> None:
        self.scale = max(width / WIDTH, height / HEIGHT)
        canvas = tissue.paint(organs, min(self.scale, _FINEST), rng)
        self._layers = {
            (h, w): _enlarged(canvas.image, max(w / WIDTH, h / HEIGHT))
            for h, w in ((height, width), (height // COARSE, width // COARSE))
        }
        self._labels, self._height = canvas.labels, canvas.height
        self._labels_scale = canvas.scale
        self._distances: dict[str, NDArray[np.float32]] = {}

    def crop(self, image: NDArray[np.uint8], shift: tuple[float, float]) -> tuple[float, float]:
        """Copy the tissue, moved by ``shift`` scene units, into a picture, full size or :data:`COARSE` times smaller.

        :return: the shift it really has: whole pixels, in scene units.
        """
        height, width = image.shape[:2]
        layer, scale = self._layers[height, width], max(width / WIDTH, height / HEIGHT)
        dx, dy = round(shift[0] * scale), round(shift[1] * scale)
        x, y = (layer.shape[1] - width) // 2 - dx, (layer.shape[0] - height) // 2 - dy
        np.copyto(image, layer[y : y + height, x : x + width])
        return dx / scale, dy / scale

    def labels(self, view: View, shift: tuple[float, float], width: int, height: int) -> NDArray[np.uint8]:
        """Give the labels of the tissue, moved by ``shift`` scene units, as a picture of any size shows them."""
        return np.asarray(self._seen(self._labels, view, shift, (width, height), cv2.INTER_NEAREST), np.uint8)

    def depth(self, view: View, shift: tuple[float, float], width: int, height: int) -> NDArray[np.float32]:
        """Give the depth of the tissue likewise [mm]."""
        return np.asarray(
            np.float32(WORKING_MM) - self._seen(self._height, view, shift, (width, height), cv2.INTER_LINEAR),
            np.float32,
        )

    def _seen(
        self, field: NDArray[Any], view: View, shift: tuple[float, float], size: tuple[int, int], how: int
    ) -> NDArray[Any]:
        matrix = view.matrix(self._labels_scale, MARGIN, shift, 0.0)
        return cv2.warpAffine(field, matrix, size, flags=how | cv2.WARP_INVERSE_MAP)

    def classes(self) -> tuple[str, ...]:
        """Name the structures painted."""
        return tuple(CLASSES[index] for index in np.unique(self._labels))

    def distance_mm(self, structure: str, x: float, y: float) -> float:
        """Distance from a place in the tissue at rest [scene units] to the visible part of a structure [mm]."""
        if structure not in self._distances:
            outside = (self._labels != CLASSES.index(structure)).astype(np.uint8)
            self._distances[structure] = (
                cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
                if not outside.all()
                else np.full_like(outside, _FAR_MM * UNITS_PER_MM * self._labels_scale, np.float32)
            )
        field = self._distances[structure]
        row = min(max(round((y + MARGIN) * self._labels_scale), 0), field.shape[0] - 1)
        column = min(max(round((x + MARGIN) * self._labels_scale), 0), field.shape[1] - 1)
        return float(field[row, column]) / (self._labels_scale * UNITS_PER_MM)


def _enlarged(painted: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    size = (round((WIDTH + 2 * MARGIN) * scale), round((HEIGHT + 2 * MARGIN) * scale))
    return np.asarray(cv2.resize(painted, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def draw(
    image: NDArray[np.uint8], body: Tissue, shift: tuple[float, float], poses: Sequence[Pose]
) -> tuple[float, float]:
    """Draw one picture; give the shift it really has [scene units]."""
    height, width = image.shape[:2]
    view = view_of(width, height)
    used = body.crop(image, shift)
    for pose in poses:
        instruments.draw(image, view, pose)
    Rim(PLAIN, view, width, height).black(image)
    return used


def label(
    body: Tissue, shift: tuple[float, float], poses: Sequence[Pose], width: int, height: int
) -> NDArray[np.uint8]:
    """Give the labels of a picture, at any size."""
    view = view_of(width, height)
    labels = body.labels(view, shift, width, height)
    for pose in poses:
        instruments.mark(labels, view, pose)
    Rim(PLAIN, view, width, height).black(labels, cv2.LINE_8)  # background is index 0
    return labels


class Scene:
    """The scripted scene.

    :param width: of the pictures [px].
    :param height: [px].
    :param seed: another patient: texture, colour patches and outlines.
    """

    def __init__(self, width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> None:
        self.width, self.height = width, height
        rng = np.random.default_rng(seed)
        self.tissue = Tissue(layout.planned(rng), width, height, rng)
        self.places = self._find_places()
        self._small = np.empty((height // COARSE, width // COARSE, 3), np.uint8)
        self._soft = np.empty_like(self._small)

    def render(self, time_s: float, image: NDArray[np.uint8]) -> None:
        """Draw the picture of a time into ``uint8 (height, width, 3)``, bgr8."""
        poses, blur = script.poses(time_s, self.places), script.defocus(time_s)
        if blur == 0.0:
            draw(image, self.tissue, script.breath(time_s), poses)
            return
        draw(self._small, self.tissue, script.breath(time_s), poses)
        cv2.GaussianBlur(self._small, (0, 0), 0.2 + 3.8 * blur, self._soft)
        cv2.resize(self._soft, (self.width, self.height), image, interpolation=cv2.INTER_LINEAR)

    def truth(self, time_s: float, width: int | None = None, height: int | None = None) -> Truth:
        """Tell what is really in the picture of a time, for a picture of any size of the same shape."""
        width, height = width or self.width, height or self.height
        poses = script.poses(time_s, self.places)
        shift = self.shift(time_s)
        view = view_of(width, height)
        rim = Rim(PLAIN, view, width, height)
        tips = {
            pose.class_name: (pose.tip_x * view.scale + view.offset_x, pose.tip_y * view.scale + view.offset_y)
            for pose in poses
        }
        hook = poses[-1]
        return Truth(
            labels=label(self.tissue, shift, poses, width, height),
            tips=tips,
            tip_visible={name: rim.holds(x, y) for name, (x, y) in tips.items()},
            distance_mm={
                name: self.tissue.distance_mm(name, hook.tip_x - shift[0], hook.tip_y - shift[1])
                for name in self.tissue.classes()
            },
            px_per_mm=UNITS_PER_MM * view.scale,
            events=script.active(time_s),
        )

    def shift(self, time_s: float) -> tuple[float, float]:
        """How far the picture of a time shows the tissue moved: whole pixels, in scene units."""
        wanted, scale = script.breath(time_s), self.tissue.scale
        return round(wanted[0] * scale) / scale, round(wanted[1] * scale) / scale

    def _find_places(self) -> script.Places:
        """Find the places of the script in this patient's tissue."""
        dissection, hold = (1010.0, 470.0), (655.0, 215.0)
        bowel = script.approach(
            lambda at: self.tissue.distance_mm('gastrointestinal_tract', *at),
            dissection,
            (700.0, 1000.0),
            script.BOWEL_GAP_MM,
        )
        artery = script.approach(
            lambda at: self.tissue.distance_mm('cystic_artery', *at), dissection, (1150.0, 668.0), script.ARTERY_GAP_MM
        )
        return script.Places(dissection, bowel, artery, hold)
