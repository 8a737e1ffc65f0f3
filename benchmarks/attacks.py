"""The attack table against a relay: what was got, what broke, and what a good client's round trip was meanwhile.

The relay runs in a process of its own, attackers in another; the good client is here. Its round trip is a ping over the
page's socket, 50 a second. For every attack: the median and the 99th percentile while it lasts, and before all of them.
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

from _attack_processes import FUZZED, HANDSHAKE_S, MADE_UP, be_attacker, be_relay
from _attacks import TABLE, Target
from surgical_guidance.bench import Measured, Tell
from surgical_guidance.errors import HostError
from surgical_guidance.relay.security import Role, TokenStore
from surgical_guidance.relay.security.audit_chain import verify

CALM_S = 10.0  # of round trips before the first attack, and after the last
PERIOD_S = 0.02  # between pings
ATTACK_LIMIT_S = 60.0
FUZZ_LIMIT_S = 600.0
LAST = 'guessing'  # leaves our address waiting
_SPAWN = multiprocessing.get_context('spawn')


def run(tell: Tell) -> Iterator[Measured]:
    """Try every attack, and the made-up messages, on one relay."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _measures(asyncio.run(_all(Path(folder), tell)))


def _measures(seen: dict[str, Any]) -> Iterator[Measured]:
    for what in (*seen['got'], *(f'not in the audit log: {name}' for name in seen['untold']), *seen['problems']):
        sys.stderr.write(f'{what[:300]}\n')
    calm, attacked = seen['calm'], [trip for trips in seen['attacked'].values() for trip in trips]
    yield Measured('attacks', len(seen['attacked']), '')
    yield Measured('made_up_messages', FUZZED, '')
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
    names = [*(name for name in TABLE if name != LAST), MADE_UP, LAST]
    seen: dict[str, Any] = {'got': [], 'untold': [], 'problems': [], 'attacked': {}}
    try:
        target = Target(await asyncio.to_thread(_receive, here), folder / 'tokens', log, HANDSHAKE_S)
        async with ClientSession() as session, target.page(session) as page:
            seen['calm'] = await _round_trips(page, asyncio.create_task(asyncio.sleep(CALM_S)))
            for number, name in enumerate(names):
                tell(number / len(names), name)
                attack = asyncio.create_task(asyncio.to_thread(_attack, name, target))
                seen['attacked'][name] = await _round_trips(page, attack)
                seen['got'] += [f'{name}: {what}' for what in attack.result()]
            if page.closed:
                seen['problems'].append(f'the good client was closed: {page.close_code}')
        here.send('end')
        seen['problems'] += await asyncio.to_thread(_receive, here)
    finally:
        relay.join(10)
        if relay.is_alive():
            relay.kill()
    if relay.exitcode != 0:
        seen['problems'].append(f'the relay ended with {relay.exitcode}')
    outcomes = [json.loads(line)['outcome'] for line in log.read_text(encoding='utf-8').splitlines()]
    seen['untold'] = [name for name, (_, trace) in TABLE.items() if not any(trace in outcome for outcome in outcomes)]
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


def _attack(name: str, target: Target) -> list[str]:
    """Attack from a process of its own, so that the attacker's work is not taken for the relay's."""
    here, there = _SPAWN.Pipe()
    where = (target.port, target.folder, target.log, target.handshake_s)
    attacker = _SPAWN.Process(target=be_attacker, args=(there, name, *where), daemon=True)
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
    return '_'.join(name.replace('{{{', 'brace').replace(',', '').replace('-', ' ').split()).lower()
