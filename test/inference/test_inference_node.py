"""The inference node: newest frame wins, and no failure of the engine ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from inference_helpers import ToldEngine, as_frame
from rclpy.parameter import Parameter
from surgical_guidance_msgs.msg import SceneState as SceneMessage
from surgical_guidance_msgs.msg import StageStatus

from surgical_guidance.contract import FRAME, HEARTBEAT, SCENE
from surgical_guidance.frames import RingWriter, ring_scope
from surgical_guidance.inference.lineup import Lineup
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.node import InferenceNode
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.phantom.scene import Scene
from surgical_guidance.ports import frame_ref, publisher, subscription
from surgical_guidance.scene.state import SceneState

WAIT_S = 10.0


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)


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


@pytest.fixture
def engine() -> ToldEngine:
    return ToldEngine()


@pytest.fixture
def node(
    graph: Any, engine: ToldEngine, told_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InferenceNode]:
    """A running node whose engine does as it is told."""
    monkeypatch.setattr(Lineup, 'load', lambda *_: Lineup([Pipeline(told_manifest, engine)]))
    node = make_node(graph)
    assert node.request(node.trigger_configure)
    assert node.request(node.trigger_activate)
    yield node
    engine.before = lambda: None
    node.close()


def test_a_frame_becomes_a_scene_with_its_times(node: InferenceNode) -> None:
    scenes = Scenes()
    node.scenes.connect(scenes)
    frame = as_frame(image(), 7)
    node.accept(frame)
    (scene,) = scenes.wait(1)
    assert scene.valid, scene.problem
    assert (scene.sequence, scene.stamp_ns, scene.monotonic_ns) == (7, frame.stamp_ns, frame.monotonic_ns)
    assert (scene.width, scene.height) == (96, 64)
    assert [stage.stage for stage in scene.stages] == ['handover', 'inference', 'scene']
    handover, inference, _ = scene.stages
    assert handover.start_ms == 0.0
    assert inference.start_ms == pytest.approx(handover.duration_ms)


def test_the_newest_frame_wins_and_the_others_are_counted(node: InferenceNode, engine: ToldEngine) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert go_on.wait(WAIT_S)

    scenes = Scenes()
    node.scenes.connect(scenes)
    engine.before = hold
    node.accept(as_frame(image(), 1))
    assert entered.wait(WAIT_S)
    for sequence in (2, 3, 4):
        node.accept(as_frame(image(), sequence))
    go_on.set()
    assert [scene.sequence for scene in scenes.wait(2)] == [1, 4]
    assert node.dropped == 2


def test_an_engine_that_fails_makes_invalid_scenes_and_the_worker_lives(
    graph: Any, node: InferenceNode, engine: ToldEngine
) -> None:
    heartbeats: list[StageStatus] = []
    subscription(graph.node(), HEARTBEAT, heartbeats.append)
    scenes = Scenes()
    node.scenes.connect(scenes)
    engine.failing = True
    for sequence in (1, 2):
        node.accept(as_frame(image(), sequence))
        failed = scenes.wait(sequence)[-1]
        assert not failed.valid
        assert failed.problem == 'the engine is told to fail'
        assert failed.sequence == sequence
    assert graph.spin_until(lambda: any(beat.state == StageStatus.ERROR for beat in heartbeats))
    assert 'told to fail' in heartbeats[-1].detail
    engine.failing = False
    node.accept(as_frame(image(), 3))
    assert scenes.wait(3)[-1].valid
    assert graph.spin_until(lambda: heartbeats[-1].state == StageStatus.ACTIVE)


def test_a_torn_frame_gives_no_scene_and_is_counted(node: InferenceNode) -> None:
    scenes = Scenes()
    node.scenes.connect(scenes)
    looked = threading.Event()

    def overwritten() -> int:
        looked.set()
        return 9

    node.accept(as_frame(image(), 1, overwritten))
    assert looked.wait(WAIT_S)
    node.accept(as_frame(image(), 2))
    assert [scene.sequence for scene in scenes.wait(1)] == [2]
    assert node.torn == 1


def test_a_result_that_is_not_believed_makes_an_invalid_scene(node: InferenceNode, engine: ToldEngine) -> None:
    scenes = Scenes()
    node.scenes.connect(scenes)
    engine.results['labels'][:] = 6
    node.accept(as_frame(image(), 1))
    (scene,) = scenes.wait(1)
    assert not scene.valid
    assert scene.problem == 'the network sees nothing but liver'


def test_it_stops_and_starts_again(node: InferenceNode) -> None:
    assert node.request(node.trigger_deactivate)
    node.accept(as_frame(image(), 1))
    assert node.request(node.trigger_activate)
    scenes = Scenes()
    node.scenes.connect(scenes)
    node.accept(as_frame(image(), 2))
    assert [scene.sequence for scene in scenes.wait(1)] == [2]


@pytest.mark.parametrize(
    ('params', 'said'),
    [
        ({'engine': 'tensorrt'}, 'TensorRT is not in this version'),
        ({'models': ['none_such']}, 'there is no such model'),
        ({'models': ['phantom_view']}, 'a scene is made from one segmentation: phantom_view does not segment'),
        ({'ladder': 'none_such.yaml'}, 'the degradation ladder cannot be read'),
    ],
)
def test_a_model_that_cannot_be_loaded_leaves_the_node_unconfigured_and_told(
    graph: Any, params: dict[str, Any], said: str
) -> None:
    heartbeats: list[StageStatus] = []
    subscription(graph.node(), HEARTBEAT, heartbeats.append)
    node = make_node(graph, **params)
    assert not node.request(node.trigger_configure)
    assert graph.spin_until(lambda: any(said in beat.detail for beat in heartbeats))


def test_frames_of_another_process_are_followed_into_their_ring(graph: Any) -> None:
    messages: list[SceneMessage] = []
    probe = graph.node()
    references = publisher(probe, FRAME)
    subscription(probe, SCENE, messages.append)
    node = make_node(graph, by_topic=True, autostart=True)
    ring = RingWriter(ring_scope('inference_test', str(graph.context.get_domain_id())), 3, 640 * 360 * 3)
    phantom = Scene(640, 360, seed=2)

    def show() -> bool:
        draft = ring.begin(640, 360)
        phantom.render(1.0 + draft.sequence / 30, draft.image)
        references.publish(frame_ref(ring.commit(draft, 1_000_000_000 + draft.sequence, 1)))
        graph.executor.spin_once(timeout_sec=0.02)
        return bool(messages)

    try:
        assert graph.spin_until(lambda: node.detail and show(), 20.0)
    finally:
        ring.close()
    message = messages[0]
    assert message.valid, message.problem
    assert 'l_hook_electrocautery' in [instrument.class_name for instrument in message.instruments]
    assert 'liver' in [structure.class_name for structure in message.structures]
    assert node.done >= 1
