"""What every test stands on: field checks on, and a ROS graph of its own."""

from __future__ import annotations

import os

os.environ['ROS_PYTHON_CHECK_FIELDS'] = '1'  # off in production: an int in a float field would be sent as 0.0
os.environ['COLUMNS'] = '200'  # tables are not to be cut in the middle of what a test looks for
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = (
    'OFF'  # traffic stays within this process; tests with processes set LOCALHOST
)

import itertools
import re
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.stage import StageNode

_state = tempfile.TemporaryDirectory(prefix='surgical_guidance-test-')
os.environ['XDG_STATE_HOME'] = _state.name  # logs of what tests start do not go to the user's

ROOT = Path(__file__).resolve().parent.parent
_domains = itertools.count()


@pytest.fixture(scope='session')
def domain() -> Callable[[], int]:
    """Give a ROS domain id that no other test of this machine uses at the moment: each lane has its own half."""
    lane = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw')) % 2
    return lambda: 1 + lane + 2 * ((os.getpid() * 7 + next(_domains)) % 100)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let files with tests that start processes or a browser run in one lane, one after another, the others beside."""
    from xdist.scheduler import LoadScopeScheduling

    class Lanes(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition('::')[0]
            return 'processes' if starts_processes(file) else file

    return Lanes(config, log)


@cache
def starts_processes(file: str) -> bool:
    """Whether a test of a file, named from the root, is marked so."""
    return re.search(r'\bmark\.(processes|browser)\b', (ROOT / file).read_text(encoding='utf-8')) is not None


class Graph:
    """A ROS context with an executor that a test turns by hand."""

    def __init__(self, domain_id: int) -> None:
        self.context = Context()
        rclpy.init(args=[], context=self.context, domain_id=domain_id)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.nodes: list[Node] = []

    def add(self, node: Node) -> Node:
        self.nodes.append(node)
        self.executor.add_node(node)
        if isinstance(node, StageNode):
            node.autostart()
        return node

    def node(self, name: str = 'probe', namespace: str = '/surgical_guidance') -> Node:
        return self.add(Node(name, namespace=namespace, context=self.context))

    def spin_until(self, condition: Callable[[], object], timeout_s: float = 30.0) -> bool:
        """Turn the executor until something holds; False when it did not in time."""
        deadline = monotonic_ns() + int(timeout_s * 1e9)
        while not condition():
            if monotonic_ns() > deadline:
                return False
            self.executor.spin_once(timeout_sec=0.02)
        return True

    def close(self) -> None:
        self.executor.shutdown()
        for node in self.nodes:
            close = getattr(node, 'close', None)
            if close is not None:
                close()
            node.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def graph(domain: Callable[[], int]) -> Iterator[Graph]:
    graph = Graph(domain())
    yield graph
    graph.close()
