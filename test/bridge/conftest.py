"""A bridge with a ROS graph of its own, and clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from bridge_running import Bridge, running


@pytest.fixture(scope='module')
def bridge(request: pytest.FixtureRequest, domain: Callable[[], int]) -> Iterator[Bridge]:
    """Give a bridge with its usual limits."""
    with running(domain()) as bridge:
        yield bridge


@pytest.fixture
def bridge_with(domain: Callable[[], int]) -> Iterator[Callable[..., Bridge]]:
    """Start a bridge that differs from the usual one."""
    with ExitStack() as stack:
        yield lambda **differing: stack.enter_context(running(domain(), **differing))


@pytest.fixture
def client(bridge: Bridge) -> Iterator[Any]:
    """Give a client of the usual bridge."""
    with bridge.client() as client:
        yield client
