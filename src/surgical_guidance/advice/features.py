"""From scenes to the named numbers that rules are made of. ``docs/advice.md`` tells each name.

Where a number is not known, the feature is missing, and a condition on it does not hold.
"""

from __future__ import annotations

from collections.abc import Collection

from surgical_guidance.advice import anatomy, current, distances, sight, tools
from surgical_guidance.advice.feature import Found
from surgical_guidance.scene.state import SceneState

ENERGY_TOOL = 'l_hook_electrocautery'

DISTANCES = distances.NAMES
"""Names of the features that can fill in ``{distance}``."""

DIRECTED = (
    DISTANCES | {tools.OFF_CENTRE, sight.ROLL} | {name for name in tools.NAMES if name.endswith(tools.BELOW_LINE)}
)
"""Names of the features that have a direction."""

NAMES = DIRECTED | tools.NAMES | current.NAMES | anatomy.NAMES | sight.NAMES
"""Names of all features."""


class FeatureExtractor:
    """Computes the features that a rule table uses, scene after scene.

    :param names: features wanted, of :data:`NAMES`.
    :param energy_tool: instrument class that carries energy.
    """

    def __init__(self, names: Collection[str], energy_tool: str = ENERGY_TOOL) -> None:
        self._energy_tool = energy_tool
        self._current = current.EnergyTool(energy_tool)
        self.want(names)

    def want(self, names: Collection[str]) -> None:
        """Compute other features from now on; what was seen in earlier scenes is kept."""
        wanted = self._wanted = frozenset(names)
        self._distances = distances.Distances(wanted, self._energy_tool)
        self._tools = tools.Tools(wanted, self._energy_tool)
        self._anatomy = anatomy.Anatomy(wanted)
        self._sight = sight.Sight(wanted)

    def forget(self) -> None:
        """Forget what was seen in earlier scenes."""
        self._current.forget()

    def extract(self, scene: SceneState) -> Found:
        """Give the features that are known of a scene, by name."""
        found = Found(self._wanted)
        kinds = distances.kinds_of(scene.instruments)
        self._distances.add(scene, kinds, found)
        self._tools.add(scene, kinds, found)
        self._current.add(scene, found)
        self._anatomy.add(scene, found)
        self._sight.add(scene, found)
        return found
