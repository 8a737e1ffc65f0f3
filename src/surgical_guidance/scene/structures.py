"""From regions of structure classes to :class:`Structure`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from surgical_guidance.scene.regions import Grid, Region, outlines_in_picture
from surgical_guidance.scene.state import NAN, Structure

_STRUCTURE = partial(tuple.__new__, Structure)  # of a tuple with all fields; a third of the time of a call


def find_structures(
    regions: Sequence[Region], grid: Grid, map_area: int, identified: Collection[str] = ()
) -> tuple[Structure, ...]:
    """Describe regions of structure classes.

    :param map_area: pixels of the whole label map.
    :param identified: classes that somebody has confirmed.
    """
    outlines = outlines_in_picture(regions, grid)
    return tuple(
        [
            _STRUCTURE((one[0], one[1], outline, one.area / map_area, NAN, NAN, NAN, one[0] in identified))
            for one, outline in zip(regions, outlines, strict=True)
        ]
    )
