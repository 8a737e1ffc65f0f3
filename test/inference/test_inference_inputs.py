"""What comes to the inference node beside the frames: session context, calibration, a new reference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from geometry_msgs.msg import PoseStamped
from inference_helpers import ToldEngine, as_frame, noise
from node_helpers import Scenes, make_node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger
from surgical_guidance_msgs.msg import SessionContext, StageStatus

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.contract import (
    ARM_TIP,
    CAMERA_INFO,
    HEARTBEAT,
    OPTICAL_FRAME,
    RESET_REFERENCE_SERVICE,
    SESSION_CONTEXT,
)
from surgical_guidance.inference.lineup import Lineup
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.node import InferenceNode
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.ports import publisher, subscription
from surgical_guidance.scene.rulers import ToolPose
from surgical_guidance.scene.state import Energy, SceneState

K = [80.0, 0.0, 47.5, 0.0, 80.0, 31.5, 0.0, 0.0, 1.0]
CALIBRATION = {
    'image_width': 96,
    'image_height': 64,
    'camera_matrix': {'rows': 3, 'cols': 3, 'data': K},
    'distortion_coefficients': {'rows': 1, 'cols': 5, 'data': [0.0] * 5},
}
NOTHING = [math.nan] * 3
WHAT = 'liver'


@pytest.fixture(autouse=True)
def _told_models(told_manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ToldEngine()
    engine.results['labels'][0, 8:] = told_manifest.classes.index(WHAT)
    monkeypatch.setattr(Lineup, 'load', lambda *_: Lineup([Pipeline(told_manifest, engine)]))


class Bench:
    """A running node that frames of noise, 96 x 64 or as asked, are put before one after another."""

    def __init__(self, graph: Any, **params: Any) -> None:
        self.graph = graph
        self.node: InferenceNode = make_node(graph, **params)
        assert self.node.request(self.node.trigger_configure)
        assert self.node.request(self.node.trigger_activate)
        self.scenes = Scenes()
        self.node.scenes.connect(self.scenes)
        self._sequence = 0

    def show(self, height: int = 64, width: int = 96) -> SceneState:
        self._sequence += 1
        self.node.accept(as_frame(noise(1, height, width), self._sequence))
        return self.scenes.wait(self._sequence)[-1]


@pytest.fixture
def bench(graph: Any) -> Iterator[Bench]:
    bench = Bench(graph, energy_timeout_s=10.0)
    yield bench
    bench.node.close()


def count_of(capfd: pytest.CaptureFixture[str], said: str, kept: list[str]) -> int:
    kept.append(capfd.readouterr().err)
    return ''.join(kept).count(said)


def test_what_the_room_says_is_in_the_next_scene_and_goes_out_with_it(graph: Any, bench: Bench) -> None:
    assert bench.show().energy is Energy.UNKNOWN
    room = publisher(graph.node(), SESSION_CONTEXT)
    room.publish(SessionContext(energy=SessionContext.ENERGY_ON, critical_view=[1.0, 0.5, math.nan], identified=[WHAT]))
    assert graph.spin_until(lambda: bench.show().energy is Energy.ON)
    scene = bench.show()
    assert scene.critical_view[:2] == (1.0, 0.5)
    assert math.isnan(scene.critical_view[2])
    assert [(each.class_name, each.identified) for each in scene.structures] == [(WHAT, True)]
    room.publish(SessionContext(energy=SessionContext.ENERGY_OFF, critical_view=NOTHING))
    assert graph.spin_until(lambda: bench.show().energy is Energy.OFF)
    assert all(math.isnan(value) for value in bench.show().critical_view)


def test_a_critical_view_that_nobody_has_set_is_one_that_is_not_met_and_that_is_told_once(
    graph: Any, bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    room, kept = publisher(graph.node(), SESSION_CONTEXT), list[str]()
    for energy in (SessionContext.ENERGY_ON, SessionContext.ENERGY_OFF):
        room.publish(SessionContext(energy=energy))
        assert graph.spin_until(lambda energy=energy: bench.show().energy == energy)
        assert bench.show().critical_view == (0.0, 0.0, 0.0)
    assert count_of(capfd, 'taken as "no criterion is met"; NaN is "not told"', kept) == 1


def test_the_tips_that_arms_tell_go_to_the_scene_with_the_frame_of_their_moment(
    graph: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[ToolPose, ...]] = []
    build = bench.node._builder.build

    def watched(frame: Any, *args: Any) -> SceneState:
        told.append(args[-1].poses)
        return build(frame, *args)

    monkeypatch.setattr(bench.node._builder, 'build', watched)
    arm, kept = publisher(graph.node(), ARM_TIP), list[str]()
    pose = PoseStamped()
    pose.pose.position.x, pose.pose.position.z = 0.01, 0.08

    def heard(frame_id: str) -> tuple[ToolPose, ...]:
        pose.header.frame_id = frame_id
        pose.header.stamp = Time(nanoseconds=monotonic_ns()).to_msg()  # which the frames of this test go by
        arm.publish(pose)
        graph.executor.spin_once(timeout_sec=0.02)
        bench.show()
        return told[-1]

    def refused() -> bool:
        assert heard('PSM1_base') == ()
        return count_of(capfd, f'arm/measured_cp is refused: poses must be told in {OPTICAL_FRAME}', kept) > 0

    assert graph.spin_until(refused)
    assert graph.spin_until(lambda: len(heard(OPTICAL_FRAME)) == 1)
    assert (told[-1][0].x_mm, told[-1][0].z_mm) == pytest.approx((10.0, 80.0))


def test_a_pedal_that_falls_silent_never_looks_released(graph: Any) -> None:
    bench = Bench(graph, energy_timeout_s=0.3)
    room = publisher(graph.node(), SESSION_CONTEXT)
    message = SessionContext(energy=SessionContext.ENERGY_OFF, critical_view=[1.0, 1.0, 1.0])

    def heard() -> bool:
        room.publish(message)
        graph.executor.spin_once(timeout_sec=0.02)
        return bench.show().energy is Energy.OFF

    assert graph.spin_until(heard)
    assert graph.spin_until(lambda: bench.show().energy is Energy.UNKNOWN)
    assert bench.show().critical_view == (1.0, 1.0, 1.0)
    assert graph.spin_until(heard)
    bench.node.close()


def test_what_makes_no_sense_is_told_once_and_the_stage_goes_on(
    graph: Any, bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    beats: list[StageStatus] = []
    probe, kept = graph.node(), list[str]()
    subscription(probe, HEARTBEAT, beats.append)
    room = publisher(probe, SESSION_CONTEXT)
    said = "session_context: identified: 'galbladder' is no structure of contract.py; the rest of it is taken"
    wrong = SessionContext(energy=SessionContext.ENERGY_ON, critical_view=NOTHING, identified=['galbladder'])
    room.publish(wrong)
    assert graph.spin_until(lambda: bench.show().energy is Energy.ON)
    wrong.energy = SessionContext.ENERGY_OFF
    room.publish(wrong)
    assert graph.spin_until(lambda: bench.show().energy is Energy.OFF)
    assert count_of(capfd, said, kept) == 1
    assert graph.spin_until(lambda: beats and beats[-1].done >= 2)
    assert beats[-1].state == StageStatus.ACTIVE


def test_a_calibration_file_is_used_and_camera_info_not_listened_to(
    graph: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, kept = tmp_path / 'left.yaml', list[str]()
    file.write_text(yaml.safe_dump(CALIBRATION), encoding='utf-8')
    bench = Bench(graph, calibration=str(file))
    bench.show()
    bench.show()
    assert count_of(capfd, 'the camera is calibrated: focal length 80 px in pictures of 96 x 64', kept) == 1
    assert graph.node().count_subscribers(CAMERA_INFO.name) == 0
    bench.show(128, 192)
    assert count_of(capfd, 'scaled from 96 x 64', kept) == 1
    bench.show(96, 96)
    assert count_of(capfd, 'it is for pictures of 96 x 64 pixels, not 96 x 96', kept) == 1
    bench.node.close()


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ('a: [1', 'it is no YAML'),
        (yaml.safe_dump(CALIBRATION | {'image_width': -3}), 'image_width'),
        (None, 'it cannot be read'),
    ],
)
def test_a_broken_calibration_file_refuses_configure_and_says_why(
    graph: Any, tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / 'left.yaml'
    if content is not None:
        file.write_text(content, encoding='utf-8')
    beats: list[StageStatus] = []
    subscription(graph.node(), HEARTBEAT, beats.append)
    node = make_node(graph, calibration=str(file))
    assert not node.request(node.trigger_configure)
    assert graph.spin_until(lambda: any('left.yaml' in beat.detail and said in beat.detail for beat in beats))


def test_camera_info_calibrates_the_camera_and_a_broken_one_is_told_once(
    graph: Any, bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    kept: list[str] = []
    infos = publisher(graph.node(), CAMERA_INFO)
    good = CameraInfo(width=96, height=64, distortion_model='plumb_bob', d=[0.0] * 5, k=K)
    broken = CameraInfo(width=96, height=64)

    def until(message: CameraInfo, said: str) -> bool:
        def told() -> bool:
            infos.publish(message)
            graph.executor.spin_once(timeout_sec=0.02)
            bench.show()
            return count_of(capfd, said, kept) > 0

        return bool(graph.spin_until(told))

    assert until(broken, 'camera/camera_info is refused: ')
    assert until(good, 'the camera is calibrated: focal length 80 px')
    other = CameraInfo(width=96, height=64, distortion_model='plumb_bob', d=[0.0] * 5, k=[40.0, *K[1:4], 40.0, *K[5:]])
    assert until(other, 'the camera is calibrated: focal length 40 px')
    assert count_of(capfd, 'camera/camera_info is refused: ', kept) == 1
    assert bench.show().valid


def test_a_new_reference_is_taken_at_the_next_frame_and_only_while_the_node_is_active(
    graph: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = graph.node().create_client(Trigger, RESET_REFERENCE_SERVICE)
    assert graph.spin_until(client.service_is_ready)
    resets: list[int] = []
    bench.show()
    monkeypatch.setattr(bench.node._builder, 'reset_reference', lambda: resets.append(bench.node.done))

    def ask() -> Trigger.Response:
        future = client.call_async(Trigger.Request())
        assert graph.spin_until(future.done)
        return future.result()

    assert ask().success
    assert resets == []  # not in the middle of a frame
    bench.show()
    bench.show()
    assert resets == [1]
    assert bench.node.request(bench.node.trigger_deactivate)
    answer = ask()
    assert (answer.success, answer.message) == (False, 'inference is not active')
