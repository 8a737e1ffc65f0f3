"""The inference node: newest frame wins, and no failure of the engine ends it."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from inference_helpers import GivenEngine, ToldEngine, as_frame, told
from node_helpers import WAIT_S, Scenes, make_node
from surgical_guidance_msgs.msg import DegradationStep, InferenceStatus, StageStatus
from surgical_guidance_msgs.msg import SceneState as SceneMessage

from surgical_guidance.contract import CONDITIONS, DEGRADATION_STEP, FRAME, HEARTBEAT, INFERENCE_STATUS, SCENE
from surgical_guidance.frames import RingWriter, ring_scope
from surgical_guidance.inference.lineup import Lineup
from surgical_guidance.inference.manifest import Manifest, load_manifest
from surgical_guidance.inference.node import InferenceNode
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.phantom.scene import Scene
from surgical_guidance.ports import frame_ref, publisher, subscription

PHASES = load_manifest('phantom_phase').heads['phase']


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)


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
        ({'engine': 'tensorrt'}, 'tensorrt does not run here'),
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


def test_the_status_of_the_models_is_published_and_a_step_that_is_asked_for_takes_effect(
    graph: Any, node: InferenceNode
) -> None:
    told: list[InferenceStatus] = []
    probe = graph.node()
    subscription(probe, INFERENCE_STATUS, told.append)
    steps = publisher(probe, DEGRADATION_STEP)
    scenes = Scenes()
    node.scenes.connect(scenes)
    node.accept(as_frame(image(), 1))
    scenes.wait(1)
    assert graph.spin_until(lambda: told and told[-1].frames == 1)
    (model,) = told[-1].models
    assert (model.name, model.looks, model.stride, model.safety_relevant) == ('phantom_segmentation', 1, 1, True)
    assert model.cost_p99_ms > 0.0
    assert (told[-1].step, told[-1].budget_ms) == (0, 25.0)

    steps.publish(DegradationStep(step=7, reason='the host is too hot'))
    assert graph.spin_until(lambda: node._step == 7)
    for sequence in (2, 3, 4, 5):
        node.accept(as_frame(image(), sequence))
        scenes.wait(1 + sequence // 2)  # from now on every second frame
    assert graph.spin_until(lambda: told[-1].step == 7)
    assert told[-1].models[0].stride == 2


def test_a_step_asked_for_before_the_models_are_loaded_holds_for_them(
    graph: Any, engine: ToldEngine, told_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lineup, 'load', lambda *_: Lineup([Pipeline(told_manifest, engine)]))
    steps = publisher(graph.node(), DEGRADATION_STEP)
    steps.publish(DegradationStep(step=7, reason='the host is too hot'))  # latched: a node that starts anew hears it
    node = make_node(graph)
    assert graph.spin_until(lambda: node._step == 7)
    assert node.request(node.trigger_configure)
    assert node.request(node.trigger_activate)
    scenes = Scenes()
    node.scenes.connect(scenes)
    node.accept(as_frame(image(), 1))
    scenes.wait(1)
    assert node._lineup is not None
    assert node._lineup.step == 7
    node.close()


def test_phase_action_and_conditions_are_in_the_scenes_of_the_models_that_ship(graph: Any) -> None:
    node = make_node(graph, budget_ms=1000.0)  # room for all, however busy the machine is
    assert node.request(node.trigger_configure)
    assert node.request(node.trigger_activate)
    scenes = Scenes()
    node.scenes.connect(scenes)
    phantom = Scene(640, 360, seed=2)
    for sequence in range(1, 9):
        picture = np.empty((360, 640, 3), np.uint8)
        phantom.render(1.0 + sequence / 30, picture)
        node.accept(as_frame(picture, sequence))
        scenes.wait(sequence)
    last = scenes.all[-1]
    assert last.phase in PHASES
    assert 0.0 < last.phase_probability <= 1.0
    assert last.action
    assert {condition.name for condition in last.conditions} == set(CONDITIONS)
    node.close()


def test_the_endoscope_may_change_its_resolution_while_it_runs(graph: Any) -> None:
    node = make_node(graph)
    assert node.request(node.trigger_configure)
    assert node.request(node.trigger_activate)
    scenes = Scenes()
    node.scenes.connect(scenes)
    sizes = [(1920, 1080), (1280, 720), (720, 576), (1280, 720)]
    before = {id(pipeline) for member in node._lineup.members for pipeline in member.pipelines.values()}
    found = []
    for sequence, (width, height) in enumerate(sizes, 1):
        picture = np.empty((height, width, 3), np.uint8)
        Scene(width, height, seed=7001).render(1.0, picture)
        node.accept(as_frame(picture, sequence))
        scene = scenes.wait(sequence)[-1]
        assert scene.valid, scene.problem
        assert (scene.width, scene.height) == (width, height)
        found.append(next(each for each in scene.structures if each.class_name == 'liver').area)
    assert found[1] == found[3]  # nothing is left over from the size before
    assert found[0] == pytest.approx(found[1], rel=0.1)
    assert before == {id(pipeline) for member in node._lineup.members for pipeline in member.pipelines.values()}
    node.close()


def test_a_model_beside_the_scenes_that_fails_is_told_and_the_scenes_go_on(
    graph: Any, told_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = GivenEngine({'view': np.zeros((1, 1), np.float32)})
    view = told('multilabel', {'view': 'view'}, name='view', heads={'view': ['smoke']}, stride=3)
    pipelines = [Pipeline(told_manifest, ToldEngine()), Pipeline(view, failing)]
    monkeypatch.setattr(Lineup, 'load', lambda *_: Lineup(pipelines))
    heartbeats: list[StageStatus] = []
    subscription(graph.node(), HEARTBEAT, heartbeats.append)
    node = make_node(graph)
    assert node.request(node.trigger_configure)
    assert node.request(node.trigger_activate)
    failing.failing = True
    scenes = Scenes()
    node.scenes.connect(scenes)
    for sequence in range(1, 6):
        node.accept(as_frame(image(), sequence))
        assert scenes.wait(sequence)[-1].valid
    assert graph.spin_until(
        lambda: any('view failed: the engine is told to fail' in beat.detail for beat in heartbeats)
    )
    assert [beat.detail for beat in heartbeats if beat.state == StageStatus.ERROR]


def test_200_rounds_of_configure_activate_deactivate_cleanup_leave_no_thread_and_no_memory(
    graph: Any, engine: ToldEngine, told_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an engine that costs nothing: `surgical-guidance bench inference` does the same with the real ones."""
    monkeypatch.setattr(Lineup, 'load', lambda *given: Lineup([Pipeline(told_manifest, engine)], ladder=given[-1]))
    monkeypatch.setattr('surgical_guidance.inference.pipeline.WARM_UP_RUNS', 2)
    node = make_node(graph)
    scenes = Scenes()
    node.scenes.connect(scenes)
    frame = as_frame(image(), 1)

    def turn(count: int) -> tuple[int, int]:
        """Go round; how many blocks of Python's memory and how many threads there are then."""
        for _ in range(count):
            assert node.request(node.trigger_configure)
            assert node.request(node.trigger_activate)
            node.accept(frame)
            scenes.wait(1)
            assert node.request(node.trigger_deactivate)
            assert node.request(node.trigger_cleanup)
            scenes.all.clear()
        gc.collect()
        return sys.getallocatedblocks(), threading.active_count()

    blocks, threads = turn(100)  # caches fill up to then
    blocks_later, threads_later = turn(100)
    assert threads_later == threads
    assert blocks_later - blocks < 100 * 10  # a pipeline or a scene that were kept would be hundreds of blocks each


def test_why_a_better_engine_was_passed_over_is_told_once(
    graph: Any, told_manifest: Manifest, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = ToldEngine()
    engine.passed_over = (('tensorrt', 'it is not installed'), ('onnxruntime-cuda', 'there is no GPU'))
    monkeypatch.setattr(Lineup, 'load', lambda *_: Lineup([Pipeline(told_manifest, engine)]))
    node = make_node(graph)
    assert node.request(node.trigger_configure)
    said = 'engines passed over: tensorrt: it is not installed; onnxruntime-cuda: there is no GPU'
    assert capfd.readouterr().err.count(said) == 1
