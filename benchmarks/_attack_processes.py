"""The processes of the attack benchmark: a relay that wants tokens, and an attacker."""

from __future__ import annotations

import asyncio
import contextlib
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from _attacks import BRIDGE_TABLE, TABLE, Target, fuzz, fuzz_bridge
from surgical_guidance.contract import NAMESPACE
from surgical_guidance.errors import HostError
from surgical_guidance.relay.access import bind
from surgical_guidance.relay.bridge.capabilities import OPERATIONS
from surgical_guidance.relay.bridge.service import BridgeService
from surgical_guidance.relay.security import Audit, Door, Limits, Policy, TokenStore
from surgical_guidance.relay.server import Limits as ServerLimits
from surgical_guidance.relay.service import Service, Settings

PAGE_HEAP = 25  # messages of an example
PAGE_EXAMPLES = 24
BRIDGE_SETS = 5
BRIDGE_HEAP = BRIDGE_SETS * (len(OPERATIONS) + 1)
BRIDGE_EXAMPLES = -(-10_000 // BRIDGE_HEAP)
PAGE_FUZZED = PAGE_HEAP * PAGE_EXAMPLES
BRIDGE_FUZZED = BRIDGE_HEAP * BRIDGE_EXAMPLES

PAGE_MADE_UP = 'made-up messages'
BRIDGE_MADE_UP = 'bridge: made-up messages'
BRIDGE = {f'bridge: {name}': attack for name, (attack, _) in BRIDGE_TABLE.items()}
HANDSHAKE_S = 2.0


def be_attacker(pipe: Connection, bridge_port: int, *where: Any) -> None:
    """Try the attacks that are named, one after another; give what was got by each."""
    target = Target(*where)
    with contextlib.suppress(EOFError):
        while True:
            name = pipe.recv()
            try:
                found = _attack(name, target, bridge_port)
            except Exception as error:  # noqa: BLE001  (told as a finding)
                found = [f'the attack broke: {error!r}']
            pipe.send(found)


def _attack(name: str, target: Target, bridge_port: int) -> list[str]:
    if name in TABLE:
        return asyncio.run(TABLE[name][0](target))
    if name in BRIDGE:
        return asyncio.run(BRIDGE[name](target, bridge_port))
    return _fuzz(name, target, bridge_port)


def _fuzz(name: str, target: Target, bridge_port: int) -> list[str]:
    try:
        from hypothesis import HealthCheck, given, settings
        from hypothesis import strategies as st

        from _fuzz import bridge_messages, message
    except ImportError as error:
        raise HostError('hypothesis is not installed', remedy='make test sets it up') from error
    found: list[str] = []
    is_page = name == PAGE_MADE_UP
    heaps: Any = (
        st.lists(message(), min_size=PAGE_HEAP, max_size=PAGE_HEAP)
        if is_page
        else bridge_messages(sorted(OPERATIONS), BRIDGE_SETS)
    )
    with asyncio.Runner() as runner:

        @settings(
            max_examples=PAGE_EXAMPLES if is_page else BRIDGE_EXAMPLES, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), derandomize=True,
        )  # fmt: skip
        @given(messages=heaps)
        def say(messages: Any) -> None:
            found.extend(runner.run(fuzz(target, messages) if is_page else fuzz_bridge(target, bridge_port, messages)))

        say()
    return found


def be_relay(pipe: Connection, folder: Path) -> None:
    """Serve pages and bridge until told to end; give the problems."""
    import rclpy
    from rclpy.context import Context

    from surgical_guidance.relay.bridge.ros import RclpyRobot, TurningNode

    listener, bridge_listener = bind('127.0.0.1', 0), bind('127.0.0.1', 0)
    problems: list[str] = []
    audit = Audit(folder / 'audit.jsonl', problems.append)
    audit.start()
    door = Door(Policy.load(), audit, tokens=TokenStore(folder / 'tokens'), limits=Limits(handshake_s=HANDSHAKE_S))
    service = Service(listener, Settings(80, 1280, ServerLimits(clients=32)), lambda: None, problems.append, door)
    ports = listener.getsockname()[1], bridge_listener.getsockname()[1]
    service.start()
    context = Context()
    rclpy.init(args=[], context=context)
    turning = TurningNode('rosbridge', NAMESPACE, context, problems.append)
    turning.start()
    robot = RclpyRobot(turning, service.loop)
    bridge = BridgeService(service.loop, bridge_listener, NAMESPACE, robot, door)
    bridge.start()
    pipe.send(ports)
    with contextlib.suppress(EOFError):
        pipe.recv()
    bridge.stop()
    turning.stop()
    rclpy.try_shutdown(context=context)
    service.stop()
    audit.stop()
    pipe.send([problem for problem in problems if problem])
