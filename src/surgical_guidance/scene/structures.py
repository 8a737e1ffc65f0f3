"""From regions of structure classes to :class:`Structure`."""

from __future__ import annotations

from surgical_guidance.scene.regions import Grid, Region, outline_in_picture
from surgical_guidance.scene.state import Structure


def find_structure(region: Region, grid: Grid, map_area: int) -> Structure:
    """Describe a region of a structure class.

    :param map_area: pixels of the whole label map.
    """
    return Structure(region.class_name, region.score, outline_in_picture(region, grid), region.area / map_area)
