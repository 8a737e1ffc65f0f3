"""Whether models go together: exactly one of them segments, and no two tell the same."""

from __future__ import annotations

from collections.abc import Sequence

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.context import HEADS, check_levels
from surgical_guidance.inference.manifest import DEFAULT_MODELS, Manifest
from surgical_guidance.inference.pipeline import Pipeline


def check_together(pipelines: Sequence[Pipeline]) -> None:
    """Make sure that models are what a scene can be made of, and do not contradict each other.

    :raises ModelError: what does not fit, and what to do.
    """
    names = [pipeline.manifest.name for pipeline in pipelines]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f'{name} is named twice', where='models', remedy='name each model once')
    segmenting = [pipeline.manifest.name for pipeline in pipelines if pipeline.segments]
    if len(segmenting) != 1:
        found = (
            f'{" and ".join(segmenting)} both segment' if segmenting else f'{", ".join(names)} {_do(names)} not segment'
        )
        raise ModelError(
            f'a scene is made from one segmentation: {found}',
            where='models',
            remedy=f'name one that does, such as {DEFAULT_MODELS[0]}',
        )
    told: dict[str, str] = {}
    for pipeline in pipelines:
        check_levels(pipeline.manifest)
        for what in _tells(pipeline.manifest):
            if what in told:
                raise ModelError(
                    f'{told[what]} and {pipeline.manifest.name} both tell {what}',
                    where='models',
                    remedy='name one of them',
                )
            told[what] = pipeline.manifest.name


def _do(names: Sequence[str]) -> str:
    return 'does' if len(names) == 1 else 'do'


def _tells(manifest: Manifest) -> set[str]:
    """Give what of a scene a model tells beside its segmentation."""
    heads = manifest.contract_heads
    if manifest.task == 'multilabel':
        return {name for names in heads.values() for name in names if name}
    return {HEADS[head] for head in heads if head in HEADS}
