"""From regions of structure classes to :class:`Structure`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from surgical_guidance.scene.regions import Grid, Region, outlines_in_picture
from surgical_guidance.scene.state import Structure


def find_structures(
    regions: Sequence[Region], grid: Grid, map_area: int, identified: Collection[str] = ()
) -> tuple[Structure, ...]:
    """Describe regions of structure classes.

    :param map_area: pixels of the whole label map.
    :param identified: classes that somebody has confirmed.
    """
    outlines = outlines_in_picture(regions, grid)
    return tuple(
        Structure(
            region.class_name, region.score, outline, region.area / map_area, identified=region.class_name in identified
        )
        for region, outline in zip(regions, outlines, strict=True)
    )
