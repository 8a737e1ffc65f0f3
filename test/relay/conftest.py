"""Relays for tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser
from relay_running import Relay, running
from relay_world import World

from chromium import chromium
from surgical_guidance.contract import NAMESPACE
from surgical_guidance.frames import remove_dead_rings, ring_scope
from surgical_guidance.relay.server import Limits


@pytest.fixture
def relay_with() -> Iterator[Callable[..., Relay]]:
    """Start a relay with other limits than usual."""
    with ExitStack() as stack:
        yield lambda **limits: stack.enter_context(running(Limits(**limits)))


@pytest.fixture
def relay(relay_with: Callable[..., Relay]) -> Relay:
    """Give a relay with its usual limits."""
    return relay_with()


@pytest.fixture(scope='module')
def world(domain: Callable[[], int], request: pytest.FixtureRequest) -> Iterator[World]:
    """Give the real relay process and a feed, with the module's ``FEED`` and ``RELAY`` settings if it has any."""
    environment = os.environ | {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'ROS_DOMAIN_ID': str(domain())}
    world = World(environment, getattr(request.module, 'FEED', None), getattr(request.module, 'RELAY', None))
    yield world
    for process in (world.feed, world.relay):
        if process.alive:
            process.kill()
    remove_dead_rings(ring_scope(NAMESPACE, environment['ROS_DOMAIN_ID']))


@pytest.fixture(scope='module')
def browser() -> Iterator[Browser]:
    """Give a headless browser. Not for longer than a module: no event loop can be run beside it."""
    with chromium() as browser:
        yield browser
