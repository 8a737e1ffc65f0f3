"""A ring of frames in POSIX shared memory: one writer, any number of readers in any process, no copy for a reader.

The writer decodes straight into a slot and publishes the slot's number (``FrameRef``); a reader maps the ring
read-only and looks at the slot. Nobody registers and nobody locks, so a reader that dies leaves nothing behind and can
hold nobody up. The price is that a reader slower than the ring is long may see the next frame arrive under its eyes; it
finds out by the slot's sequence number, which is set to 0 before the pixels change and to the new number after.

Each writer makes a ring of its own with a name of its own, so a writer that died and came back is found by the name in
its next ``FrameRef``. A living writer holds a file lock on its ring; the kernel drops it when the writer dies, however
it dies, and that is how :func:`remove_dead_rings` tells litter from rings in use, without trusting process numbers.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import mmap
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import FrameError, FrameOverwritten, RingUnavailable
from surgical_guidance.frames.frame import CHANNELS, Frame

SHM = Path('/dev/shm')  # noqa: S108  (where Linux keeps POSIX shared-memory objects)
PREFIX = 'surgical_guidance'
PAGE = mmap.PAGESIZE

_MAGIC = 0x31474E4952474753  # "SGGRING1", little endian
_RING_HEADER = np.dtype([('magic', '<u8'), ('slots', '<u8'), ('capacity', '<u8'), ('pid', '<u8')])
_SLOT_HEADER = np.dtype([
    ('sequence', '<u8'), ('stamp_ns', '<i8'), ('monotonic_ns', '<i8'),
    ('width', '<u4'), ('height', '<u4'), ('step', '<u4'), ('encoding', 'S12')])  # fmt: skip

_counter = itertools.count(1)


def ring_scope(namespace: str, domain: str | None = None) -> str:
    """Name what a ring belongs to: the ROS domain and the namespace, as part of a file name."""
    domain = domain if domain is not None else os.environ.get('ROS_DOMAIN_ID') or '0'
    return f'{PREFIX}.{domain}.{re.sub("[^A-Za-z0-9_]+", "-", namespace.strip("/")) or "root"}'


def _page_up(size: int) -> int:
    return -(-size // PAGE) * PAGE


def _slot_offset(slot: int, capacity: int) -> int:
    """Where a slot's header starts; its pixels start one page later, so that they can be page-locked for DMA."""
    return PAGE + slot * (PAGE + _page_up(capacity))


class _Mapped:
    """The ring's memory, mapped, and NumPy views of its headers."""

    def __init__(self, memory: mmap.mmap, slots: int, capacity: int) -> None:
        self.memory = memory
        self.slots = slots
        self.capacity = capacity
        self.bytes = np.frombuffer(memory, np.uint8)
        offsets = [_slot_offset(slot, capacity) for slot in range(slots)]
        self.headers = [np.frombuffer(memory, _SLOT_HEADER, 1, offset) for offset in offsets]
        self.sequences = [memoryview(memory)[offset : offset + 8].cast('Q') for offset in offsets]
        self._views: dict[int, tuple[tuple[int, int, int, str], NDArray[np.uint8]]] = {}

    def pixels(self, slot: int, width: int, height: int, step: int, encoding: str) -> NDArray[np.uint8]:
        """View a slot's pixels."""
        shaped = (width, height, step, encoding)
        kept = self._views.get(slot)
        if kept is None or kept[0] != shaped:  # nearly always it is the shape of the frame before
            kept = self._views[slot] = shaped, self._view(slot, *shaped)
        return kept[1]

    def _view(self, slot: int, width: int, height: int, step: int, encoding: str) -> NDArray[np.uint8]:
        channels = CHANNELS[encoding]
        shape, strides = ((height, width), (step, 1))
        if channels > 1:
            shape, strides = (*shape, channels), (step, channels, 1)  # type: ignore[assignment]
        offset = _slot_offset(slot, self.capacity) + PAGE
        return np.ndarray(shape, np.uint8, self.bytes, offset, strides)


def locked_object(size: int) -> int:
    """Make a locked shared-memory object without a name, all its pages allocated; give its descriptor.

    :raises OSError: if there is no room, or it may not be written.
    """
    fd = os.open(SHM, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.posix_fallocate(fd, 0, size)  # all pages now: a full /dev/shm shall fail here, not as SIGBUS later
    except OSError:
        os.close(fd)
        raise
    return fd


def name_object(fd: int, name: str) -> None:
    """Give an object its name when it is ready and locked: nobody can see it half made or take it for dead."""
    # Naming a directory makes Python call linkat, the one that can name an open file; the path is absolute.
    os.link(f'/proc/self/fd/{fd}', SHM / name, src_dir_fd=fd)


def _allocate(size: int) -> int:
    """Make the object of a ring."""
    try:
        return locked_object(size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.ENOMEM):
            raise RingUnavailable(
                f'no frame ring can be made ({error.strerror})',
                where=str(SHM),
                remedy='POSIX shared memory must be mounted there and writable',
            ) from error
        free = shutil.disk_usage(SHM).free
        raise RingUnavailable(
            f'the frame ring needs {size >> 20} MiB and {free >> 20} MiB are free',
            where=str(SHM),
            remedy='make it larger (docker run --shm-size=256m, or mount -o remount,size=256m /dev/shm) '
            'or lower the camera parameter ring_slots',
        ) from error


@dataclass(frozen=True, slots=True)
class Draft:
    """A slot being written: fill ``image`` in place, then :meth:`RingWriter.commit`. Left alone, it is no frame."""

    sequence: int
    slot: int
    encoding: str
    image: NDArray[np.uint8]


class RingWriter:
    """The writer of a frame ring. Not for several threads at once.

    :param scope: what the ring belongs to, from :func:`ring_scope`.
    :param slots: frames kept. At 30 Hz a reader has ``(slots - 1) / 30`` s to look at one.
    :param capacity: bytes of the largest frame.
    :raises RingUnavailable: if the shared memory is too small or may not be written.
    """

    def __init__(self, scope: str, slots: int, capacity: int) -> None:
        if slots < 2 or capacity < 1:
            raise RingUnavailable(
                f'a ring of {slots} slots of {capacity} bytes cannot work', remedy='use 3 slots or more'
            )
        self.name = f'{scope}.{os.getpid()}.{next(_counter)}'
        self.sequence = 0
        size = _slot_offset(slots, capacity)
        self._path = SHM / self.name
        self._next = 0  # slot
        self._draft: Draft | None = None
        self._fd = _allocate(size)
        try:
            self._mapped = _Mapped(mmap.mmap(self._fd, size), slots, capacity)
            header = np.frombuffer(self._mapped.memory, _RING_HEADER, 1)
            header['magic'], header['slots'], header['capacity'], header['pid'] = _MAGIC, slots, capacity, os.getpid()
            name_object(self._fd, self.name)
        except OSError as error:
            os.close(self._fd)
            raise RingUnavailable(f'no frame ring can be made ({error.strerror})', where=str(self._path)) from error

    @property
    def slots(self) -> int:
        """Frames kept."""
        return self._mapped.slots

    @property
    def capacity(self) -> int:
        """Bytes of the largest frame it takes."""
        return self._mapped.capacity

    def begin(self, width: int, height: int, encoding: str = 'bgr8', *, skipped: int = 0) -> Draft:
        """Give the next slot to draw a frame in. The frame it held is gone for its readers.

        Asking again without a commit gives the same slot again.

        :param skipped: frames of the source that were lost just before this one: they are left out of the sequence.
        :raises FrameError: if the frame does not fit the ring or the encoding is not one of the frame path.
        """
        if encoding not in CHANNELS:
            raise FrameError(f'{encoding!r} is not an encoding of the frame path', remedy=f'use {", ".join(CHANNELS)}')
        step = width * CHANNELS[encoding]
        if not 0 < step * height <= self.capacity:
            raise FrameError(
                f'a frame of {width}x{height} {encoding} does not fit a slot of {self.capacity} bytes', where=self.name
            )
        sequence = self.sequence + skipped + 1
        slot = self._next
        header = self._mapped.headers[slot]
        header['sequence'] = 0  # from here on a reader of the old frame sees that it lost it
        header['width'], header['height'], header['step'] = width, height, step
        header['encoding'] = encoding.encode()
        self._draft = Draft(sequence, slot, encoding, self._mapped.pixels(slot, width, height, step, encoding))
        return self._draft

    def commit(self, draft: Draft, stamp_ns: int, monotonic_ns: int) -> Frame:
        """Make a drawn slot a frame that readers can see.

        :param stamp_ns: capture, ROS time [ns].
        :param monotonic_ns: capture, ``CLOCK_MONOTONIC`` [ns].
        """
        if draft is not self._draft:
            raise FrameError('this draft is not the one begun last', where=self.name)
        self._draft = None
        self._next = (draft.slot + 1) % self.slots
        self.sequence = draft.sequence
        header = self._mapped.headers[draft.slot]
        header['stamp_ns'], header['monotonic_ns'] = stamp_ns, monotonic_ns
        header['sequence'] = draft.sequence
        image = draft.image.view()
        image.flags.writeable = False
        sequence = self._mapped.sequences[draft.slot]
        return Frame(
            draft.sequence,
            stamp_ns,
            monotonic_ns,
            image,
            draft.encoding,
            self.name,
            draft.slot,
            lambda: sequence[0],
        )

    def close(self) -> None:
        """Remove the ring. Views that readers and frames still hold stay readable."""
        if self._fd >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


class RingReader:
    """A reader of one ring, in any process.

    :param name: from ``FrameRef.ring``.
    :raises RingUnavailable: if there is no such ring, or it is none.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        path = SHM / name
        if '/' in name or not name.startswith(f'{PREFIX}.'):
            raise RingUnavailable(f'{name!r} is not the name of a frame ring')
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise RingUnavailable(
                f'no frame ring there ({error.strerror})',
                where=str(path),
                remedy='its writer is gone, or runs on another host or as another user',
            ) from error
        try:
            size = os.fstat(fd).st_size
            if size < PAGE:
                raise RingUnavailable('the frame ring is not ready', where=str(path))
            memory = mmap.mmap(fd, size, prot=mmap.PROT_READ)
        finally:
            os.close(fd)
        header = np.frombuffer(memory, _RING_HEADER, 1)[0]
        slots, capacity = int(header['slots']), int(header['capacity'])
        if header['magic'] != _MAGIC or size != _slot_offset(slots, capacity):
            raise RingUnavailable('this is not a frame ring of this version', where=str(path))
        self._mapped = _Mapped(memory, slots, capacity)

    def frame(self, slot: int, sequence: int) -> Frame:
        """View a frame. Check :attr:`Frame.intact` after using its pixels.

        :raises FrameOverwritten: if the slot does not hold that frame any more, or not yet.
        """
        if not 0 <= slot < self._mapped.slots:
            raise FrameError(f'slot {slot} does not exist in a ring of {self._mapped.slots}', where=self.name)
        found, stamp_ns, monotonic_ns, width, height, step, encoding = self._mapped.headers[slot][0].item()
        current = self._mapped.sequences[slot]
        # The header is read before its sequence is checked, so a header torn by the writer is never believed.
        if found != sequence or current[0] != sequence:
            raise FrameOverwritten(f'slot {slot} holds another frame than {sequence}', where=self.name)
        encoding = encoding.decode('ascii', 'replace')
        image = self._mapped.pixels(slot, width, height, step, encoding)
        return Frame(sequence, stamp_ns, monotonic_ns, image, encoding, self.name, slot, lambda: current[0])

    def since(self, sequence: int) -> Iterator[Frame]:
        """View the frames that are newer than one, as far as the ring still has them, in order."""
        found = sorted((current[0], slot) for slot, current in enumerate(self._mapped.sequences))
        for newer, slot in found:
            if newer > sequence:
                with contextlib.suppress(FrameOverwritten):
                    yield self.frame(slot, newer)


class RingReaders:
    """The reader of whatever ring the newest reference names: follows a camera that restarts or changes its size."""

    def __init__(self) -> None:
        self._reader: RingReader | None = None

    def frame(self, ring: str, slot: int, sequence: int) -> Frame:
        """View a frame of any ring, mapping it at first use.

        :raises RingUnavailable: see :class:`RingReader`.
        :raises FrameOverwritten: see :meth:`RingReader.frame`.
        """
        if self._reader is None or self._reader.name != ring:
            self._reader = RingReader(ring)
        return self._reader.frame(slot, sequence)


class Claim:
    """The right to be the only one of a kind in a scope, held until :meth:`release` or the end of the process.

    :param scope: from :func:`ring_scope`.
    :param kind: what there shall be one of, e.g. "camera".
    :raises RingUnavailable: if somebody holds it; there is no moment in which two can.
    """

    def __init__(self, scope: str, kind: str) -> None:
        path = SHM / f'.{scope}.{kind}.lock'  # hidden, so that it is never taken for a ring; it stays, empty
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RingUnavailable(f'the claim cannot be made ({error.strerror})', where=str(path)) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode('ascii', 'replace').strip()
            os.close(self._fd)
            raise RingUnavailable(
                f'another guidance is running (process {holder})',
                where=scope,
                remedy='end it, or give this one a namespace or a ROS_DOMAIN_ID of its own',
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f'{os.getpid()}\n'.encode(), 0)

    def release(self) -> None:
        """Let another have it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def lock_is_held(path: Path) -> bool | None:
    """Whether a living process holds a file's lock, as the writer of a ring does; None where that cannot be told."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


def living_rings(scope: str = PREFIX) -> Iterator[str]:
    """Name the rings of a scope whose writers live."""
    for path in sorted(SHM.glob(f'{scope}.*')):
        if lock_is_held(path):
            yield path.name


def remove_dead_rings(scope: str = PREFIX) -> list[str]:
    """Remove the rings of a scope whose writers died without closing them; name what was removed."""
    removed = []
    for path in sorted(SHM.glob(f'{scope}.*')):
        if lock_is_held(path) is False:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                removed.append(path.name)
    return removed
