"""The alarm log: appended line by line, on the disk, and never in the way."""

import json
import os
import threading
from pathlib import Path

import pytest

from surgical_guidance.contract import STAGES
from surgical_guidance.errors import HostError
from surgical_guidance.watchdog import log as log_module
from surgical_guidance.watchdog.alarm_table import alarm_table
from surgical_guidance.watchdog.alarms import AlarmList
from surgical_guidance.watchdog.log import FILE_NAME, AlarmLog, entry, state_directory

STAGE_LOST = 'stage_lost.relay'


def read(directory):
    return [json.loads(line) for line in (directory / FILE_NAME).read_text(encoding='utf-8').splitlines()]


@pytest.fixture
def problems():
    return []


@pytest.fixture
def log(tmp_path, problems):
    log = AlarmLog(tmp_path / 'made' / 'for it', problems.append)
    yield log
    log.close()


def test_an_entry_is_on_the_disk_when_it_is_written(log, monkeypatch, problems):
    synced = []
    monkeypatch.setattr(os, 'fsync', synced.append)
    log.write({'id': 'one'})
    log.write({'id': 'two'})
    log.close()
    assert [line['id'] for line in read(log.path.parent)] == ['one', 'two']
    assert len(synced) == 2
    assert log.sound
    assert problems == []


def test_what_was_written_before_stays(tmp_path, problems):
    for name in ('first', 'second'):
        log = AlarmLog(tmp_path, problems.append)
        log.write({'id': name, 'text': '内窥镜画面丢失'})
        log.close()
    assert [line['id'] for line in read(tmp_path)] == ['first', 'second']
    assert '内窥镜画面丢失' in (tmp_path / FILE_NAME).read_text(encoding='utf-8')


def test_a_line_that_was_torn_does_not_spoil_the_next(tmp_path, problems):
    (tmp_path / FILE_NAME).write_text('{"id": "whole"}\n{"id": "to', encoding='utf-8')
    log = AlarmLog(tmp_path, problems.append)
    log.write({'id': 'next'})
    log.close()
    lines = (tmp_path / FILE_NAME).read_text(encoding='utf-8').splitlines()
    assert lines == ['{"id": "whole"}', '{"id": "to', '{"id": "next"}']


def test_a_full_disk_is_told_once_and_the_log_says_what_is_missing(log, monkeypatch, problems):
    tried = threading.Semaphore(0)
    full = True

    def fsync(descriptor):
        tried.release()
        if full:
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', fsync)
    for number in range(3):
        log.write({'id': str(number)})
        assert tried.acquire(timeout=5.0)
    full = False
    log.write({'id': 'after'})
    log.close()
    assert log.lost == 3
    assert log.sound
    [problem] = problems
    assert 'No space left on device' in problem
    assert str(log.path) in problem
    assert {'event': 'gap', 'lost': 3} in read(log.path.parent)
    assert read(log.path.parent)[-1]['id'] == 'after'


def test_a_second_fault_after_it_worked_is_told_again(log, monkeypatch, problems):
    sound = AlarmLog._append
    outcomes = iter([False, True, False, False])
    done = threading.Semaphore(0)

    def append(self, lines):
        done.release()
        if not next(outcomes):
            raise PermissionError(13, 'Permission denied')
        sound(self, lines)

    monkeypatch.setattr(AlarmLog, '_append', append)
    for number in range(4):
        log.write({'id': str(number)})
        assert done.acquire(timeout=5.0)
    log.close()
    assert len(problems) == 2
    assert log.lost == 3


def test_a_directory_that_cannot_be_one_breaks_nothing(tmp_path, problems):
    (tmp_path / 'file').touch()
    log = AlarmLog(tmp_path / 'file' / 'below', problems.append)
    log.write({'id': 'lost'})
    log.close()
    assert len(problems) == 1
    assert log.lost == 1


def test_a_disk_that_hangs_holds_nobody_up_and_fills_no_memory(log, monkeypatch, problems):
    go = threading.Event()
    monkeypatch.setattr(os, 'fsync', lambda descriptor: go.wait(10.0))
    monkeypatch.setattr(log_module, '_KEPT', 5)
    for number in range(50):
        log.write({'id': str(number)})
    assert log.lost >= 44  # five wait, one is being written
    go.set()
    log.close()
    written = [line['id'] for line in read(log.path.parent) if 'id' in line]
    assert len(written) + log.lost == 50
    assert problems == []


def test_an_entry_says_what_when_who_and_how_often():
    alarms = AlarmList(alarm_table(STAGES))
    alarms.update({STAGE_LOST: 'its process 7 has ended'}, 1, 1)
    [change] = alarms.acknowledge(STAGE_LOST, 'Dr Li', 1_700_000_000_123_000_000)
    assert entry(change, 1_700_000_000_123_000_000) == {
        'at': '2023-11-14T22:13:20.123+00:00',
        'event': 'acknowledged',
        'id': 'stage_lost.relay',
        'priority': 'high',
        'detail': 'its process 7 has ended',
        'active': True,
        'acknowledged_by': 'Dr Li',
        'count': 1,
    }


def test_the_log_lies_where_a_users_programs_keep_their_state(monkeypatch):
    monkeypatch.setenv('XDG_STATE_HOME', '/somewhere')
    assert state_directory() == Path('/somewhere/surgical-guidance')
    monkeypatch.setenv('XDG_STATE_HOME', '')
    monkeypatch.setenv('HOME', '/home/li')
    assert state_directory() == Path('/home/li/.local/state/surgical-guidance')


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    monkeypatch.delenv('XDG_STATE_HOME', raising=False)

    def no_home(self):
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.setattr(Path, 'expanduser', no_home)
    with pytest.raises(HostError, match='log_directory'):
        state_directory()
