"""A watchdog in a ROS graph of its own, with stand-ins for the stages and ears on its topics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from watchdog_feed import BoardFeed, Feed

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.contract import ALARM, DIAGNOSTICS, HEARTBEAT, STATUS, SUGGESTION
from surgical_guidance.ports import subscription
from surgical_guidance.watchdog.node import WatchdogNode


class Ears:
    """Keeps what the watchdog says, with the monotonic time at which it was heard [ns]."""

    def __init__(self, node: Node) -> None:
        self.statuses: list = []
        self.alarms: list = []
        self.diagnostics: list = []
        subscription(node, STATUS, self._keep(self.statuses))
        subscription(node, ALARM, self._keep(self.alarms))
        node.create_subscription(
            DiagnosticArray, DIAGNOSTICS.name, self._keep(self.diagnostics), 10
        )  # as any tool does

    @staticmethod
    def _keep(kept: list) -> Callable[[object], None]:
        return lambda message: kept.append((monotonic_ns(), message))

    @property
    def state(self) -> int | None:
        return self.statuses[-1][1].state if self.statuses else None

    def heard(self, alarm_id: str) -> int | None:
        """When an alarm was heard to be raised, the first time [ns]."""
        return next((at for at, alarm in self.alarms if alarm.id == alarm_id and alarm.active), None)


@pytest.fixture
def probe(graph) -> Node:
    return graph.node()


@pytest.fixture
def ears(probe) -> Ears:
    return Ears(probe)


@pytest.fixture
def feed(probe) -> Feed:
    """Stages that work, as long as the graph is turned. Slow ones: a busy machine must not look like a lost camera."""
    return play(Feed(probe, fps=10.0), probe)


@pytest.fixture
def board_feed(probe) -> Iterator[BoardFeed]:
    """The same stages, on this host."""
    feed = BoardFeed(probe, fps=10.0)
    yield play(feed, probe)
    feed.close()


def play(feed: Feed, node: Node) -> Any:
    for rate, send in ((feed.fps, feed.frame), (HEARTBEAT.rate, feed.beat), (SUGGESTION.rate, feed.suggest)):
        node.create_timer(1.0 / rate, send)
    return feed


@pytest.fixture
def watchdog(graph, tmp_path) -> Iterator[Callable[..., WatchdogNode]]:
    """Make watchdogs."""

    def make(**params) -> WatchdogNode:
        params = {'log_directory': str(tmp_path), 'metrics_port': -1} | params
        overrides = [Parameter(name, value=value) for name, value in params.items()]
        return graph.add(WatchdogNode(context=graph.context, parameter_overrides=overrides))

    return make
