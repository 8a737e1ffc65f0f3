"""The advice stage in a ROS graph."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from advice_scenes import ARTERY, BOWEL, NO_POINTS, tool
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger
from surgical_guidance_msgs.msg import StageStatus, Suggestion
from surgical_guidance_msgs.srv import RespondToSuggestion

from surgical_guidance.advice.counters import FrameCounters
from surgical_guidance.advice.node import AdviceNode
from surgical_guidance.advice.synthesiser import Synthesiser
from surgical_guidance.clock import NS_PER_MS, NS_PER_S, monotonic_ns
from surgical_guidance.contract import (
    HEARTBEAT,
    OVERLAY_IMAGE,
    RELOAD_SERVICE,
    RESPOND_SERVICE,
    SCENE,
    SUGGESTION,
    TIMING,
)
from surgical_guidance.frames import Frame
from surgical_guidance.ports import publisher, subscription
from surgical_guidance.scene.messages import to_message
from surgical_guidance.scene.state import Proximity, SceneState, StageTime, Structure

STAMP_OFFSET_NS = 1_700_000_000 * NS_PER_S


class Bench:
    """An advice node, everything it says, and a hand that gives it scenes."""

    def __init__(self, graph: Any, *, by_topic: bool = False, **params: Any) -> None:
        self.graph = graph
        overrides = [Parameter(name, value=value) for name, value in params.items()]
        self.suggestions: list[Suggestion] = []
        self.timings: list[Any] = []
        self.beats: list[StageStatus] = []
        probe = graph.node()
        self.kept = [
            subscription(probe, SUGGESTION, self.suggestions.append),
            subscription(probe, TIMING, self.timings.append),
            subscription(probe, HEARTBEAT, self.beats.append),
        ]
        self.scenes = publisher(probe, SCENE)
        self.client = probe.create_client(RespondToSuggestion, RESPOND_SERVICE)
        self.node = AdviceNode(scenes_by_topic=by_topic, context=graph.context, parameter_overrides=overrides)
        graph.add(self.node)
        self.sequence = 0

    def until_active(self) -> Bench:
        assert self.graph.spin_until(lambda: self.beats and self.beats[-1].state == StageStatus.ACTIVE)
        return self

    def scene(self, *near: str, latency_ns: int = 30 * NS_PER_MS, mm: float = 2.0) -> SceneState:
        """Make the scene of a frame that was captured a moment ago."""
        self.sequence += 1
        captured = monotonic_ns() - latency_ns
        return SceneState(
            stamp_ns=STAMP_OFFSET_NS + captured,
            sequence=self.sequence,
            monotonic_ns=captured,
            width=1920,
            height=1080,
            instruments=(tool(),),
            structures=tuple(Structure(name, 0.9, NO_POINTS, 0.1) for name in near),
            proximities=tuple(
                Proximity(0, index, 32.0, mm, 0.2, 'shaft_width', 950.0, 560.0) for index, _ in enumerate(near)
            ),
            quality=0.9,
            sharpness=200.0,
            stages=(StageTime('handover', 0.0, 1.0), StageTime('scene', 1.0, latency_ns / NS_PER_MS - 1.0)),
        )

    def feed(self, *near: str, until: Callable[[], object], give: Callable[[SceneState], None] | None = None) -> None:
        """Give scenes at about 50 Hz until something holds."""
        give = give or self.node.on_scene

        def turn() -> object:
            give(self.scene(*near))
            return until()

        assert self.graph.spin_until(turn)

    def shown(self, status: int, rule_id: str = '') -> bool:
        return bool(self.suggestions) and (self.suggestions[-1].status, self.suggestions[-1].rule_id) == (
            status,
            rule_id,
        )


@pytest.fixture
def bench(graph: Any) -> Bench:
    return Bench(graph).until_active()


def test_it_tells_how_many_rules_it_has_and_begins_withdrawn(bench: Bench) -> None:
    assert bench.beats[-1].detail == '23 rules'
    assert bench.graph.spin_until(lambda: bench.shown(Suggestion.STATUS_WITHDRAWN))
    assert bench.suggestions[-1].reason == 'no picture yet'


def test_a_scene_handed_over_becomes_a_suggestion_and_the_times_of_its_frame(bench: Bench) -> None:
    bench.feed(BOWEL, until=lambda: bench.shown(Suggestion.STATUS_VALID, 'hook_near_bowel') and bench.timings)
    shown, timing = bench.suggestions[-1], bench.timings[-1]
    assert shown.text_zh == '电钩距离肠壁过近，请抬高操作角度'
    assert shown.evidence[0].name.endswith('distance_mm')
    stages = {stage.stage: stage for stage in timing.stages}
    assert list(stages) == ['handover', 'scene', 'advice', 'capture_to_advice']
    assert stages['capture_to_advice'].start_ms == 0
    assert 30 <= stages['capture_to_advice'].duration_ms < 2000
    assert stages['advice'].start_ms >= 30
    assert stages['capture_to_advice'].duration_ms >= stages['advice'].duration_ms > 0


def test_lost_frames_are_counted(bench: Bench) -> None:
    bench.node.on_scene(bench.scene())
    bench.sequence += 3
    bench.node.on_scene(bench.scene())
    assert bench.graph.spin_until(lambda: len(bench.timings) == 2)
    assert [(one.captured, one.processed, one.dropped) for one in bench.timings] == [(1, 1, 0), (5, 2, 3)]
    assert bench.node.done == 2


def test_counters_take_a_source_that_began_anew() -> None:
    counters = FrameCounters()
    for sequence in (10, 11, 13, 1, 2, 2):
        counters.add(sequence)
    assert (counters.captured, counters.processed, counters.dropped) == (7, 6, 1)


def test_silence_becomes_an_interruption_without_any_scene_and_then_a_withdrawal(bench: Bench) -> None:
    bench.feed(ARTERY, until=lambda: bench.shown(Suggestion.STATUS_VALID, 'suspected_artery_near'))
    last = monotonic_ns()
    assert bench.graph.spin_until(lambda: bench.shown(Suggestion.STATUS_INTERRUPTED, 'suspected_artery_near'))
    assert monotonic_ns() - last < NS_PER_S
    assert bench.suggestions[-1].reason == 'no new frame'
    assert bench.graph.spin_until(lambda: bench.shown(Suggestion.STATUS_WITHDRAWN, 'suspected_artery_near'))
    count = len(bench.suggestions)
    assert bench.graph.spin_until(lambda: len(bench.suggestions) > count)  # silence is never mistaken for calm
    assert bench.suggestions[-1] == bench.suggestions[-2]


def test_scenes_come_by_topic_too(graph: Any) -> None:
    bench = Bench(graph, by_topic=True).until_active()
    bench.feed(
        BOWEL,
        until=lambda: bench.shown(Suggestion.STATUS_VALID, 'hook_near_bowel'),
        give=lambda scene: bench.scenes.publish(to_message(scene)),
    )


@pytest.mark.parametrize('boot_ns', [10**15, -(10**15)])
def test_scenes_of_another_boot_are_taken_as_if_they_had_just_come(bench: Bench, boot_ns: int) -> None:
    def recorded(scene: SceneState) -> None:
        bench.node.on_scene(replace(scene, monotonic_ns=scene.monotonic_ns + boot_ns))

    bench.feed(until=lambda: bench.shown(Suggestion.STATUS_NONE) and bench.timings, give=recorded)
    whole = bench.timings[-1].stages[-1]
    assert 30 <= whole.duration_ms < 2000
    assert bench.graph.spin_until(lambda: bench.shown(Suggestion.STATUS_INTERRUPTED))


def test_a_defect_is_told_interrupts_and_ends_with_the_next_good_scenes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.feed(BOWEL, until=lambda: bench.shown(Suggestion.STATUS_VALID, 'hook_near_bowel'))

    def broken(*_: object) -> None:
        raise ZeroDivisionError('oh')

    with monkeypatch.context() as patch:
        patch.setattr(Synthesiser, 'on_scene', broken)
        bench.node.on_scene(bench.scene(BOWEL))
        assert bench.graph.spin_until(lambda: bench.shown(Suggestion.STATUS_INTERRUPTED, 'hook_near_bowel'))
        assert bench.graph.spin_until(lambda: bench.beats[-1].state == StageStatus.ERROR)
        assert 'ZeroDivisionError: oh' in bench.beats[-1].detail
    bench.feed(BOWEL, until=lambda: bench.shown(Suggestion.STATUS_VALID, 'hook_near_bowel'))
    assert bench.graph.spin_until(lambda: bench.beats[-1].state == StageStatus.ACTIVE)


def test_the_surgeon_can_reject_what_is_shown(bench: Bench) -> None:
    bench.feed(BOWEL, until=lambda: bench.shown(Suggestion.STATUS_VALID, 'hook_near_bowel'))
    request = RespondToSuggestion.Request(
        sequence=bench.suggestions[-1].sequence, response=RespondToSuggestion.Request.REJECT, by='surgeon'
    )
    assert bench.graph.spin_until(bench.client.service_is_ready)
    future = bench.client.call_async(request)
    assert bench.graph.spin_until(lambda: future.done() and bench.shown(Suggestion.STATUS_WITHDRAWN, 'hook_near_bowel'))
    assert future.result().success
    assert bench.suggestions[-1].reason == 'rejected by surgeon'
    bench.feed(BOWEL, until=lambda: bench.shown(Suggestion.STATUS_NONE))


def test_deactivated_it_withdraws_what_is_shown_and_takes_no_scenes(bench: Bench) -> None:
    bench.feed(BOWEL, until=lambda: bench.shown(Suggestion.STATUS_VALID, 'hook_near_bowel'))
    assert bench.node.request(bench.node.trigger_deactivate)
    done = bench.node.done
    bench.node.on_scene(bench.scene(BOWEL))
    assert bench.node.done == done
    assert bench.graph.spin_until(lambda: bench.shown(Suggestion.STATUS_WITHDRAWN, 'hook_near_bowel'))
    assert bench.suggestions[-1].reason == 'advice was stopped'
    assert bench.node.request(bench.node.trigger_activate)
    bench.feed(until=lambda: bench.shown(Suggestion.STATUS_NONE))


def test_a_rule_table_that_cannot_be_used_is_told_with_its_line(graph: Any, tmp_path: Any) -> None:
    bad = tmp_path / 'bad.yaml'
    bad.write_text('rules:\n  - id: 7\n', 'utf-8')
    bench = Bench(graph, rules=str(bad))
    assert graph.spin_until(lambda: bench.beats and bench.beats[-1].state == StageStatus.FAILED)
    assert f'{bad}:2' in bench.beats[-1].detail
    bench.node.on_scene(bench.scene())  # is not taken, and nothing breaks


ONE_RULE = """\
rules:
  - id: {id}
    source: '[I]'
    priority: low
    when: view.sharpness < 500
    hold_s: 0.0
    release_s: 0.1
    cooldown_s: 0.1
    silence_s: 1.0
    valid_for_s: 2.0
    text: {{zh: 一, en: {en}}}
"""


@pytest.fixture
def own_rules(tmp_path: Path) -> Path:
    path = tmp_path / 'own.yaml'
    path.write_text(ONE_RULE.format(id='mine', en='one'), 'utf-8')
    return path


def test_the_rules_are_loaded_again_on_demand_all_or_nothing(graph: Any, own_rules: Path) -> None:
    bench = Bench(graph, rules=str(own_rules), watch_rules=False).until_active()
    reload = graph.node().create_client(Trigger, RELOAD_SERVICE)
    assert graph.spin_until(reload.service_is_ready)

    def reloaded() -> Trigger.Response:
        future = reload.call_async(Trigger.Request())
        assert graph.spin_until(future.done)
        return future.result()

    bench.feed(until=lambda: bench.shown(Suggestion.STATUS_VALID, 'mine'))
    own_rules.write_text(ONE_RULE.format(id='mine', en='two').replace('hold_s: 0.0', 'hold_s: soon'), 'utf-8')
    answer = reloaded()
    assert not answer.success
    assert f'{own_rules}:6' in answer.message
    assert 'The rules in force stay' in answer.message
    assert graph.spin_until(lambda: bench.beats[-1].detail == answer.message)
    assert bench.beats[-1].state == StageStatus.ACTIVE
    bench.feed(until=lambda: bench.shown(Suggestion.STATUS_VALID, 'mine'))
    assert bench.suggestions[-1].text_en == 'one'
    own_rules.write_text(ONE_RULE.format(id='other', en='two'), 'utf-8')
    answer = reloaded()
    assert answer.success
    assert '1 rules in force' in answer.message
    assert graph.spin_until(lambda: bench.shown(Suggestion.STATUS_WITHDRAWN, 'mine'))
    assert bench.suggestions[-1].reason == 'its rule was taken out of the table'
    bench.feed(until=lambda: bench.shown(Suggestion.STATUS_VALID, 'other'))


def test_the_rules_are_loaded_again_when_their_file_changes(graph: Any, own_rules: Path) -> None:
    bench = Bench(graph, rules=str(own_rules)).until_active()
    bench.feed(until=lambda: bench.shown(Suggestion.STATUS_VALID, 'mine'))
    own_rules.write_text(ONE_RULE.format(id='other', en='changed'), 'utf-8')
    bench.feed(until=lambda: bench.shown(Suggestion.STATUS_VALID, 'other'))


def test_answers_are_recorded_one_a_line_also_those_that_came_too_late(graph: Any, tmp_path: Path) -> None:
    bench = Bench(graph, log_directory=str(tmp_path / 'run')).until_active()
    bench.feed(BOWEL, until=lambda: bench.shown(Suggestion.STATUS_VALID, 'hook_near_bowel'))
    assert graph.spin_until(bench.client.service_is_ready)
    shown = bench.suggestions[-1].sequence
    for sequence, response in ((shown + 7, 0), (shown, RespondToSuggestion.Request.NOT_NOW)):
        future = bench.client.call_async(RespondToSuggestion.Request(sequence=sequence, response=response, by='Dr. 王'))
        assert graph.spin_until(future.done)
    lines = [json.loads(line) for line in (tmp_path / 'run' / 'responses.jsonl').read_text('utf-8').splitlines()]
    assert [(line['response'], line['rule'], line['by']) for line in lines] == [
        ('accept', 'hook_near_bowel', 'Dr. 王'),
        ('not_now', 'hook_near_bowel', 'Dr. 王'),
    ]
    assert 'is not shown now' in lines[0]['outcome']
    assert 'silent for 0.5 s' in lines[1]['outcome']


def test_the_overlay_is_off_until_asked_for_and_its_language_is_live(graph: Any) -> None:
    bench = Bench(graph).until_active()
    pictures: list[Any] = []
    keep = subscription(graph.node(), OVERLAY_IMAGE, pictures.append)

    def give(scene: SceneState) -> None:
        image = np.full((108, 192, 3), 90, np.uint8)
        bench.node.on_frame(
            Frame(scene.sequence, scene.stamp_ns, scene.monotonic_ns, image, 'bgr8', '', 0, lambda: scene.sequence)
        )
        bench.node.on_scene(scene)

    bench.feed(BOWEL, until=lambda: bench.shown(Suggestion.STATUS_VALID, 'hook_near_bowel'), give=give)
    assert not pictures
    drawn = []
    for settings in ({'overlay': True}, {'surgeon_language': 'en'}, {'overlay_outlines': 'none'}):
        results = bench.node.set_parameters([Parameter(name, value=value) for name, value in settings.items()])
        assert all(result.successful for result in results)
        pictures.clear()
        bench.feed(BOWEL, until=lambda: len(pictures) > 2, give=give)
        drawn.append(bytes(pictures[-1].data))
    assert (pictures[-1].width, pictures[-1].height, pictures[-1].encoding) == (192, 108, 'bgr8')
    assert len(set(drawn)) > 1
    (refused,) = bench.node.set_parameters([Parameter('surgeon_language', value='fr')])
    assert not refused.successful
    assert 'zh' in refused.reason
    assert keep is not None


def test_scenes_and_the_clock_from_two_threads_keep_the_order_of_what_is_sent(bench: Bench) -> None:
    stop = threading.Event()

    def inference() -> None:
        while not stop.is_set():
            bench.node.on_scene(bench.scene(BOWEL))
            stop.wait(0.002)

    thread = threading.Thread(target=inference)
    thread.start()
    try:
        assert bench.graph.spin_until(lambda: len(bench.timings) > 300)
    finally:
        stop.set()
        thread.join()
    frames = [one.frame_sequence for one in bench.suggestions]
    assert frames == sorted(frames)
