"""A node of inference, and what it sends."""

from __future__ import annotations

import threading
from typing import Any

from rclpy.parameter import Parameter

from surgical_guidance.inference.node import InferenceNode
from surgical_guidance.scene.state import SceneState

WAIT_S = 10.0


class Scenes:
    """Collects scenes and lets a test wait for them."""

    def __init__(self) -> None:
        self.all: list[SceneState] = []
        self._changed = threading.Condition()

    def __call__(self, scene: SceneState) -> None:
        with self._changed:
            self.all.append(scene)
            self._changed.notify_all()

    def wait(self, count: int) -> list[SceneState]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.all) >= count, WAIT_S)
        return self.all


def make_node(graph: Any, *, by_topic: bool = False, **params: Any) -> InferenceNode:
    overrides = [Parameter(name, value=value) for name, value in ({'autostart': False} | params).items()]
    return graph.add(InferenceNode(frames_by_topic=by_topic, context=graph.context, parameter_overrides=overrides))
