"""The frame ring: by reference, torn reads seen, deaths survived, litter removed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from surgical_guidance.errors import FrameError, FrameOverwritten, RingUnavailable
from surgical_guidance.frames import RingReader, RingReaders, RingWriter, living_rings, remove_dead_rings, ring_scope
from surgical_guidance.frames import ring as ring_module

SCOPE = ring_scope(f'test_{os.getpid()}')


@pytest.fixture
def writer():
    ring = RingWriter(SCOPE, 3, 64 * 48 * 3)
    yield ring
    ring.close()


def put(writer: RingWriter, value: int, *, skipped: int = 0, size: tuple[int, int] = (64, 48)):
    draft = writer.begin(*size, skipped=skipped)
    draft.image[:] = value
    return writer.commit(draft, stamp_ns=1000 + value, monotonic_ns=value)


def test_a_reader_sees_the_writers_pixels_without_a_copy(writer):
    frame = put(writer, 7)
    seen = RingReader(writer.name).frame(frame.slot, frame.sequence)
    assert (seen.image == 7).all()
    assert (seen.stamp_ns, seen.monotonic_ns, seen.encoding) == (1007, 7, 'bgr8')
    assert seen.intact
    # Same memory: what is written into the slot is seen through the reader's view.
    writer.begin(64, 48)
    writer.begin(64, 48)
    assert not seen.image.flags.owndata


def test_the_frame_handed_over_is_the_slot_itself(writer):
    draft = writer.begin(64, 48)
    frame = writer.commit(draft, 1, 1)
    assert np.shares_memory(frame.image, draft.image)


@pytest.mark.parametrize('where', ['writer', 'reader'])
def test_nobody_but_the_writer_can_change_a_frame(writer, where):
    frame = put(writer, 1)
    if where == 'reader':
        frame = RingReader(writer.name).frame(frame.slot, frame.sequence)
    with pytest.raises(ValueError, match='read-only'):
        frame.image[0, 0] = 0


def test_a_slow_reader_finds_out_that_its_frame_was_overwritten(writer):
    frame = put(writer, 1)
    seen = RingReader(writer.name).frame(frame.slot, frame.sequence)
    put(writer, 2)
    put(writer, 3)
    assert seen.intact
    writer.begin(64, 48)  # the writer comes round and begins to draw over it
    assert not seen.intact
    assert not frame.intact


def test_a_frame_that_was_overwritten_is_not_given_out(writer):
    reader = RingReader(writer.name)
    frame = put(writer, 1)
    for value in (2, 3, 4):
        put(writer, value)
    with pytest.raises(FrameOverwritten):
        reader.frame(frame.slot, frame.sequence)


def test_a_draft_that_is_not_committed_is_no_frame(writer):
    first = put(writer, 1)
    draft = writer.begin(64, 48)
    with pytest.raises(FrameOverwritten):
        RingReader(writer.name).frame(draft.slot, draft.sequence)
    assert put(writer, 2).sequence == first.sequence + 1


def test_skipped_frames_are_left_out_of_the_sequence(writer):
    first = put(writer, 1)
    assert put(writer, 2, skipped=4).sequence == first.sequence + 5


def test_frames_of_changing_size_share_a_ring(writer):
    small = put(writer, 5, size=(10, 6))
    seen = RingReader(writer.name).frame(small.slot, small.sequence)
    assert seen.image.shape == (6, 10, 3)


def test_grey_frames_have_two_dimensions(writer):
    draft = writer.begin(64, 48, 'mono8')
    draft.image[:] = 3
    frame = writer.commit(draft, 1, 1)
    assert RingReader(writer.name).frame(frame.slot, frame.sequence).image.shape == (48, 64)


@pytest.mark.parametrize(('size', 'encoding'), [((65, 48), 'bgr8'), ((0, 4), 'bgr8'), ((8, 8), 'rgba16')])
def test_what_does_not_fit_is_refused(writer, size, encoding):
    with pytest.raises(FrameError):
        writer.begin(*size, encoding)


def test_a_closed_ring_is_gone_and_its_views_stay_readable(writer):
    frame = put(writer, 9)
    seen = RingReader(writer.name).frame(frame.slot, frame.sequence)
    writer.close()
    assert (seen.image == 9).all()
    with pytest.raises(RingUnavailable, match='no frame ring there'):
        RingReader(writer.name)


@pytest.mark.parametrize('name', ['surgical_guidance.no.such.ring', '../../etc/passwd', 'other'])
def test_a_ring_that_is_not_there_is_named(name):
    with pytest.raises(RingUnavailable, match='ring'):
        RingReader(name)


def test_garbage_in_shared_memory_is_not_taken_for_a_ring():
    path = ring_module.SHM / f'{SCOPE}.garbage'
    path.write_bytes(b'\xff' * 9000)
    try:
        with pytest.raises(RingUnavailable, match='not a frame ring'):
            RingReader(path.name)
    finally:
        path.unlink()


def test_too_little_shared_memory_is_told_with_the_remedy(monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'posix_fallocate', full)
    with pytest.raises(RingUnavailable, match=r'needs \d+ MiB and \d+ MiB are free; make it larger'):
        RingWriter(SCOPE, 8, 6 << 20)
    assert not list(living_rings(SCOPE))


WRITER = """
import sys
from surgical_guidance.frames import RingWriter
ring = RingWriter(sys.argv[1], 3, 64 * 48 * 3)
draft = ring.begin(64, 48)
draft.image[:] = 42
frame = ring.commit(draft, 5, 6)
print(ring.name, frame.slot, frame.sequence, flush=True)
sys.stdin.read()
"""


def start_writer(scope: str) -> tuple[subprocess.Popen, str, int, int]:
    process = subprocess.Popen(
        [sys.executable, '-c', WRITER, scope], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    name, slot, sequence = process.stdout.readline().split()
    return process, name, int(slot), int(sequence)


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_writer_that_dies_and_returns_is_found_again_and_leaves_no_litter():
    scope = ring_scope(f'test_{os.getpid()}_dies')
    readers = RingReaders()
    process, name, slot, sequence = start_writer(scope)
    seen = readers.frame(name, slot, sequence)
    assert (seen.image == 42).all()
    assert list(living_rings(scope)) == [name]
    assert remove_dead_rings(scope) == []  # never those of a living process
    kill(process)
    assert list(living_rings(scope)) == []
    assert remove_dead_rings(scope) == [name]
    assert (seen.image == 42).all()  # who still looks at it is not hurt
    process, second, slot, sequence = start_writer(scope)
    try:
        assert second != name
        assert readers.frame(second, slot, sequence).intact
    finally:
        kill(process)
        assert remove_dead_rings(scope) == [second]


READER = """
import sys
from surgical_guidance.frames import RingReader
frame = RingReader(sys.argv[1]).frame(int(sys.argv[2]), int(sys.argv[3]))
print(int(frame.image.sum()), flush=True)
if sys.argv[4] == 'hang':
    sys.stdin.read()
"""


@pytest.mark.parametrize('end', ['exit', 'kill'])
def test_a_reader_that_ends_takes_nothing_with_it(writer, end):
    frame = put(writer, 2)
    process = subprocess.Popen(
        [
            sys.executable,
            '-c',
            READER,
            writer.name,
            str(frame.slot),
            str(frame.sequence),
            'hang' if end == 'kill' else '',
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert int(process.stdout.readline()) == 64 * 48 * 3 * 2
    if end == 'kill':
        kill(process)
    else:
        process.communicate()
    assert list(living_rings(SCOPE)) == [writer.name]
    assert RingReader(writer.name).frame(frame.slot, frame.sequence).intact


def test_a_reader_of_another_process_never_believes_a_torn_frame(writer):
    """A writer that draws at full speed: every frame a reader calls intact is of one colour."""
    reader = RingReader(writer.name)
    torn = intact = 0
    for value in range(300):
        frame = put(writer, value % 256)
        seen = reader.frame(frame.slot, frame.sequence)
        for _ in range(value % 4):
            put(writer, (value + 100) % 256)
        picture = seen.image.copy()
        if seen.intact:
            intact += 1
            assert picture.min() == picture.max() == value % 256
        else:
            torn += 1
    assert torn
    assert intact
