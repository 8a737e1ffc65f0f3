"""The capture loop: from a source into the frame ring, at the right time, and on to whoever is next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from surgical_guidance import clock
from surgical_guidance.camera.pacing import Pacer
from surgical_guidance.errors import EncodingError, RingUnavailable, SourceError
from surgical_guidance.frames import CHANNELS, Draft, Frame, Picture, RingWriter, Source, SourceInfo

RETRY_FIRST_S = 0.2
RETRY_LAST_S = 5.0
_CLOSE_AGAIN_S = 0.02  # a source that was just being opened did not hear the first time [s]
_GIVE_UP_S = 0.4  # a thread that hangs in a dead disk is left behind: it draws nothing any more [s]


@dataclass(frozen=True, slots=True)
class SourceState:
    """How it stands with the source.

    :param problem: one line; '' while all is well.
    :param ended: nothing comes any more: a file is over, or broken (then ``problem`` says so).
    """

    problem: str = ''
    ended: bool = False


class Capture:
    """Takes pictures from a source and makes frames of them, in a thread of its own.

    A source that is not live is paced by the times of its pictures: each is decoded and drawn before it is due and
    becomes a frame when it is due. One that is late by more than an interval is left out and counted. A live source
    that vanishes is looked for again, at first after 0.2 s, then ever less often down to every 5 s.

    :param source: where pictures come from.
    :param opened: what :meth:`Source.open` gave where the source is open already; else the thread opens it.
    :param live: the source may come back after it was lost, or is not there yet.
    :param make_ring: makes a ring whose slots hold so many bytes.
    :param capacity: bytes a frame may have before a larger ring is needed.
    :param send: gets every frame, in the capture thread; returns at once.
    :param on_state: gets every change of the source's state, in the capture thread, and again for every vain attempt.
    :param on_shown: gets every frame with the picture it was made from, after ``send``; returns soon.
    :param now_ns: the monotonic clock.
    :param wait: waits for an event [s], and tells whether it came.
    """

    def __init__(
        self,
        source: Source,
        *,
        opened: SourceInfo | None = None,
        live: bool,
        make_ring: Callable[[int], RingWriter],
        capacity: int,
        send: Callable[[Frame], None],
        on_state: Callable[[SourceState], None],
        on_shown: Callable[[Picture, Frame], None] | None = None,
        now_ns: Callable[[], int] = clock.monotonic_ns,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self.captured = 0
        self.skipped = 0
        self.info = opened
        self._source = source
        self._is_open = opened is not None
        self._live = live
        self._make_ring = make_ring
        self._send = send
        self._on_state = on_state
        self._on_shown = on_shown
        self._now_ns = now_ns
        self._wait = wait
        self._ring = make_ring(capacity)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._stamps = clock.StampClock.from_system()
        self._well = False
        self._retry_s = RETRY_FIRST_S
        self._missed = 0  # pictures that were left out since the last frame

    @property
    def ring(self) -> RingWriter:
        """The ring that is written now."""
        return self._ring

    def start(self) -> None:
        """Start the thread.

        :raises SourceError: if the thread of before still hangs in the source.
        """
        if self._thread is not None:
            self.stop()
        self._stop = threading.Event()
        self._stamps = clock.StampClock.from_system()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name='camera', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, whatever the source is doing; it can be started again.

        :raises SourceError: if the source does not let go of it. It makes no frame any more and ends when it can.
        """
        self._stop.set()
        thread = self._thread
        if thread is None:
            return
        deadline_ns = clock.monotonic_ns() + round(_GIVE_UP_S * clock.NS_PER_S)
        while thread.is_alive():
            self._source.close()
            thread.join(_CLOSE_AGAIN_S)
            if clock.monotonic_ns() > deadline_ns:
                raise SourceError('the source hangs and does not end', remedy='check its disk or device')
        self._thread = None

    def close(self) -> None:
        """Stop, and give source and ring back.

        :raises SourceError: see :meth:`stop`; the ring is given back all the same.
        """
        try:
            self.stop()
            self._source.close()
        finally:
            self._ring.close()

    def _run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                problem = self._play_once(stop)
                if stop.is_set():
                    return
                if not self._live:
                    self._on_state(SourceState(problem, ended=True))
                    return
                self._report(problem or 'the source ended')
                self._wait(stop, self._retry_s)
                self._retry_s = min(2.0 * self._retry_s, RETRY_LAST_S)
        except Exception as error:
            self._on_state(SourceState(f'capture failed, {type(error).__name__}: {error}', ended=True))
            raise  # a mistake of ours: with its traceback

    def _play_once(self, stop: threading.Event) -> str:
        """Play the source until it is over; tell what is wrong with it, or ''."""
        try:
            if not self._is_open:
                self.info = self._source.open()
            self._is_open = False
            if self.info is not None:
                self._play(self.info, stop)
        except (SourceError, RingUnavailable) as error:
            return str(error)
        finally:
            self._source.close()
        return ''

    def _play(self, info: SourceInfo, stop: threading.Event) -> None:
        pacer = None if info.live else Pacer(info.rate)
        while not stop.is_set():
            try:
                picture = self._source.read()
                if picture is None:
                    return
                self._miss(picture.lost)
                self._show(picture, pacer, stop)
            except EncodingError as error:  # this picture cannot be read; the next one may be better
                self._miss(1)
                self._report(str(error))

    def _show(self, picture: Picture, pacer: Pacer | None, stop: threading.Event) -> None:
        """Make a frame of a picture when it is due."""
        shown_ns = self._now_ns()
        due_ns = shown_ns if pacer is None else pacer.due_ns(picture.time_s, shown_ns)
        if due_ns is None:
            self._miss(1)
            return
        draft = self._begin(picture)
        picture.draw(draft.image)
        if pacer is not None:
            wait_s = (due_ns - self._now_ns()) / clock.NS_PER_S
            if wait_s > 0.0:
                self._wait(stop, wait_s)
            shown_ns = self._now_ns()
        if stop.is_set():
            return
        captured_ns = shown_ns if picture.monotonic_ns is None else picture.monotonic_ns
        stamp_ns = self._stamps.stamp_ns(captured_ns) if picture.stamp_ns is None else picture.stamp_ns
        frame = self._ring.commit(draft, stamp_ns, captured_ns)
        self._missed = 0
        self.captured += 1
        if not self._well:
            self._report('')
            self._retry_s = RETRY_FIRST_S
        self._send(frame)
        if self._on_shown is not None:
            self._on_shown(picture, frame)

    def _begin(self, picture: Picture) -> Draft:
        needed = picture.width * picture.height * CHANNELS['bgr8']
        if needed > self._ring.capacity:
            sequence = self._ring.sequence
            self._ring.close()  # first, since there may be no room for both
            capacity = self._ring.capacity
            try:
                self._ring = self._make_ring(needed)
            except RingUnavailable:
                self._ring = self._make_ring(capacity)  # pictures of the old size can still be shown
                raise
            finally:
                self._ring.sequence = sequence
        return self._ring.begin(picture.width, picture.height, skipped=self._missed)

    def _miss(self, pictures: int) -> None:
        self._missed += pictures
        self.skipped += pictures

    def _report(self, problem: str) -> None:
        self._well = not problem
        self._on_state(SourceState(problem))
