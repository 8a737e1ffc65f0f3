"""The words that fill in a rule's texts, in both languages.

==============  ============================================  =============================
placeholder     Chinese                                       English
==============  ============================================  =============================
``{distance}``  约3mm, 很近 (uncertain), 较近 (no scale)      about 3 mm, very close, close
``{direction}``  左下方, 尖端 (touching)                       lower left, at the tip
``{towards}``   左下方                                        down and left
``{turn}``      顺时针, 逆时针                                clockwise, anticlockwise
``{degrees}``   15                                            15
``{missing}``   C2、C3                                        C2, C3
==============  ============================================  =============================

A number of millimetres is given only when its standard deviation is at most a third of it (DOMAIN: "only when sigma is
small"). ``{turn}`` is how the scope must be turned for the picture to stand upright; ``{degrees}`` counts in fives.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Collection, Iterable
from typing import Literal

from surgical_guidance.advice.anatomy import CRITICAL_VIEW
from surgical_guidance.advice.feature import Feature
from surgical_guidance.advice.features import DIRECTED, DISTANCES
from surgical_guidance.advice.sight import ROLL

Language = Literal['zh', 'en']
LANGUAGES: tuple[Language, ...] = ('zh', 'en')

MAX_CHARACTERS_ZH = 30
MAX_WORDS_EN = 12
SIGMA_SHARE = 1 / 3
_MOST_MM = 99  # no number has more digits: nothing in a picture is further from a tip

_PLACEHOLDERS = {
    'distance': DISTANCES,
    'direction': DIRECTED,
    'towards': DIRECTED,
    'turn': frozenset({ROLL}),
    'degrees': frozenset({ROLL}),
    'missing': frozenset({CRITICAL_VIEW}),
}
_NUMBER = {'zh': '约{}mm', 'en': 'about {} mm'}
_VERY_CLOSE = {'zh': '很近', 'en': 'very close'}
_CLOSE = {'zh': '较近', 'en': 'close'}
_AT_TIP = {'zh': '尖端', 'en': 'at the tip'}
_TURNS = {'zh': ('逆时针', '顺时针'), 'en': ('anticlockwise', 'clockwise')}
_NONE_MISSING = {'zh': '无', 'en': 'none'}
_DEGREES = 5  # a finer number would only flutter
_SECTORS = {  # clockwise from the right, 45 degrees each
    ('direction', 'zh'): ('右方', '右下方', '下方', '左下方', '左方', '左上方', '上方', '右上方'),
    ('direction', 'en'): (
        'right', 'lower right', 'below', 'lower left', 'left', 'upper left', 'above', 'upper right',
    ),
    ('towards', 'zh'): ('右方', '右下方', '下方', '左下方', '左方', '左上方', '上方', '右上方'),
    ('towards', 'en'): (
        'right', 'down and right', 'down', 'down and left', 'left', 'up and left', 'up', 'up and right',
    ),
}  # fmt: skip


def fill(template: str, language: Language, subject: Feature | None) -> str:
    """Fill in a text about the feature that it is about; None: nothing is known of it."""
    if '{' not in template:
        return template
    about = subject or _UNKNOWN
    return template.format(
        distance=_distance(about, language),
        direction=_sector('direction', about, language),
        towards=_sector('towards', about, language),
        turn=_TURNS[language][
            about.dx > 0.0
        ],  # what is up in the room leans to the right: the picture turned clockwise
        degrees=_degrees(about),
        missing=_missing(about, language),
    )


def subjects(templates: Iterable[str], features: Collection[str]) -> tuple[str, ...]:
    """Name those of some features that a text can be about: they fill in every placeholder, or have a direction.

    :raises ValueError: if the braces of a text are not right.
    """
    used = {name for template in templates for name in _placeholders(template)}
    able = [_PLACEHOLDERS[name] for name in used if name in _PLACEHOLDERS] or [DIRECTED]
    return tuple(name for name in features if all(name in some for some in able))


def quotes_number(subject: Feature | None) -> bool:
    """Whether the distance to a feature may be given as a number."""
    if subject is None or subject.unit != 'mm' or not 0.5 < subject.value < _MOST_MM + 0.5:
        return False
    return subject.sigma <= SIGMA_SHARE * subject.value


def problem(template: str, language: Language, features: Collection[str]) -> str:
    """Tell what is wrong with a text, whatever may be filled in; '' if nothing is.

    :param features: names of the features that the rule looks at.
    """
    if not template.isprintable():
        return 'a text is one line of characters that can be shown (a block of lines needs >- in YAML)'
    try:
        names = _placeholders(template)
    except ValueError as error:
        return f'the braces are not right: {error}'
    for name in sorted(names):
        if name not in _PLACEHOLDERS:
            return f'{{{name}}} is no placeholder; use {", ".join(f"{{{known}}}" for known in _PLACEHOLDERS)}'
    if names and not subjects([template], features):
        wanted = ' and '.join(sorted(names))
        return f'{wanted} cannot be filled in: no feature of the condition tells it'
    longest = template.format(
        distance=max((_NUMBER[language].format(_MOST_MM), _VERY_CLOSE[language]), key=len),
        direction=max((*_SECTORS['direction', language], _AT_TIP[language]), key=_size(language)),
        towards=max(_SECTORS['towards', language], key=_size(language)),
        turn=max(_TURNS[language], key=_size(language)),
        degrees='180',
        missing=_listed(['C1', 'C2', 'C3'], language),
    )
    if not longest.strip():
        return 'the text is empty'
    size, most = _size(language)(longest), MAX_CHARACTERS_ZH if language == 'zh' else MAX_WORDS_EN
    unit = 'characters' if language == 'zh' else 'words'
    return f'{longest!r} has {size} {unit}; at most {most} are read at a glance' if size > most else ''


def _placeholders(template: str) -> set[str]:
    parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
    for _, name, form, conversion in parts:
        if form or conversion:
            raise ValueError(f'{{{name}}} stands alone, without : or !')
    return {name for _, name, _, _ in parts if name is not None}


def _size(language: Language) -> Callable[[str], int]:
    return len if language == 'zh' else lambda text: len(text.split())


def _distance(subject: Feature, language: Language) -> str:
    if quotes_number(subject):
        return _NUMBER[language].format(round(subject.value))
    return (_VERY_CLOSE if subject.unit == 'mm' else _CLOSE)[language]


def _sector(placeholder: str, subject: Feature, language: Language) -> str:
    if not (math.isfinite(subject.dx) and math.isfinite(subject.dy)) or subject.value <= 0.0:
        return _AT_TIP[language]
    sector = round(math.atan2(subject.dy, subject.dx) / (math.pi / 4)) % 8
    return _SECTORS[placeholder, language][sector]


def _degrees(subject: Feature) -> str:
    if not math.isfinite(subject.value):
        return '?'
    return str(round(min(abs(subject.value), 180.0) / _DEGREES) * _DEGREES)


def _missing(subject: Feature, language: Language) -> str:
    return _listed(subject.detail.split(', '), language) if subject.detail else _NONE_MISSING[language]


def _listed(names: list[str], language: Language) -> str:
    return ('、' if language == 'zh' else ', ').join(names)


_UNKNOWN = Feature('', math.nan, math.nan, '', math.nan)
