"""Relays for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from relay_running import Relay, running

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
