"""The attack table against a relay: what was got, what broke, and what a good client's round trip was meanwhile.

The relay runs in a process of its own, attackers in another; the good client is here. Its round trip is a ping over the
page's socket, 50 a second. For every attack: the median and the 99th percentile while it lasts, and before all of them.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from _attack_processes import (
    BRIDGE,
    BRIDGE_FUZZED,
    BRIDGE_MADE_UP,
    HANDSHAKE_S,
    PAGE_FUZZED,
    PAGE_MADE_UP,
    be_attacker,
    be_relay,
)
from _attacks import BRIDGE_TABLE, TABLE, Target
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.errors import HostError
from surgical_guidance.relay.security import Role, TokenStore
from surgical_guidance.relay.security.audit_chain import verify

CALM_S = 5.0  # of round trips before the first attack
PERIOD_S = 0.02  # between pings
ATTACK_LIMIT_S = 60.0
LAST = 'guessing'  # leaves our address waiting
_SPAWN = multiprocessing.get_context('spawn')


def run(tell: Tell) -> Iterator[Measured]:
    """Try every attack, and the made-up messages, on one relay."""
    os.environ |= {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'ROS_DOMAIN_ID': str(1 + os.getpid() % 200)}
    with tempfile.TemporaryDirectory() as folder:
        yield from _measures(asyncio.run(_all(Path(folder), tell)))


def _measures(seen: dict[str, Any]) -> Iterator[Measured]:
    for what in (*seen['got'], *(f'not in the audit log: {name}' for name in seen['untold']), *seen['problems']):
        sys.stderr.write(f'{what[:300]}\n')
    calm, attacked = seen['calm'], [trip for trips in seen['attacked'].values() for trip in trips]
    yield Measured('attacks', len(seen['attacked']), '')
    yield Measured('made_up_messages', PAGE_FUZZED + BRIDGE_FUZZED, '')
    yield Measured('got_something', len(seen['got']), '')
    yield Measured('crashed', len(seen['problems']), '')
    yield Measured('not_in_audit_log', len(seen['untold']), '')
    yield Measured('audit_records', seen['records'], '')
    yield Measured('rtt_p50_before', float(np.percentile(calm, 50)), 'ms')
    yield Measured('rtt_p99_before', float(np.percentile(calm, 99)), 'ms')
    yield Measured('rtt_p50_during', float(np.percentile(attacked, 50)), 'ms')
    yield Measured('rtt_p99_during', float(np.percentile(attacked, 99)), 'ms')
    yield Measured('rtt_p50_more', float(np.percentile(attacked, 50) - np.percentile(calm, 50)), 'ms')
    for name, trips in seen['attacked'].items():
        yield Measured(f'rtt_p50_{_word(name)}', float(np.percentile(trips, 50)), 'ms')
        yield Measured(f'rtt_p99_{_word(name)}', float(np.percentile(trips, 99)), 'ms')


async def _all(folder: Path, tell: Tell) -> dict[str, Any]:
    """Run relay and attackers; tell what came of it."""
    TokenStore(folder / 'tokens').issue('nobody', Role.OBSERVER, 1.0)  # makes the key
    log = folder / 'audit.jsonl'
    here, there = _SPAWN.Pipe()
    relay = _SPAWN.Process(target=be_relay, args=(there, folder), daemon=True)
    relay.start()
    names = [*(name for name in TABLE if name != LAST), *BRIDGE, PAGE_MADE_UP, BRIDGE_MADE_UP, LAST]
    attacker: Attacker | None = None
    seen: dict[str, Any] = {'got': [], 'untold': [], 'problems': [], 'attacked': {}}
    try:
        port, bridge_port = await asyncio.to_thread(_receive, here)
        target = Target(port, folder / 'tokens', log, HANDSHAKE_S)
        attacker = Attacker(target, bridge_port)
        async with ClientSession() as session, target.page(session) as page:
            seen['calm'] = await _round_trips(page, asyncio.create_task(asyncio.sleep(CALM_S)))
            for number, name in enumerate(names):
                tell(number / len(names), name)
                attack = asyncio.create_task(asyncio.to_thread(attacker.attack, name))
                seen['attacked'][name] = await _round_trips(page, attack)
                seen['got'] += [f'{name}: {what}' for what in attack.result()]
            if page.closed:
                seen['problems'].append(f'the good client was closed: {page.close_code}')
        here.send('end')
        seen['problems'] += await asyncio.to_thread(_receive, here)
    finally:
        if attacker is not None:
            attacker.close()
        relay.join(10)
        if relay.is_alive():
            relay.kill()
    if relay.exitcode != 0:
        seen['problems'].append(f'the relay ended with {relay.exitcode}')
    outcomes = [json.loads(line)['outcome'] for line in log.read_text(encoding='utf-8').splitlines()]
    traces = {name: trace for table in (TABLE, BRIDGE_TABLE) for name, (_, trace) in table.items()}
    seen['untold'] = [name for name, trace in traces.items() if not any(trace in outcome for outcome in outcomes)]
    verdict = verify([log])
    seen['records'] = verdict.records
    if not verdict.holds:
        seen['problems'].append(f'the audit log: {verdict.where}: {verdict.what}')
    return seen


async def _round_trips(page: ClientWebSocketResponse, until: asyncio.Future[Any]) -> list[float]:
    """Ask the time of the relay until something is over; give how long each answer took [ms]."""
    trips: list[float] = []
    while not until.done() or not trips:
        start = time.perf_counter()
        if page.closed:
            await asyncio.wait({until})
            return trips or [float('inf')]
        await page.send_str('{"op":"ping","at":1}')
        async with asyncio.timeout(30):
            while (message := await page.receive()).type is WSMsgType.TEXT and '"op":"pong"' not in message.data[:20]:
                pass
        trips.append(1e3 * (time.perf_counter() - start))
        await asyncio.sleep(max(0.0, PERIOD_S - (time.perf_counter() - start)))
    return trips


class Attacker:
    """Attacks from a process of its own, so that the attacker's work is not taken for the relay's."""

    def __init__(self, target: Target, bridge_port: int) -> None:
        self._where = bridge_port, target.port, target.folder, target.log, target.handshake_s
        self._start()

    def attack(self, name: str) -> list[str]:
        """Try one attack; give what was got."""
        self._pipe.send(name)
        if not self._pipe.poll(ATTACK_LIMIT_S):
            self.close()
            self._start()
            return [f'not over after {ATTACK_LIMIT_S:g} s']
        result: list[str] = self._pipe.recv()
        return result

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()

    def _start(self) -> None:
        self._pipe, there = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=be_attacker, args=(there, *self._where), daemon=True)
        self._process.start()


def _receive(pipe: Any) -> Any:
    if not pipe.poll(30):
        raise HostError('the relay of the benchmark does not answer')
    return pipe.recv()


def _word(name: str) -> str:
    """Make one word of an attack's name."""
    return '_'.join(name.replace('{{{', 'brace').replace(',', '').replace(':', '').replace('-', ' ').split()).lower()
