"""What a report was made from, so that somebody else gets the same numbers."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from surgical_guidance import __version__
from surgical_guidance.evaluation.example import Dataset
from surgical_guidance.evaluation.observer import ModelInfo
from surgical_guidance.evaluation.tally import Tally

_PACKAGES = ('numpy', 'opencv-python-headless', 'onnxruntime', 'av')


@dataclass(frozen=True, slots=True)
class Provenance:
    """What was run on what.

    :param made: when, UTC.
    :param versions: of this package, Python, and the packages that numbers depend on.
    :param every: every such frame was looked at.
    """

    made: str
    models: tuple[ModelInfo, ...]
    versions: dict[str, str]
    kind: str
    where: str
    origin: str
    remarks: tuple[str, ...]
    takes: int
    frames: int
    size: str
    every: int


def provenance_of(dataset: Dataset, models: tuple[ModelInfo, ...], sums: Tally, every: int) -> Provenance:
    """Gather it."""
    return Provenance(
        made=datetime.now(UTC).strftime('%Y-%m-%d %H:%M UTC'),
        models=models,
        versions={
            'surgical_guidance': __version__,
            'python': platform.python_version(),
            'machine': platform.machine(),
            **{name: version(name) for name in _PACKAGES},
        },
        kind=dataset.kind,
        where=dataset.where,
        origin=str(dataset.origin),
        remarks=dataset.remarks,
        takes=len(sums.takes),
        frames=sums.frames,
        size=f'{sums.width}x{sums.height}',
        every=every,
    )
