"""Evidence on disk: whole or not there, within limits, the oldest kept when the disk is full."""

from __future__ import annotations

import errno
import os
import stat
import subprocess

import pytest

from surgical_guidance.errors import EvidenceError
from surgical_guidance.recording.vault import MCAP, UNFINISHED, Limits, Vault, name_of, pieces

S = 1_000_000_000
DAY = 86400
NOW = 1_800_000_000 * S


def vault(path, size=10**6, age_s=30 * DAY, protect_s=0.0, free=0) -> Vault:
    made = Vault(path, Limits(size, age_s, protect_s, free))
    made.open()
    return made


def fill(size: int):
    return lambda folder: (folder / MCAP).write_bytes(bytes(size)) and None


def test_a_piece_is_there_whole_and_for_nobody_else(tmp_path):
    path = vault(tmp_path).store(name_of(NOW, 'over budget/../x'), 10, fill(10))
    assert path.name == '20270115T080000.000000Z_over-budget-..-x'
    assert [piece.path for piece in pieces(tmp_path)] == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_full_disk_leaves_nothing_half_written_and_what_was_there(tmp_path):
    kept = vault(tmp_path).store(name_of(NOW, 'first'), 10, fill(10))

    def full(folder):
        (folder / MCAP).write_bytes(b'half')
        raise OSError(errno.ENOSPC, 'No space left on device')

    with pytest.raises(EvidenceError, match='the oldest stays: No space left'):
        vault(tmp_path).store(name_of(NOW + S, 'second'), 10, full)
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.skipif(os.geteuid() != 0, reason='a disk of a few pages can only be mounted by root')
def test_a_disk_that_is_really_full_keeps_the_oldest(tmp_path):
    done = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', tmp_path], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f'no tmpfs can be mounted here: {done.stderr.decode().strip()}')
    try:
        small = vault(tmp_path)
        kept = small.store(name_of(NOW, 'first'), 100_000, fill(100_000))
        with pytest.raises(EvidenceError, match='the disk is full: 0 MB are free'):
            small.store(name_of(NOW + S, 'second'), 200_000, fill(200_000))
        with pytest.raises(EvidenceError, match='No space left on device'):  # it takes more than was reckoned
            small.store(name_of(NOW + S, 'second'), 100, fill(200_000))
        assert list(tmp_path.iterdir()) == [kept]
        assert (kept / MCAP).stat().st_size == 100_000
        small.store(name_of(NOW + S, 'third'), 50_000, fill(50_000))
    finally:
        subprocess.run(['umount', tmp_path], check=True)


def test_what_a_dead_recorder_left_is_removed_at_the_next_start(tmp_path):
    (tmp_path / f'{UNFINISHED}20270115T080000.000000Z_x').mkdir(parents=True)
    assert vault(tmp_path).count == 0
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_beyond_the_size_are_deleted_and_what_is_too_old(tmp_path):
    keep = vault(tmp_path, size=350, age_s=10 * DAY)
    for day in (20, 4, 3, 2, 1):
        keep.store(name_of(NOW - day * DAY * S, f'{day}'), 0, fill(100 if day < 20 else 0))
    deleted = keep.tidy(NOW)
    assert [name.rpartition('_')[2] for name in deleted] == ['20', '4']
    assert [piece.id.rpartition('_')[2] for piece in pieces(tmp_path)] == ['3', '2', '1']


def test_young_evidence_is_never_deleted_so_new_evidence_is_refused(tmp_path):
    keep = vault(tmp_path, size=150, protect_s=3 * DAY)
    first = keep.store(name_of(NOW - DAY * S, 'first'), 100, fill(100))
    assert keep.tidy(NOW) == []
    with pytest.raises(EvidenceError, match='are kept of 0 MB allowed.*or raise keep_mb'):
        keep.store(name_of(NOW, 'second'), 100, fill(100))
    assert [piece.path for piece in pieces(tmp_path)] == [first]


def test_room_is_left_for_others(tmp_path):
    with pytest.raises(EvidenceError, match='the disk is full'):
        vault(tmp_path, free=10**15).store(name_of(NOW, 'x'), 1, fill(1))


def test_a_place_that_cannot_be_written_is_told_at_the_start(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(EvidenceError, match='no evidence can be kept there'):
        vault(tmp_path / 'file' / 'below')


def test_other_things_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / 'notes.txt').write_text('mine')
    (tmp_path / '20270115T080000.000000Z_x').write_text('a file')
    keep = vault(tmp_path, size=0)
    keep.tidy(NOW)
    assert keep.count == 0
    assert len(list(tmp_path.iterdir())) == 2
