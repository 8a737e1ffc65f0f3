"""What a task is: it reads the outputs of one engine. Each is a file of :mod:`surgical_guidance.inference.tasks`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.placement import Placement
from surgical_guidance.inference.readings import Reading


class Task(Protocol):
    """Reads the outputs of one engine: those that were found to be of the promised shapes, finite and not frozen."""

    segments: bool
    """Whether its readings have a segmentation, of which a scene can be made."""
    needs_content: bool
    """Whether there is nothing to read in a picture that is the same everywhere; some models tell just that."""

    def read(self, outputs: Mapping[str, NDArray[Any]], placement: Placement) -> tuple[Reading | None, str]:
        """Give the meaning of the outputs and ``''``, or None and why they cannot be believed.

        :param placement: where in the input the picture lies.
        """

    def forget(self) -> None:
        """Forget earlier results: another scene begins."""


TASKS: dict[str, Callable[[Manifest, Engine], Task]] = {}
"""Every task by its name in manifests. A maker raises ``ModelError`` where manifest and engine do not fit the task."""

_Maker = TypeVar('_Maker', bound=Callable[[Manifest, Engine], Task])


def task(name: str) -> Callable[[_Maker], _Maker]:
    """Decorate the maker of a task, usually its class, with the name that manifests call it by."""

    def register(maker: _Maker) -> _Maker:
        TASKS[name] = maker
        return maker

    return register
