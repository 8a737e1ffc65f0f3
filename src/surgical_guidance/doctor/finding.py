"""One thing the doctor looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal['ok', 'missing', 'problem']
"""``missing``: guidance works without it, in the way the detail tells. ``problem``: it does not work until mended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the doctor looked at.

    :param name: what, in a word or two.
    :param status: see :data:`Status`.
    :param detail: what is there, and what that means for the user.
    :param remedy: what to do; empty where nothing needs to be done.
    """

    name: str
    status: Status
    detail: str
    remedy: str = ''
