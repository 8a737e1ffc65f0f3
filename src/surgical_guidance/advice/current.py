"""The energy tool over time: how long current has flowed, whether its tip is seen, and since when it is not."""

from __future__ import annotations

from surgical_guidance.advice.feature import Feature, Found
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.scene.state import NAN, Energy, SceneState

ON_S = 'energy.on_s'
HIDDEN = 'energy.tip_hidden'
UNSEEN_S = 'energy_tool.unseen_s'
WAS_IDLE = 'energy_tool.was_idle'
NAMES = frozenset({ON_S, HIDDEN, UNSEEN_S, WAS_IDLE})

_ON, _OFF = Energy.ON, Energy.OFF  # looked up once: in Python 3.11 each time takes 0.2 us
_OWN_VERBS = ('dissect', 'coagulate', 'null_verb')  # what is done when it works, or nobody does


class EnergyTool:
    """Follows the energy tool, scene after scene, by their stamps.

    :param class_name: instrument class that carries energy.
    """

    def __init__(self, class_name: str) -> None:
        self._class_name = class_name
        self._seen_ns: int | None = None
        self._seen_action = ''
        self._on_ns: int | None = None

    def forget(self) -> None:
        """Forget what was seen in earlier scenes."""
        self._seen_ns = self._on_ns = None

    def add(self, scene: SceneState, found: Found) -> None:
        """Take in a scene and add what is known."""
        tools = [tool for tool in scene.instruments if tool.class_name == self._class_name]
        visible = any(tool.tip_visible for tool in tools)
        if visible:
            self._seen_ns, self._seen_action = scene.stamp_ns, scene.action
        if self._seen_ns is not None:
            if self._seen_action:
                found.number(WAS_IDLE, float(self._seen_action not in _OWN_VERBS))
            _seconds(UNSEEN_S, scene.stamp_ns - self._seen_ns, found)
        told = [scene.energy, *[tool.energised for tool in tools]]
        if _ON in told:
            if self._on_ns is None:
                self._on_ns = scene.stamp_ns
            _seconds(ON_S, scene.stamp_ns - self._on_ns, found)
            found.number(HIDDEN, float(not visible))
        else:
            self._on_ns = None
            if _OFF in told:
                _seconds(ON_S, 0, found)
                found.number(HIDDEN, 0.0)


def _seconds(name: str, ns: int, found: Found) -> None:
    value = ns / NS_PER_S
    found.told(Feature(name, value, NAN, 's', value))
