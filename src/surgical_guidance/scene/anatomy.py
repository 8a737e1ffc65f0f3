"""Where it is safe, where nobody may go, and the landmarks, laid over what is seen of the gallbladder.

**Not clinically validated** [I]. A plan of the usual anatomy, in units of the gallbladder's own length, is laid along
its main axis, which points to the cystic duct and artery, and turns and moves with it. The plan is the mean of the
phantom's patients 0 to 23, who are much alike; people are not, and a model that was trained to see these places is to
be preferred as soon as there is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.compiled.outlines import enclosed
from surgical_guidance.scene.regions import Grid, Region
from surgical_guidance.scene.state import Landmark, Zone

SOURCE = 'plan over the gallbladder'

Plan = NDArray[np.float64]

LANDMARKS: dict[str, tuple[float, float]] = {'rouviere_sulcus': (1.11, 2.24), 'segment_iv_base': (4.28, -1.52)}
"""Along the gallbladder's axis from its middle towards the duct, and to the right of it, in units of its length (the
standard deviation of its pixels along the axis)."""

SAFE: Plan = np.array((
    (-2.05, 0.02), (-1.70, -0.86), (-0.91, -1.29), (0.25, -1.18), (1.28, -1.33), (2.35, -1.52), (3.10, -1.50),
    (3.62, -1.05), (3.16, -0.40), (2.18, 0.69), (1.34, 0.94), (0.27, 1.13), (-0.74, 1.16),
))  # fmt: skip
"""Gallbladder, its bed and the hepatocystic triangle."""

NO_GO: Plan = np.array(((3.15, -2.68), (3.32, -3.12), (3.85, -3.01), (4.27, -2.61), (4.19, -2.16), (3.84, -2.04)))
"""The hilum of the liver."""

_ALL: Plan = np.concatenate((SAFE, NO_GO, list(LANDMARKS.values())))

SIGMA = 0.12
"""Standard deviation of a landmark, in units of the gallbladder's length: twice that of the phantom's patients."""

_SHORTEST = 0.03  # length of a gallbladder, share of the picture's height: less is a piece of one
_LARGEST_SHARE = 0.75  # of all its parts that the largest must have: else it is cut in two, and has no axis
_ELONGATED = 1.4  # length over width
_TUBES = ('cystic_duct', 'cystic_artery')


Pair = tuple[float, float]


class _Axes(NamedTuple):
    middle: Pair
    along: Pair
    length: float

    def place(self, plan: Plan) -> NDArray[np.float32]:
        """Put places of the plan ``(n, 2)`` into the picture [px]."""
        (x, y), (along_x, along_y) = self.middle, self.along
        along, right = plan[:, 0], plan[:, 1]
        placed = np.empty(plan.shape, np.float32)
        placed[:, 0] = x + self.length * (along * along_x - right * along_y)
        placed[:, 1] = y + self.length * (along * along_y + right * along_x)
        return placed


class Anatomy:
    """Lays the plan over the gallbladder, frame by frame. It remembers which end of it points to the duct."""

    def __init__(self) -> None:
        self._along: Pair | None = None

    def reset(self) -> None:
        """Forget which way it points: another scene begins."""
        self._along = None

    def place(
        self, structures: Sequence[Region], grid: Grid, height: float
    ) -> tuple[tuple[Zone, ...], tuple[Landmark, ...]]:
        """Give zones and landmarks; none where the gallbladder is not seen well enough to tell its axis.

        :param structures: the regions of the structures, also where instruments cover them.
        :param height: of the picture [px].
        """
        axes = self._axes(structures, grid, height)
        if axes is None:
            return (), ()
        placed = axes.place(_ALL)
        safe, no_go, points = placed[: len(SAFE)], placed[len(SAFE) : -len(LANDMARKS)], placed[-len(LANDMARKS) :]
        sigma = SIGMA * axes.length
        return (
            (Zone('safe', safe, SOURCE), Zone('no_go', no_go, SOURCE)),
            tuple(Landmark(name, x, y, sigma) for name, (x, y) in zip(LANDMARKS, points.tolist(), strict=True)),
        )

    def _axes(self, structures: Sequence[Region], grid: Grid, height: float) -> _Axes | None:
        parts = [region for region in structures if region.class_name == 'gallbladder']
        if not parts:
            return None
        shapes = [enclosed(region.outline) for region in parts]
        areas = [area for area, *_ in shapes]
        largest = max(range(len(parts)), key=areas.__getitem__)
        if areas[largest] <= 0.0 or areas[largest] < _LARGEST_SHARE * sum(areas):
            return None
        _, column, row, xx, xy, yy = shapes[largest]
        xx, xy, yy = xx * grid.sx**2, xy * grid.sx * grid.sy, yy * grid.sy**2
        mean, apart = (xx + yy) / 2.0, math.hypot((xx - yy) / 2.0, xy)
        length, width = math.sqrt(mean + apart), math.sqrt(max(mean - apart, 0.0))
        if length < _SHORTEST * height or length < _ELONGATED * width:
            return None
        middle = _picture(column, row, grid)
        angle = 0.5 * math.atan2(2.0 * xy, xx - yy)
        along = self._directed((math.cos(angle), math.sin(angle)), middle, structures, grid)
        return None if along is None else _Axes(middle, along, length)

    def _directed(self, along: Pair, middle: Pair, structures: Sequence[Region], grid: Grid) -> Pair | None:
        """Turn an axis towards the duct and the artery, or as it was before; None where nothing tells."""
        x = y = 0.0
        for region in structures:
            if region.class_name in _TUBES:
                at = _picture(region.left + (region.width - 1) / 2, region.top + (region.height - 1) / 2, grid)
                x += region.width * region.height * (at[0] - middle[0])
                y += region.width * region.height * (at[1] - middle[1])
        if x == y == 0.0:
            if self._along is None:
                return None
            x, y = self._along
        self._along = along if along[0] * x + along[1] * y >= 0.0 else (-along[0], -along[1])
        return self._along


def _picture(column: float, row: float, grid: Grid) -> Pair:
    return (column + 0.5) * grid.sx - 0.5, (row + 0.5) * grid.sy - 0.5
