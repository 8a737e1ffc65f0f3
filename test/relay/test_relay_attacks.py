"""The attack table: nothing is served, nothing crashes, a good client goes on, and all of it is in the audit log."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from relay_running import Relay, running

from surgical_guidance.relay.security import Audit, Door, Policy, Role, TokenStore
from surgical_guidance.relay.security import Limits as DoorLimits
from surgical_guidance.relay.security.audit_chain import verify
from surgical_guidance.relay.server import Limits

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))
from _attacks import TABLE, Target, fuzz, next_of
from _fuzz import message

HANDSHAKE_S = 0.4
FUZZED = 200  # messages; `surgical-guidance bench attacks` takes 10,000


@contextmanager
def guarded(folder: Path, handshake_s: float = HANDSHAKE_S) -> Iterator[tuple[Target, Relay, Audit]]:
    """Run a relay that wants tokens."""
    TokenStore(folder / 'tokens').issue('nobody', Role.OBSERVER, 1.0)  # makes the key
    audit = Audit(folder / 'audit.jsonl')
    door = Door(Policy.load(), audit, tokens=TokenStore(folder / 'tokens'), limits=DoorLimits(handshake_s=handshake_s))
    audit.start()
    with running(Limits(clients=32), door) as relay:
        target = Target(relay.port, folder / 'tokens', folder / 'audit.jsonl', handshake_s, 60)
        yield target, relay, audit
    audit.stop()


def records(audit: Audit) -> list[dict[str, object]]:
    """Read the log once all of it is written."""
    audit.stop()
    assert audit.path is not None
    return [json.loads(line) for line in audit.path.read_text(encoding='utf-8').splitlines()]


async def is_answered(page: ClientWebSocketResponse) -> bool:
    await page.send_str('{"op":"ping","at":7}')
    return (await next_of(page, 'pong')).get('at') == 7


@pytest.mark.parametrize('name', TABLE)
def test_an_attack_gets_nothing_and_harms_nobody(name: str, tmp_path: Path) -> None:
    attack, trace = TABLE[name]

    async def run(target: Target) -> list[str]:
        async with ClientSession() as session, target.page(session) as good:
            assert await is_answered(good)
            got = await attack(target)
            assert await is_answered(good), 'the good client was harmed'
        return got

    with guarded(tmp_path) as (target, relay, audit):
        assert asyncio.run(run(target)) == []
        assert relay.problems == []
        log = records(audit)
    assert any(trace in str(record['outcome']) for record in log), log
    assert verify([tmp_path / 'audit.jsonl']).holds
    text = (tmp_path / 'audit.jsonl').read_text(encoding='utf-8')
    assert 'eyJ' not in text  # no token
    assert 'ticket=' not in text


@pytest.fixture(scope='module')
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Target, Relay, Callable[[object], None]]]:
    with ExitStack() as stack:
        target, relay, _ = stack.enter_context(guarded(tmp_path_factory.mktemp('fuzz'), 10.0))
        runner = stack.enter_context(asyncio.Runner())
        yield target, relay, runner.run


@settings(max_examples=FUZZED // 10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(messages=st.lists(message(), min_size=10, max_size=10))
def test_no_message_gets_through_or_breaks_anything(
    fuzzed: tuple[Target, Relay, Callable[[object], object]], messages: list[str | bytes]
) -> None:
    target, relay, run = fuzzed
    assert run(fuzz(target, messages)) == []
    assert relay.problems == []
