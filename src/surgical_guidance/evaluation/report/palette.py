"""The colours of the report: one for each class, and those of its charts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES

INK, MUTED, LINE = '#1d2733', '#66727f', '#dde3e9'
ACCENT, SOFT = '#2563a8', '#a9c8e8'
GOOD, BAD = '#1a7f4b', '#b42334'

CLASS_COLOURS: dict[str, str] = {
    'background': '#20242a',
    'grasper': '#3fb8ff',
    'l_hook_electrocautery': '#0050d8',
    'clipper': '#8fe3ff',
    'suction': '#0a8f9c',
    'abdominal_wall': '#e3a07f',
    'liver': '#8c2f39',
    'gastrointestinal_tract': '#f28cb1',
    'fat': '#f2d16b',
    'connective_tissue': '#c9a7d8',
    'blood': '#ff1f1f',
    'cystic_duct': '#5fd35f',
    'gallbladder': '#2f9e44',
    'hepatic_vein': '#5b4bc4',
    'liver_ligament': '#b08968',
    'cystic_artery': '#ff7a1a',
}
"""Class of the contract -> colour. Instruments are blue, what must not be cut stands out."""

PHASE_COLOURS = (
    '#4e79a7', '#f28e2b', '#59a14f', '#b07aa1', '#edc948', '#76b7b2', '#ff9da7', '#9c755f', '#bab0ac', '#e15759',
    '#86bcb6', '#d37295',
)  # fmt: skip


def class_table() -> NDArray[np.uint8]:
    """Give the colours of the classes for a look-up, ``uint8 (256, 3)`` bgr; what has no class is grey."""
    table = np.full((256, 3), 160, np.uint8)
    for index, name in enumerate(CLASSES):
        table[index] = bgr(CLASS_COLOURS[name])
    return table


def bgr(colour: str) -> tuple[int, int, int]:
    """Give ``#rrggbb`` as blue, green, red."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return blue, green, red
