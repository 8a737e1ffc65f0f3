"""The two eyes of a stereo endoscope: the same pinhole twice, side by side, with parallel axes.

The left eye is the phantom's camera. The right one is moved to the right by the baseline B, so that a point at depth Z
lies ``f B / Z`` further to the left in its picture (rectified: on the same row). Its tissue is the left eye's, looked
up along the lines of sight that the depth map gives; where the left eye sees nothing, behind an edge, it shows what is
next to it. Instruments are drawn from their own place in space.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import SourceError
from surgical_guidance.phantom.geometry import FOCAL, WORKING_MM, Map, View, view_of
from surgical_guidance.phantom.instruments import Pose
from surgical_guidance.phantom.moment import Moment
from surgical_guidance.phantom.patient import Patient

BASELINE_MM = 4.5
"""Between the two eyes of a usual stereo endoscope [mm]."""

EYES = ('left', 'right')
_NEAREST_MM = 40.0  # no tissue is nearer to the lens
_STEPS = 6  # the lines of sight are found to far below a pixel by then, but at edges

Dress = Callable[[NDArray[np.uint8]], None]


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye.

    :param name: of :data:`EYES`.
    :param baseline_mm: how far it stands to the right of the left eye [mm].
    """

    name: str = 'left'
    baseline_mm: float = 0.0

    def disparity(self, depth_mm: float) -> float:
        """How far further left than in the left eye a point of a depth is seen [scene units]."""
        return FOCAL * self.baseline_mm / depth_mm

    def sees(self, pose: Pose) -> Pose:
        """Give an instrument's pose as this eye sees it. The shaft's other end is nearer, and moves further."""
        tip = self.disparity(WORKING_MM / pose.scale)
        turned = math.atan2(
            math.sin(pose.angle), math.cos(pose.angle) + self.disparity(WORKING_MM) * pose.taper / 1000.0
        )
        return replace(pose, tip_x=pose.tip_x - tip, angle=turned if self.baseline_mm else pose.angle)


LEFT = Eye()


def find_eye(name: str, baseline_mm: float = BASELINE_MM) -> Eye:
    """Give an eye by name.

    :raises SourceError: if there is none of that name, or the baseline is none.
    """
    if name not in EYES:
        raise SourceError(f'the phantom has no eye {name!r}', remedy=f'one of {", ".join(EYES)}')
    if not 0.0 < baseline_mm <= 20.0:
        raise SourceError(f'{baseline_mm:g} mm is no baseline', remedy='one above 0 and of at most 20 mm')
    return LEFT if name == LEFT.name else Eye(name, baseline_mm)


class Sight:
    """One patient's tissue as one eye sees it.

    :param patient: whose.
    :param eye: which.
    """

    def __init__(self, patient: Patient, eye: Eye) -> None:
        self._patient, self._eye = patient, eye

    def picture(self, image: NDArray[np.uint8], view: View, moment: Moment, dress: Dress) -> None:
        """Draw the tissue into a picture, with what ``dress`` lays on it."""
        if not self._eye.baseline_mm:
            self._patient.picture(image, view, moment.shift, moment.roll, moment.emptied)
            dress(image)
            return
        height, width = image.shape[:2]
        wide = np.empty((height, width + self._beyond(view), 3), np.uint8)
        self._patient.picture(wide, view, moment.shift, moment.roll, moment.emptied)
        dress(wide)
        image[:] = self._looked_up(wide, view, moment, width, cv2.INTER_LINEAR)

    def labels(self, size: tuple[int, int], moment: Moment, dress: Dress) -> NDArray[np.uint8]:
        """Give the labels of the tissue, with what ``dress`` marks on it, as a picture of a size shows them."""
        view, (width, height) = view_of(*size), size
        wide = self._patient.labels(
            (width + self._beyond(view), height), moment.shift, moment.roll, moment.emptied, view
        )
        dress(wide)
        if not self._eye.baseline_mm:
            return wide
        return np.asarray(self._looked_up(wide, view, moment, width, cv2.INTER_NEAREST), np.uint8)

    def depth(self, size: tuple[int, int], moment: Moment) -> Map:
        """Give the depth of the tissue likewise [mm]."""
        view = view_of(*size)
        wide = self._depth(size, view, moment)
        if not self._eye.baseline_mm:
            return wide
        return np.asarray(self._looked_up(wide, view, moment, size[0], cv2.INTER_LINEAR), np.float32)

    def place(self, x: float, y: float, at: tuple[float, float], view: View, emptied: bool) -> tuple[float, float]:
        """Give where a place of the tissue at rest [scene units] is seen that the left eye sees ``at`` [px]."""
        if not self._eye.baseline_mm:
            return at
        return at[0] - self._eye.disparity(self._patient.depth_at(x, y, emptied)) * view.scale, at[1]

    def _beyond(self, view: View) -> int:
        """How much more to the right than the left eye this one sees [px]."""
        return math.ceil(self._eye.disparity(_NEAREST_MM) * view.scale)

    def _depth(self, size: tuple[int, int], view: View, moment: Moment) -> Map:
        wide = (size[0] + self._beyond(view), size[1])
        return self._patient.depth(wide, moment.shift, moment.roll, moment.emptied, view)

    def _looked_up(self, wide: NDArray[Any], view: View, moment: Moment, width: int, how: int) -> NDArray[Any]:
        """Look up the left eye's pixel on the line of sight of each pixel: x = x' + f B / Z(x), found step by step."""
        height = wide.shape[0]
        depth = self._depth((width, height), view, moment)
        shift = np.float32(FOCAL * self._eye.baseline_mm * view.scale) / depth
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        found = x + shift[:, :width]
        for _ in range(_STEPS):
            found = x + cv2.remap(shift, found, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.remap(wide, found, y, how, borderMode=cv2.BORDER_REPLICATE))
