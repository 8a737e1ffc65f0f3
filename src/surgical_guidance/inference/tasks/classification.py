"""Reads networks that choose: for each of their heads one of several names that exclude each other.

With a ``memory`` in the manifest it is a sequence model, such as one that follows the phases of an operation.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.heads import SLACK, heads_of, softmax
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.placement import Placement
from surgical_guidance.inference.readings import Choice, Choices
from surgical_guidance.inference.task import task


@task('classification')
class Classification:
    """For each head the probabilities of its names.

    :raises ModelError: if the engine's outputs are not that.
    """

    segments = False
    needs_content = False

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        self._heads = heads_of(manifest, engine, softmax, operator.add)

    def read(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> tuple[Choices | None, str]:
        """Give the choice of each head."""
        choices = {}
        for own, head in self._heads.items():
            probabilities, problem = head.read(outputs)
            if problem:
                return None, problem
            if abs(sum(probabilities.values()) - 1.0) > SLACK:
                return None, f'the probabilities of {own} do not sum to 1'
            name = max(probabilities, key=probabilities.__getitem__)
            choices[own] = Choice(name, probabilities[name], probabilities)
        return Choices(choices), ''

    def forget(self) -> None:
        """Do nothing: what it remembers lies in the engine's inputs."""
