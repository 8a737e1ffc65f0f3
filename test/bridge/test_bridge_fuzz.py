"""Whatever comes in, the bridge answers with a status or closes, and goes on serving the others."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from surgical_guidance.relay.bridge.capabilities import OPERATIONS
from surgical_guidance.relay.bridge.channels import Channels
from surgical_guidance.relay.bridge.kinds import Kinds
from surgical_guidance.relay.bridge.limits import BridgeLimits
from surgical_guidance.relay.bridge.robot import Endpoints, NodeUse
from surgical_guidance.relay.bridge.sample import Frame
from surgical_guidance.relay.bridge.session import Session, World
from surgical_guidance.relay.security import Door, Policy, Principal, Role

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))
from _fuzz import bridge_messages

MESSAGES = 10_000
SETS = 5
HEAP = SETS * (len(OPERATIONS) + 1)
ANY_NUMBER = 1_000_000


class Nothing:
    """A feed, publisher or server that does nothing."""

    keeps = False

    def publish(self, _: Any) -> None: ...

    async def close(self) -> None: ...


class StillRobot:
    """ROS, where nothing moves: one topic, one service that answers nothing."""

    def now_ns(self) -> int:
        return 1

    async def topics(self) -> dict[str, list[str]]:
        return {'/fuzz': ['std_msgs/msg/String']}

    async def services(self) -> dict[str, list[str]]:
        return {'/fuzz': ['std_srvs/srv/Trigger']}

    async def nodes(self) -> list[str]:
        return ['/node']

    async def endpoints(self, _: str) -> Endpoints:
        return Endpoints((), ())

    async def node_use(self, _: str) -> NodeUse:
        return NodeUse((), (), ())

    async def call(self, _service: str, cls: Any, _request: Any, _timeout_s: float) -> Any:
        return cls.Response()

    async def _nothing(self, *_: Any) -> Nothing:
        return Nothing()

    subscribe = advertise = serve = serve_action = send_goal = _nothing


class Wire:
    """A connection that takes everything."""

    def __init__(self) -> None:
        self.on_writable: Callable[[], None] = lambda: None
        self.writable = True
        self.got: list[dict[str, Any]] = []

    def write(self, frame: Frame) -> None:
        self.got.append(json.loads(frame.data))


@pytest.mark.parametrize('role', [Role.OBSERVER, Role.ADMIN])
def test_ten_thousand_made_up_messages_end_nothing(role: Role, caplog: pytest.LogCaptureFixture) -> None:
    said = 0

    async def say(messages: list[str]) -> None:
        nonlocal said
        robot: Any = StillRobot()
        limits = BridgeLimits(rate=ANY_NUMBER, burst=ANY_NUMBER, mistakes=ANY_NUMBER, calls=ANY_NUMBER)
        world = World(robot, Channels(robot), Door(Policy.load()), limits, Kinds('/ours'), '/ours')
        wire = Wire()
        session = Session(world, Principal('somebody', role, 'here'), wire, OPERATIONS)
        for message in messages:
            await session.take(message)
        wire.got.clear()
        await session.take('{"op": "call_service", "service": "/rosapi/get_time", "id": "alive"}')
        while not any(one.get('id') == 'alive' and one['op'] == 'service_response' for one in wire.got):
            await asyncio.sleep(0)
        await session.close()
        assert not session.outbox.goodbye.done()
        said += len(messages)

    with asyncio.Runner() as runner:

        @settings(
            max_examples=MESSAGES // HEAP // 2 + 1,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(messages=bridge_messages(sorted(OPERATIONS), SETS))
        def try_heap(messages: list[str]) -> None:
            runner.run(say(messages))

        try_heap()
    assert said >= MESSAGES // 2  # and as many in the other role
    assert 'Traceback' not in caplog.text  # nothing was a mistake of ours


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=bridge_messages(sorted(OPERATIONS), 2))
def test_no_message_ends_the_service(bridge: Any, messages: list[str]) -> None:
    with bridge.client() as client:
        for message in messages:
            client.send_text(message)
        client.send(op='call_service', service='/rosapi/get_time', id='alive')
        client.wait(
            lambda got: (
                client.closed is not None
                or any(one.get('id') == 'alive' and one['op'] == 'service_response' for one in got)
            )
        )
    assert bridge.problems == []
