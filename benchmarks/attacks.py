"""The attack table against a relay: what was got, what broke, and what a good client's round trip was meanwhile.

The relay runs in a process of its own, attackers in another; the good client is here. Its round
trip is a ping over the page's socket, 50 a second. For every attack: the median and the 99th percentile before and
during it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from _attack_processes import FUZZED, HANDSHAKE_S, be_attacker, be_relay
from _attacks import TABLE, Target
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.errors import HostError
from surgical_guidance.relay.security import Role, TokenStore
from surgical_guidance.relay.security.audit_chain import verify

CALM_S = 2.0  # of round trips before each attack
PERIOD_S = 0.02  # between pings
ATTACK_LIMIT_S = 60.0
FUZZ_LIMIT_S = 400.0
_SPAWN = multiprocessing.get_context('spawn')


def run(tell: Tell) -> Iterator[Measured]:
    """Try every attack on a fresh relay each, then the made-up messages."""
    got: list[str] = []
    untold: list[str] = []
    crashes = 0
    calm: list[float] = []
    attacked: list[float] = []
    names = [*TABLE, f'{FUZZED} made-up messages']
    for number, name in enumerate(names):
        tell(number / len(names), name)
        with tempfile.TemporaryDirectory() as folder:
            seen = asyncio.run(_one(name, Path(folder)))
        got += [f'{name}: {what}' for what in seen['got']]
        untold += [] if seen['told'] else [name]
        crashes += seen['crashed']
        calm += seen['calm']
        attacked += seen['attacked']
        yield Measured(f'rtt_p50_during_{_word(name)}', float(np.percentile(seen['attacked'], 50)), 'ms')
        yield Measured(f'rtt_p99_during_{_word(name)}', float(np.percentile(seen['attacked'], 99)), 'ms')
    for what in got:
        sys.stderr.write(f'got: {what[:200]}\n')
    for name in untold:
        sys.stderr.write(f'not in the audit log: {name}\n')
    yield Measured('attacks', len(names), '')
    yield Measured('got_something', len(got), '')
    yield Measured('crashed', crashes, '')
    yield Measured('not_in_audit_log', len(untold), '')
    yield Measured('rtt_p50_before', float(np.percentile(calm, 50)), 'ms')
    yield Measured('rtt_p99_before', float(np.percentile(calm, 99)), 'ms')
    yield Measured('rtt_p50_during', float(np.percentile(attacked, 50)), 'ms')
    yield Measured('rtt_p99_during', float(np.percentile(attacked, 99)), 'ms')
    yield Measured('rtt_p50_more', float(np.percentile(attacked, 50) - np.percentile(calm, 50)), 'ms')


async def _one(name: str, folder: Path) -> dict[str, Any]:
    """Try one attack; tell what came of it."""
    TokenStore(folder / 'tokens').issue('nobody', Role.OBSERVER, 1.0)
    here, there = _SPAWN.Pipe()
    relay = _SPAWN.Process(target=be_relay, args=(there, folder), daemon=True)
    relay.start()
    try:
        port = await asyncio.to_thread(_receive, here)
        target = Target(port, folder / 'tokens', folder / 'audit.jsonl', HANDSHAKE_S)
        async with ClientSession() as session:
            ticket = await target.ticket(session, target.token(Role.EXPERT, 'good client'))
            page = await session.ws_connect(f'{target.url}/ws?ticket={ticket}', origin=target.url)
            calm = await _round_trips(page, asyncio.create_task(asyncio.sleep(CALM_S)))
            attack = asyncio.create_task(asyncio.to_thread(_attack, name, target))
            attacked = await _round_trips(page, attack)
            alive = not page.closed
            await page.close()
        here.send('end')
        problems = await asyncio.to_thread(_receive, here)
    finally:
        relay.join(10)
        if relay.is_alive():
            relay.kill()
    log = [json.loads(line) for line in (folder / 'audit.jsonl').read_text(encoding='utf-8').splitlines()]
    trace = TABLE[name][1] if name in TABLE else 'refused: '
    return {
        'got': attack.result(),
        'told': any(trace in record['outcome'] for record in log) and verify([folder / 'audit.jsonl']).holds,
        'crashed': bool(problems) or not alive or relay.exitcode != 0,
        'calm': calm,
        'attacked': attacked,
    }


async def _round_trips(page: ClientWebSocketResponse, until: asyncio.Future[Any]) -> list[float]:
    """Ask the time of the relay until something is over; give how long each answer took [ms]."""
    trips: list[float] = []
    while not until.done() or not trips:
        start = time.perf_counter()
        await page.send_str('{"op":"ping","at":1}')
        async with asyncio.timeout(30):
            while True:
                message = await page.receive()
                if message.type is WSMsgType.BINARY:
                    await page.send_str('{"op":"shown"}')
                elif message.type is not WSMsgType.TEXT:
                    return trips or [float('inf')]
                elif '"op":"pong"' in message.data[:20]:
                    break
        trips.append(1e3 * (time.perf_counter() - start))
        await asyncio.sleep(max(0.0, PERIOD_S - (time.perf_counter() - start)))
    return trips


def _attack(name: str, target: Target) -> list[str]:
    """Attack from a process of its own, so that the attacker's work is not taken for the relay's."""
    here, there = _SPAWN.Pipe()
    attacker = _SPAWN.Process(
        target=be_attacker, args=(there, name, target.port, target.folder, target.log, target.handshake_s), daemon=True
    )
    attacker.start()
    try:
        limit_s = ATTACK_LIMIT_S if name in TABLE else FUZZ_LIMIT_S
        if not here.poll(limit_s):
            return [f'not over after {limit_s:g} s']
        result: list[str] = here.recv()
        return result
    finally:
        attacker.kill()
        attacker.join()


def _receive(pipe: Any) -> Any:
    if not pipe.poll(30):
        raise HostError('the relay of the benchmark does not answer')
    return pipe.recv()


def _word(name: str) -> str:
    """Make one word of an attack's name."""
    words = name.replace('{{{', 'brace').replace(',', '').replace('-', ' ').split()
    return '_'.join(words).lower()
