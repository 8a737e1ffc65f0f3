"""What inference gives up, step by step, as a table: the stride and the input size of each group of models."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.manifest import Manifest

LADDER = Path(__file__).with_name('degradation.yaml')
"""The ladder that comes with the package."""

Group = Literal['scene', 'safety', 'ordinary']


class _Strict(BaseModel):
    model_config = ConfigDict(extra='forbid', frozen=True)


class Share(_Strict):
    """What a group of models keeps.

    :param stride: multiplies the manifest's.
    :param size: multiplies the sides of the input.
    :param dropped: the models do not look any more.
    """

    stride: int = Field(default=1, ge=1, le=30)
    size: float = Field(default=1.0, ge=0.25, le=1.0)
    dropped: bool = False

    def keeps_less_than(self, other: Share) -> bool:
        """Whether nothing here is more than it is there."""
        return self.dropped or (not other.dropped and self.stride >= other.stride and self.size <= other.size)


class Step(_Strict):
    """One step. ``name`` is for people."""

    name: str = Field(min_length=1)
    scene: Share = Share()
    safety: Share = Share()
    ordinary: Share = Share()

    @model_validator(mode='after')
    def _keeps_what_matters(self) -> Step:
        if self.scene.dropped or self.safety.dropped:
            raise ValueError('what is safety-relevant is never dropped')
        return self

    def share(self, group: Group) -> Share:
        """Give what a group keeps."""
        share: Share = getattr(self, group)
        return share


class Ladder(_Strict):
    """Steps from nothing given up to as much as can be."""

    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode='after')
    def _goes_down(self) -> Ladder:
        groups: tuple[Group, ...] = ('scene', 'safety', 'ordinary')
        if any(self.steps[0].share(group) != Share() for group in groups):
            raise ValueError('the first step must give nothing up')
        for before, after in pairwise(self.steps):
            if not all(after.share(group).keeps_less_than(before.share(group)) for group in groups):
                raise ValueError(f'{after.name!r} gives less up than {before.name!r} before it')
        return self

    @property
    def last(self) -> int:
        """Number of the last step; the first is 0."""
        return len(self.steps) - 1

    def step(self, number: int) -> tuple[int, Step]:
        """Give the step of this number, or the last one where there are not so many; and its number."""
        number = min(max(number, 0), self.last)
        return number, self.steps[number]

    def sizes(self, group: Group) -> tuple[float, ...]:
        """Give every size that a group's models need, the largest first."""
        shares = (step.share(group) for step in self.steps)
        return tuple(sorted({share.size for share in shares if not share.dropped}, reverse=True))


def group_of(manifest: Manifest, *, makes_scene: bool) -> Group:
    """Give the group that a model is in."""
    if makes_scene:
        return 'scene'
    return 'safety' if manifest.safety_relevant else 'ordinary'


def load_ladder(path: Path = LADDER) -> Ladder:
    """Read a ladder.

    :raises ModelError: what is wrong with it, and where.
    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding='utf-8'))
        return Ladder.model_validate({'steps': content})
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f'the degradation ladder cannot be read ({error})', where=str(path)) from error
    except (yaml.YAMLError, RecursionError, TypeError) as error:
        raise ModelError(f'this is not YAML: {" ".join(str(error).split())}', where=str(path)) from error
    except ValidationError as error:
        fault = error.errors()[0]
        field = '.'.join(str(part) for part in fault['loc'][1:])
        raise ModelError(
            fault['msg'].removeprefix('Value error, '),
            where=f'{path}: {field}' if field else str(path),
            remedy=f'{LADDER.name} in the package shows the form',
        ) from error
