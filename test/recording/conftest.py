"""A recorder in a ROS graph of its own, and stand-ins for what it listens to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rclpy.parameter import Parameter
from recording_feed import Feed, held

from surgical_guidance.recording.node import RecorderNode


@pytest.fixture
def feed(graph) -> Iterator[Feed]:
    feed = Feed(graph.node())
    yield feed
    feed.close()


@pytest.fixture
def recorder(graph, feed, tmp_path):
    """Make a recorder that hears the feed."""

    def make(**parameters: object) -> RecorderNode:
        given = {'directory': str(tmp_path / 'evidence'), 'keep_free_mb': 0, 'post_roll_s': 0.0, **parameters}
        node = graph.add(
            RecorderNode(
                context=graph.context,
                parameter_overrides=[Parameter(name, value=value) for name, value in given.items()],
            )
        )
        assert graph.spin_until(lambda: held(node).get('/surgical_guidance/recorder/image/compressed', 0) >= 3)
        return node

    return make
