"""What goes on in the view, judged by the picture alone: for conditions that no model tells of.

Coarse measures with thresholds of our own [I], set on the phantom's cameras; a model that was trained for it is
believed before them. Drops on the lens are not told: nothing simple tells them from tissue.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from surgical_guidance.contract import CONDITIONS
from surgical_guidance.scene.state import Condition, Structure
from surgical_guidance.scene.view import View

ACTIVE = 0.5
"""A level from which a condition judged by the picture counts as going on [I]."""

_HAZE = (27.0, 140.0)  # of the dark channel: clear, and nothing to be seen. He et al., 2009: haze lifts it
_FOG_SHARPNESS = 60.0  # haze with a picture less sharp than this is on the lens, unless it is too dense to tell
_GLARE = 0.1  # share of white pixels at which glare is full
_LIGHT = (0.28, 0.03)  # brightness: enough, and none
_SHARP = (80.0, 5.0)  # in focus, and nothing to be seen
_TISSUE_RED = 0.55  # share of reddish pixels below which it may not be tissue
_COLOURFUL = 0.14  # below this smoke has taken the colour, and redness says nothing
_BLOOD = 0.02  # share of the picture at which bleeding is full
_HAZY = 0.4  # sharpness says nothing of focus beyond this
_DARK = 0.4


def with_missing(
    conditions: Sequence[Condition], view: View, structures: Iterable[Structure] | None
) -> tuple[Condition, ...]:
    """Give the conditions that a model tells of, and those missing as the picture has them.

    :param structures: of the frame; None where no network says what is in it.
    """
    told = {condition.name for condition in conditions}
    if told.issuperset(CONDITIONS):
        return tuple(conditions)
    levels = _levels(view)
    if structures is not None:
        blood = sum(one.area for one in structures if one.class_name == 'blood')
        levels['bleeding'] = min(blood / _BLOOD, 1.0)
    seen = (Condition(name, levels[name], levels[name] >= ACTIVE) for name in CONDITIONS if name in levels)
    return (*conditions, *(condition for condition in seen if condition.name not in told))


def _levels(view: View) -> dict[str, float]:
    colours = view.colours
    if colours is None or math.isnan(view.sharpness):
        return {}
    dark = _share(view.brightness, *_LIGHT)
    haze = _share(colours.darkest, *_HAZE) if dark < _DARK else 0.0
    outside = 0.0
    if colours.colourfulness >= _COLOURFUL and dark < _DARK:
        outside = _share(colours.redness, _TISSUE_RED, 0.0)
    inside = outside < ACTIVE
    on_lens = view.sharpness < _FOG_SHARPNESS * (1.2 - haze)
    focus = _share(math.log(max(view.sharpness, 1.0)), math.log(_SHARP[0]), math.log(_SHARP[1]))
    return {
        'smoke': haze if inside and not on_lens else 0.0,
        'fog': haze if inside and on_lens else 0.0,
        'glare': min(colours.white / _GLARE, 1.0) if inside else 0.0,
        'low_light': dark,
        'blur': focus if inside and haze < _HAZY and dark < _DARK else 0.0,
        'out_of_body': outside,
    }


def _share(value: float, none: float, full: float) -> float:
    """Give how far a value has come from ``none`` to ``full``, 0 to 1."""
    return min(max((value - none) / (full - none), 0.0), 1.0)
