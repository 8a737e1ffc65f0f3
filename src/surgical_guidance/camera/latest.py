"""Live sources: always the newest picture, however slow whoever takes it is, and never a wait without an end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from surgical_guidance.camera.shot import Shot
from surgical_guidance.errors import GuidanceError, SourceError, SourceLost
from surgical_guidance.frames import Picture, SourceInfo


class Connection(Protocol):
    """A live source as its own thread sees it: opening and reading may take any time."""

    def open(self) -> SourceInfo:
        """Connect. Raises :class:`SourceError`."""

    def read(self) -> Shot:
        """Wait for the next picture. Raises :class:`SourceLost`."""

    def close(self) -> None:
        """Give everything back. Called by the thread that opened it."""


class _Handover:
    """What the reading thread of one connection hands over. The newest picture takes the place of one not taken.

    :param before: the thread of the connection before, which may hold the device or the port still.
    :param patience_s: how long to let it finish [s].
    """

    def __init__(self, connection: Connection, before: threading.Thread | None, patience_s: float) -> None:
        self._connection = connection
        self._before = before
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._shot: Shot | None = None
        self._error: GuidanceError | None = None
        self._info: SourceInfo | None = None
        self.closed = False
        self.thread = threading.Thread(target=self._run, name='camera-live', daemon=True)

    def _run(self) -> None:
        if self._before is not None:
            self._before.join(self._patience_s)
            self._before = None
        try:
            self._tell_info(self._connection.open())
            while not self.closed:
                self._put(self._connection.read())
        except GuidanceError as error:
            self._tell_error(error)
        except Exception as error:
            self._tell_error(SourceLost(f'reading ended with {type(error).__name__}: {error}'))
            raise
        finally:
            self._connection.close()

    def _tell_info(self, info: SourceInfo) -> None:
        with self._changed:
            self._info = info
            self._changed.notify_all()

    def _tell_error(self, error: GuidanceError) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _put(self, shot: Shot) -> None:
        with self._changed:
            if self._shot is not None:
                shot.lost += self._shot.lost + 1
            self._shot = shot
            self._changed.notify_all()

    def info(self, timeout_s: float) -> SourceInfo | None:
        """Wait until it is connected; None when the time is over or it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._info or self._error or self.closed, timeout_s)
            if self._info is None and self._error is not None and not self.closed:
                raise self._error
            return self._info

    def take(self, timeout_s: float) -> Shot | None:
        """Wait for a picture that was not taken yet; None when the time is over or it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._shot or self._error or self.closed, timeout_s)
            if self.closed:
                return None
            if self._shot is None and self._error is not None:
                raise self._error
            shot, self._shot = self._shot, None
            return shot

    def close(self) -> None:
        """Wake who waits, and let the thread end as soon as it comes back from where it is."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()


class LatestSource:
    """The newest picture of a connection that an own thread reads as fast as it delivers.

    A thread that hangs in a driver is left alone: it ends when the driver lets it go, and holds nobody up until then.

    :param connect: makes a connection, not opened yet; called for every :meth:`open`.
    :param where: the URI, for the errors.
    :param open_s: longest wait for the connection [s].
    :param silence_s: a source that gives no picture for this long is lost [s].
    """

    def __init__(self, connect: Callable[[], Connection], where: str, *, open_s: float, silence_s: float) -> None:
        self._connect = connect
        self._where = where
        self._open_s = open_s
        self._silence_s = silence_s
        self._handover: _Handover | None = None
        self._first = True

    def open(self) -> SourceInfo:
        """Connect.

        :raises SourceError: what is wrong, where, and what to do.
        """
        before = None if self._handover is None else self._handover.thread
        handover = self._handover = _Handover(self._connect(), before, 2.0 * self._silence_s)
        handover.thread.start()
        self._first = True
        info = handover.info(self._open_s)
        if info is None:
            self.close()
            raise SourceError(
                f'no answer for {self._open_s:g} s', where=self._where, remedy='check that it is switched on'
            )
        return info

    def read(self) -> Picture | None:
        """Wait for the newest picture that was not given yet; None after :meth:`close`.

        :raises SourceLost: if it went away, or says nothing for too long.
        """
        handover = self._handover
        if handover is None:
            return None
        wait_s = self._open_s if self._first else self._silence_s  # a stream begins with the next whole picture
        try:
            shot = handover.take(wait_s)
        except SourceLost:
            raise
        except GuidanceError as error:
            raise SourceLost(error.what, where=error.where or self._where, remedy=error.remedy) from error
        if shot is None and not handover.closed:
            raise SourceLost(f'no picture for {wait_s:g} s', where=self._where, remedy='check cable and sender')
        self._first = False
        return shot

    def close(self) -> None:
        """End a waiting read, and the connection as soon as it can be."""
        handover = self._handover
        if handover is not None:
            handover.close()
