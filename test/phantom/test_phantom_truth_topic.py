"""Who subscribes hears what is really in the frames of the phantom; nobody else pays for it."""

from __future__ import annotations

import json
import os

import pytest
from rclpy.parameter import Parameter

from surgical_guidance import ports
from surgical_guidance.camera.node import CameraNode
from surgical_guidance.camera.sources import register
from surgical_guidance.contract import TRUTH
from surgical_guidance.phantom import source
from surgical_guidance.phantom.truth import FrameTruth


@pytest.fixture
def camera(graph) -> CameraNode:
    register('phantom', source.phantom_source)
    parameters = [
        Parameter('source', value='phantom:?size=320x180&rate=10'),
        Parameter('autostart', value=False),
    ]
    node = CameraNode(namespace=f'/truth{os.getpid()}', context=graph.context, parameter_overrides=parameters)
    return graph.add(node)


def test_the_truth_of_every_frame_is_told_to_who_subscribes(graph, camera) -> None:
    listener = graph.node('listener', camera.get_namespace())
    heard: list[str] = []
    subscription = ports.subscription(listener, TRUTH, lambda message: heard.append(message.data))
    assert camera.request(camera.trigger_configure)
    assert camera.request(camera.trigger_activate)
    assert graph.spin_until(lambda: len(heard) >= 2)
    told = json.loads(heard[-1])
    truth = FrameTruth.from_json(json.dumps(told['truth']))
    assert truth.index == told['sequence'] - 1
    assert {one.class_name for one in truth.instruments} == {'grasper', 'l_hook_electrocautery'}
    assert truth.instruments[0].distances['gallbladder'].mm < 10.0
    listener.destroy_subscription(subscription)


def test_it_is_not_worked_out_for_nobody(graph, camera, monkeypatch: pytest.MonkeyPatch) -> None:
    def must_not(*_: object) -> FrameTruth:
        raise AssertionError('nobody asked')

    monkeypatch.setattr(source, 'demo_truth', must_not)
    assert camera.request(camera.trigger_configure)
    assert camera.request(camera.trigger_activate)
    assert graph.spin_until(lambda: camera.done >= 2)
    assert not camera.ended.is_set()
