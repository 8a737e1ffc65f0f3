"""What models say of a frame, by task. A segmentation is :class:`surgical_guidance.scene.state.Segmentation`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from surgical_guidance.scene.state import Segmentation


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several that exclude each other.

    :param name: the likeliest.
    :param probability: its probability, 0 to 1.
    :param probabilities: of all, by name.
    """

    name: str
    probability: float
    probabilities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Choices:
    """What a classifier says: a choice for each of its heads, such as ``phase`` and ``verb``."""

    heads: Mapping[str, Choice]


@dataclass(frozen=True, slots=True)
class Levels:
    """Things that may be there at the same time.

    :param levels: of each by name, 0 (none) to 1 (as much as can be).
    :param active: those that are going on by the manifest's ``thresholds``.
    """

    levels: Mapping[str, float]
    active: frozenset[str]


@dataclass(frozen=True, slots=True)
class Detected:
    """One thing that a detector found.

    :param class_name: of the contract.
    :param score: its probability, 0 to 1.
    :param x: left edge of its box, in widths of the picture.
    :param y: upper edge, in heights of the picture.
    :param width: in widths of the picture.
    :param height: in heights of the picture.
    """

    class_name: str
    score: float
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Instances:
    """What a detector found, the likeliest first.

    :param segmentation: the same as a label map, where the network gives masks; of boxes alone no scene can be made,
        since a box has no tip.
    """

    detected: tuple[Detected, ...]
    segmentation: Segmentation | None


Reading = Segmentation | Instances | Choices | Levels
