"""Hears what the processes of a run say, in a thread of its own, and passes it to the collector."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from surgical_guidance_msgs.msg import FrameTiming, GuidanceStatus, InferenceStatus, StageStatus, Suggestion

from surgical_guidance.contract import HEARTBEAT, INFERENCE_STATUS, NAMESPACE, STAGES, STATUS, SUGGESTION, TIMING
from surgical_guidance.ports import subscription
from surgical_guidance.session.collector import ModelUse

if TYPE_CHECKING:
    from surgical_guidance.session.collector import Collector

STATES = {
    GuidanceStatus.STARTING: 'starting',
    GuidanceStatus.OK: 'ok',
    GuidanceStatus.DEGRADED: 'degraded',
    GuidanceStatus.INTERRUPTED: 'interrupted',
    GuidanceStatus.FAILED: 'failed',
}
ADVICE = {
    Suggestion.STATUS_NONE: '',
    Suggestion.STATUS_VALID: 'valid',
    Suggestion.STATUS_INTERRUPTED: '信号中断 interrupted',
    Suggestion.STATUS_WITHDRAWN: '',
}


class Listener:
    """A node that subscribes to what a run says of itself."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self.first_frame = threading.Event()
        self.watched = threading.Event()
        self.status_at = 0.0  # monotonic [s]
        self.heartbeat_at = 0.0
        self.failed = threading.Event()
        self.finished = threading.Event()
        self._pids: dict[str, int] = {}
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node('session', namespace=NAMESPACE)
        subscription(self._node, TIMING, self._on_timing)
        subscription(self._node, SUGGESTION, self._on_suggestion)
        subscription(self._node, HEARTBEAT, self._on_heartbeat)
        subscription(self._node, STATUS, self._on_status)
        subscription(self._node, INFERENCE_STATUS, self._on_models)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, name='session', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join(timeout=2.0)
        self._node.destroy_node()
        rclpy.try_shutdown()

    def _spin(self) -> None:
        try:
            while not self._stop.is_set():
                self._executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            return

    def _on_timing(self, message: FrameTiming) -> None:
        stages = {stage.stage: stage.duration_ms for stage in message.stages}
        self._collector.frame(message.captured, message.processed, stages)
        self.first_frame.set()

    def _on_suggestion(self, message: Suggestion) -> None:
        valid = message.status == Suggestion.STATUS_VALID
        self._collector.suggestion(message.rule_id, message.sequence, self._pids.get('advice', 0), raised=valid)
        shown = message.status in (Suggestion.STATUS_VALID, Suggestion.STATUS_INTERRUPTED)
        self._collector.advice = (message.text_zh, message.text_en) if shown else ('', '')
        self._collector.advice_status = ADVICE.get(message.status, '')

    def _on_heartbeat(self, message: StageStatus) -> None:
        self._pids[message.stage] = message.pid
        self.heartbeat_at = time.monotonic()
        if message.state in (StageStatus.ERROR, StageStatus.FAILED):
            self._collector.problems[message.stage] = message.detail
        else:
            self._collector.problems.pop(message.stage, None)
            self._collector.details[message.stage] = message.detail
        if message.state == StageStatus.FAILED and message.stage in STAGES:  # guidance goes on without a recorder
            self.failed.set()
        if message.state == StageStatus.FINISHED:
            self.finished.set()

    def _on_models(self, message: InferenceStatus) -> None:
        self._collector.step = (message.step, message.step_name)
        self._collector.models = {
            model.name: ModelUse(
                stride=model.stride,
                width=model.width,
                height=model.height,
                looks=model.looks,
                postponed=model.postponed,
                forced=model.forced,
                cost_p50_ms=model.cost_p50_ms,
                cost_p99_ms=model.cost_p99_ms,
                problem=model.problem,
            )
            for model in message.models
        }

    def _on_status(self, message: GuidanceStatus) -> None:
        self._collector.state = STATES.get(message.state, 'unknown')
        self._collector.rate_hz = message.frame_rate
        self.status_at = time.monotonic()
        self.watched.set()
