"""The processes of the attack benchmark: a relay that wants tokens, and an attacker."""

from __future__ import annotations

import asyncio
import contextlib
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from _attacks import TABLE, Target, fuzz
from surgical_guidance.errors import HostError
from surgical_guidance.relay.access import bind
from surgical_guidance.relay.security import Audit, Door, Limits, Policy, TokenStore
from surgical_guidance.relay.server import Limits as ServerLimits
from surgical_guidance.relay.service import Service, Settings

FUZZED = 10_000  # messages
MADE_UP = 'made-up messages'
HANDSHAKE_S = 2.0


def be_attacker(pipe: Connection, name: str, *where: Any) -> None:
    """Try one attack of the table, or the made-up messages; give what was got."""
    target = Target(*where)
    try:
        found = asyncio.run(TABLE[name][0](target)) if name in TABLE else _fuzz(target)
    except Exception as error:  # noqa: BLE001  (told as a finding)
        found = [f'the attack broke: {error!r}']
    pipe.send(found)


def _fuzz(target: Target) -> list[str]:
    try:
        from hypothesis import HealthCheck, given, settings
        from hypothesis import strategies as st

        from _fuzz import message
    except ImportError as error:
        raise HostError('hypothesis is not installed', remedy='make test sets it up') from error
    found: list[str] = []
    each = 25
    with asyncio.Runner() as runner:

        @settings(
            max_examples=FUZZED // each, deadline=None, database=None, suppress_health_check=list(HealthCheck),
            derandomize=True,
        )  # fmt: skip
        @given(messages=st.lists(message(), min_size=each, max_size=each))
        def say(messages: list[str | bytes]) -> None:
            found.extend(runner.run(fuzz(target, messages)))

        say()
    return found


def be_relay(pipe: Connection, folder: Path) -> None:
    """Serve until told to end; give the problems."""
    listener = bind('127.0.0.1', 0)
    problems: list[str] = []
    audit = Audit(folder / 'audit.jsonl', problems.append)
    audit.start()
    door = Door(Policy.load(), audit, tokens=TokenStore(folder / 'tokens'), limits=Limits(handshake_s=HANDSHAKE_S))
    service = Service(listener, Settings(80, 1280, ServerLimits(clients=32)), lambda: None, problems.append, door)
    port = listener.getsockname()[1]
    service.start()
    pipe.send(port)
    with contextlib.suppress(EOFError):
        pipe.recv()
    service.stop()
    audit.stop()
    pipe.send([problem for problem in problems if problem])
