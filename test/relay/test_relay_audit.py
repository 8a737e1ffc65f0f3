"""The audit log: whole, or it says where not; and no disk holds the relay up."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from surgical_guidance.relay.security import Audit, Principal, Role
from surgical_guidance.relay.security.audit_chain import head_file, verify

DR_LI = Principal('Dr Li', Role.EXPERT, 'c1', 't1')


def write(path: Path, *ops: str) -> Audit:
    """Write records, one for each op, in one run of a relay."""
    audit = Audit(path)
    audit.start()
    for op in ops:
        audit.record(op, 'allowed', who=DR_LI, address='192.0.2.7', target='/x')
    audit.stop()
    return audit


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / 'deep/audit.jsonl'


def test_a_record_tells_who_when_what_and_what_came_of_it(log: Path) -> None:
    write(log, 'annotate')
    record = json.loads(log.read_text())
    assert record | {'at': '', 'hash': ''} == {
        'n': 1,
        'at': '',
        'op': 'annotate',
        'who': 'Dr Li',
        'role': 'expert',
        'connection': 'c1',
        'token': 't1',
        'address': '192.0.2.7',
        'target': '/x',
        'outcome': 'allowed',
        'prev': '0' * 64,
        'hash': '',
    }
    assert record['at'].endswith('+00:00')
    assert log.stat().st_mode & 0o077 == 0


def test_a_whole_chain_is_found_whole_over_restarts(log: Path) -> None:
    write(log, 'a', 'b')
    end = write(log, 'c')
    verdict = verify([log])
    assert (verdict.holds, verdict.records, verdict.begins) == (True, 3, 0)
    assert verdict.head == end.head


def change(all_lines: list[bytes]) -> list[bytes]:
    return [*all_lines[:2], all_lines[2].replace(b'Dr Li', b'Dr No'), *all_lines[3:]]


def reseal(all_lines: list[bytes]) -> list[bytes]:
    """Change a record and make its own hash good again."""
    from surgical_guidance.relay.security.audit_chain import digest

    record = json.loads(all_lines[2]) | {'who': 'Dr No'}
    record['hash'] = digest(record)
    return [*all_lines[:2], json.dumps(record).encode() + b'\n', *all_lines[3:]]


@pytest.mark.parametrize(
    ('forge', 'line', 'what'),
    [
        (change, 3, 'was changed'),
        (reseal, 4, 'does not belong'),
        (lambda all_lines: [*all_lines[:2], *all_lines[3:]], 3, 'removed, added or moved'),
        (lambda all_lines: [*all_lines[:3], *all_lines[2:]], 4, 'removed, added or moved'),
        (lambda all_lines: [all_lines[1], all_lines[0], *all_lines[2:]], 2, 'removed, added or moved'),
        (lambda all_lines: [*all_lines[:2], b'{}\n', *all_lines[2:]], 3, 'no record'),
        (lambda all_lines: [*all_lines[:2], b'\xff\x00\n', *all_lines[2:]], 3, 'not JSON'),
        (lambda all_lines: [*all_lines[:2], b'[' * 9000 + b'\n', *all_lines[2:]], 3, 'not JSON'),
        (lambda all_lines: [*all_lines[:4], all_lines[4][:-9]], 5, 'no end'),
        (lambda all_lines: all_lines[:3], None, 'the last 2 records are missing'),
        (lambda all_lines: [], None, 'the last 5 records are missing'),
    ],
)
def test_a_chain_that_was_tampered_with_says_where(
    log: Path, forge: Callable[[list[bytes]], list[bytes]], line: int | None, what: str
) -> None:
    write(log, *'abcde')
    log.write_bytes(b''.join(forge(lines(log))))
    verdict = verify([log])
    assert not verdict.holds
    assert what in verdict.what
    assert verdict.where == (f'{log}:{line}' if line else str(log))


def test_a_log_that_was_rotated_goes_on_in_the_next_file(log: Path) -> None:
    audit = Audit(log)
    audit.start()
    audit.record('a', 'allowed')
    wait_for(lambda: audit.head.number == 1)
    old = log.rename(log.with_name('audit.jsonl.1'))
    audit.record('b', 'allowed')
    audit.stop()
    oldest = log.rename(log.with_name('audit.jsonl.0'))
    write(log, 'c')  # after a restart, too
    files = [old, oldest, log]
    assert [len(lines(file)) for file in files] == [1, 1, 1]
    assert verify(files).holds
    assert verify([log]).begins == 2
    assert not verify([oldest, old]).holds


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        threading.Event().wait(0.005)


def test_two_relays_can_share_a_log(log: Path) -> None:
    one, two = Audit(log), Audit(log)
    for audit in (one, two):
        audit.start()
    for number in range(20):
        (one if number % 2 else two).record(f'op{number}', 'allowed')
    for audit in (one, two):
        audit.stop()
    verdict = verify([log])
    assert (verdict.holds, verdict.records) == (True, 20)


def test_a_line_that_a_killed_process_left_half_is_shown_and_the_log_goes_on(log: Path) -> None:
    write(log, 'a', 'b')
    with log.open('ab') as file:
        file.write(b'{"n":3,')
    write(log, 'c')
    verdict = verify([log])
    assert verdict.where == f'{log}:3'
    assert json.loads(lines(log)[-1])['n'] == 3


def test_the_same_again_is_counted_and_does_not_fill_the_disk(log: Path) -> None:
    audit = Audit(log)
    audit.start()
    for _ in range(1000):
        audit.record('connect', 'refused: too many connections', address='192.0.2.9')
    audit.stop()
    written = [json.loads(line) for line in lines(log)]
    assert len(written) < 20
    assert sum(record.get('times', 1) for record in written) == 1000


def test_a_full_disk_is_told_and_so_is_what_was_lost(log: Path) -> None:
    log.parent.mkdir(parents=True)
    log.symlink_to('/dev/full')
    problems: list[str] = []
    audit = Audit(log, problems.append)
    audit.start()
    audit.record('a', 'allowed')
    wait_for(lambda: problems)
    assert 'No space left on device; make room' in problems[0]
    audit.record('b', 'allowed')
    wait_for(lambda: audit.lost == 2)
    log.unlink()
    audit.record('c', 'allowed')
    audit.stop()
    assert problems[1:] == ['']
    written = [json.loads(line) for line in lines(log)]
    assert [record['op'] for record in written] == ['audit', 'c']
    assert written[0]['outcome'] == '2 records could not be written'
    assert verify([log]).holds


def test_a_disk_that_hangs_holds_nobody_up(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr('surgical_guidance.relay.security.audit.END_S', 0.05)
    original = os.write
    monkeypatch.setattr(os, 'write', lambda *what: (let_go.wait(20), original(*what))[1])
    audit = Audit(log)
    audit.start()
    for number in range(10_000):
        audit.record(f'op{number}', 'allowed')
    audit.stop()
    assert not let_go.is_set()  # it did not wait
    assert audit.lost > 0
    let_go.set()


def test_what_a_stranger_writes_is_cut_and_cannot_break_a_line(log: Path) -> None:
    audit = Audit(log)
    audit.start()
    audit.record('x\n{"n":1}', 'refused', target='\x1b[2J' + 'y' * 5000)
    audit.stop()
    assert len(lines(log)) == 1
    record = json.loads(log.read_text())
    assert len(record['target']) <= 200
    assert '\x1b' not in record['target']


def test_the_head_is_noted_beside_the_log(log: Path) -> None:
    audit = write(log, 'a')
    assert head_file(log).read_text() == f'1 {audit.head.hash}\n'
