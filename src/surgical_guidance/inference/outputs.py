"""Where in an engine a task finds its outputs."""

from __future__ import annotations

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest


def output_name(manifest: Manifest, engine: Engine, own: str) -> str:
    """Give the network's name of an output that a task calls ``own``.

    :raises ModelError: if the manifest or the network does not have it.
    """
    name = manifest.outputs.get(own)
    if name is None:
        raise ModelError('this field is missing', where=f'{manifest.path}: outputs.{own}')
    if name not in engine.outputs:
        raise ModelError(
            f'the network has no output {name!r}',
            where=f'{manifest.path}: outputs.{own}',
            remedy=f'it has {", ".join(engine.outputs)}',
        )
    return name
