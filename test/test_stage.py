"""Managed stages: transitions that fail say why and leave the process alive."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from rclpy.parameter import Parameter
from surgical_guidance_msgs.msg import StageStatus

from surgical_guidance.contract import HEARTBEAT
from surgical_guidance.errors import SourceError
from surgical_guidance.params import param
from surgical_guidance.ports import subscription
from surgical_guidance.stage import StageNode, StageParams


@dataclass(frozen=True)
class Params(StageParams):
    broken: str = param('', 'which step fails')


class Stage(StageNode[Params]):
    def __init__(self, **node) -> None:
        self.steps: list[str] = []
        super().__init__('camera', Params, **node)

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.params.broken == name:
            raise SourceError('no such file', where='x.mp4', remedy='choose another')
        if self.params.broken == f'crash {name}':
            raise KeyError(name)

    def setup(self) -> None:
        self.detail = 'a fine camera'
        self._step('setup')

    def start(self) -> None:
        self._step('start')

    def stop(self) -> None:
        self._step('stop')

    def teardown(self) -> None:
        self._step('teardown')


@pytest.fixture
def make(graph):
    def make_stage(*, autostart: bool, broken: str = '') -> Stage:
        overrides = [Parameter('autostart', value=autostart), Parameter('broken', value=broken)]
        return graph.add(Stage(context=graph.context, parameter_overrides=overrides))

    return make_stage


@pytest.fixture
def beats(graph):
    got: list[StageStatus] = []
    subscription(graph.node(), HEARTBEAT, got.append)
    return got


def test_autostart_brings_a_stage_to_work_and_its_heartbeat_says_so(graph, beats, make):
    stage = make(autostart=True)
    assert graph.spin_until(lambda: beats and beats[-1].state == StageStatus.ACTIVE)
    assert stage.steps == ['setup', 'start']
    assert (beats[-1].stage, beats[-1].detail) == ('camera', 'a fine camera')


def test_without_autostart_it_waits_for_a_manager(graph, beats, make):
    stage = make(autostart=False)
    assert graph.spin_until(lambda: beats)
    assert beats[-1].state == StageStatus.UNCONFIGURED
    assert stage.steps == []
    assert stage.request(stage.trigger_configure)
    assert stage.request(stage.trigger_activate)
    assert stage.request(stage.trigger_deactivate)
    assert stage.request(stage.trigger_cleanup)
    assert stage.steps == ['setup', 'start', 'stop', 'teardown']


@pytest.mark.parametrize(
    ('broken', 'problem'),
    [
        ('setup', 'cannot configure: x.mp4: no such file; choose another'),
        ('start', 'cannot activate: x.mp4: no such file; choose another'),
        ('crash setup', "cannot configure: KeyError: 'setup'"),
    ],
)
def test_a_failed_transition_says_why_and_the_process_lives(graph, beats, make, broken, problem):
    stage = make(autostart=True, broken=broken)
    assert graph.spin_until(lambda: beats and beats[-1].state == StageStatus.FAILED)
    assert beats[-1].detail == problem
    assert stage.steps[-1] in ('teardown', 'stop')  # what was taken is given back
    assert graph.spin_until(lambda: len(beats) > 4)  # and it goes on telling


def test_a_failed_stage_can_be_tried_again(graph, make):
    stage = make(autostart=False, broken='setup')
    assert not stage.request(stage.trigger_configure)
    stage.params = Params(autostart=False)
    assert stage.request(stage.trigger_configure)


def test_a_transition_that_is_not_allowed_is_told_and_does_not_kill(make):
    stage = make(autostart=False)
    assert not stage.request(stage.trigger_activate)
    assert stage.request(stage.trigger_configure)


def test_a_fault_at_work_is_told_at_once_and_taken_back(graph, beats, make):
    stage = make(autostart=True)
    assert graph.spin_until(lambda: beats and beats[-1].state == StageStatus.ACTIVE)
    stage.fault('cable pulled')
    assert graph.spin_until(lambda: beats[-1].state == StageStatus.ERROR)
    assert beats[-1].detail == 'cable pulled'
    stage.fault('')
    assert graph.spin_until(lambda: beats[-1].state == StageStatus.ACTIVE)


def test_the_end_of_a_source_is_told(graph, beats, make):
    stage = make(autostart=True)
    assert graph.spin_until(lambda: beats and beats[-1].state == StageStatus.ACTIVE)
    stage.finish()
    assert graph.spin_until(lambda: beats[-1].state == StageStatus.FINISHED)
