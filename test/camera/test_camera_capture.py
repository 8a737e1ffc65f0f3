"""The capture loop, with sources that do as they are told and, where time matters, a clock that does too."""

import threading
import tracemalloc
from functools import partial

import av
import numpy as np
import pytest
from camera_doubles import Said, ScriptedSource, make_clip, number_of, seconds_since

from surgical_guidance.camera.capture import RETRY_LAST_S, Capture, SourceState
from surgical_guidance.camera.draw import Painter
from surgical_guidance.camera.file import FileSource
from surgical_guidance.camera.shot import Shot
from surgical_guidance.clock import monotonic_ns
from surgical_guidance.errors import EncodingError, SourceError, SourceLost
from surgical_guidance.frames import RingReaders

WAIT = ScriptedSource.WAIT
LOST = SourceLost('the cable is out', where='scope', remedy='put it in')


class ManualTime:
    """A clock that only waiting moves on."""

    def __init__(self):
        self.now = 1_000_000_000_000
        self.waits = []

    def now_ns(self):
        return self.now

    def wait(self, event, seconds):
        self.waits.append(seconds)
        self.now += round(seconds * 1e9)
        return event.is_set()


class Setup:
    """A capture, and what came of it."""

    def __init__(self, source, make_ring, *, live=False, time=None, capacity=8 * 6 * 3, send=None):
        self.frames, self.states = Said(), Said()
        injected = {} if time is None else {'now_ns': time.now_ns, 'wait': time.wait}
        self.capture = Capture(
            source,
            live=live,
            make_ring=make_ring,
            capacity=capacity,
            send=send or self.frames,
            on_state=self.states,
            **injected,
        )

    def play(self):
        """Play to the end."""
        self.capture.start()
        self.states.wait_for(lambda states: states and states[-1].ended)
        self.capture.close()
        return self.frames.items


@pytest.fixture
def setup(make_ring):
    made = []

    def make(source, **options):
        made.append(Setup(source, make_ring, **options))
        return made[-1]

    yield make
    for each in made:
        each.capture.close()


def test_frames_are_stamped_when_they_are_due(setup):
    time = ManualTime()
    begun = time.now
    frames = setup(ScriptedSource([0.0, 0.04, 0.08, 0.5]), time=time).play()
    assert [frame.monotonic_ns - begun for frame in frames] == [0, 40_000_000, 80_000_000, 500_000_000]
    assert time.waits == pytest.approx([0.04, 0.04, 0.42])
    assert [frame.sequence for frame in frames] == [1, 2, 3, 4]
    assert len({frame.stamp_ns - frame.monotonic_ns for frame in frames}) == 1


def test_late_pictures_are_left_out_and_counted_never_shown_late(setup):
    time = ManualTime()

    def slow(frame):
        said(frame)
        if frame.sequence == 2:
            time.now += 170_000_000

    test = setup(ScriptedSource([number * 0.04 for number in range(9)]), time=time, send=slow)
    said = test.frames
    frames = test.play()
    # After picture 2, due at 40 ms, it is 210 ms: those due at 80, 120 and 160 ms are late by more than 40 ms.
    assert [frame.sequence for frame in frames] == [1, 2, 6, 7, 8, 9]
    assert test.capture.skipped == 3
    assert test.capture.captured == 6


def test_pictures_that_the_source_lost_are_left_out_of_the_sequence(setup):
    draw = lambda image: image.fill(1)  # noqa: E731
    test = setup(ScriptedSource([Shot(8, 6, draw, 0.0), Shot(8, 6, draw, 0.04, lost=3)]), time=ManualTime())
    assert [frame.sequence for frame in test.play()] == [1, 5]
    assert test.capture.skipped == 3


def test_the_end_of_a_file_is_no_problem(setup):
    test = setup(ScriptedSource([0.0]))
    test.play()
    assert test.states.items == [SourceState(), SourceState(ended=True)]


def test_a_broken_file_is_played_to_the_break_and_told(setup, tmp_path):
    path = make_clip(
        tmp_path / 'a.mp4', codec='libx264', pictures=60, size=(320, 240), options={'movflags': 'faststart'}
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    test = setup(FileSource(path, pace=False), capacity=320 * 240 * 3)
    frames = test.play()
    assert 10 < len(frames) < 50
    assert test.states.items[-1].ended
    assert f'broken at {len(frames) / 25:.1f} s of 2.4 s' in test.states.items[-1].problem


def test_a_missing_file_is_told_and_not_looked_for_again(setup, tmp_path):
    source = FileSource(tmp_path / 'no.mp4')
    test = setup(source)
    test.play()
    assert len(test.states.items) == 1
    assert 'does not exist' in test.states.items[0].problem


def test_a_frame_is_in_the_ring_and_every_reader_sees_it(setup, clip):
    test = setup(FileSource(clip, pace=False), capacity=64 * 48 * 3)
    seen = []

    def look(frame):
        other = RingReaders().frame(frame.ring, frame.slot, frame.sequence)
        mapped = test.capture.ring._mapped.bytes
        seen.append((np.shares_memory(frame.image, mapped), number_of(other.image), frame.image.flags.writeable))

    test.capture._send = look
    test.play()
    assert seen == [(True, number, False) for number in range(20)]


def test_a_larger_picture_makes_a_larger_ring_and_the_sequence_goes_on(setup):
    draw = lambda image: image.fill(1)  # noqa: E731
    sizes = [(8, 6), (8, 6), (80, 60), (16, 12)]
    test = setup(
        ScriptedSource([Shot(*size, draw, 0.1 * number) for number, size in enumerate(sizes)]), time=ManualTime()
    )
    frames = test.play()
    assert [(frame.width, frame.height) for frame in frames] == sizes
    assert [frame.sequence for frame in frames] == [1, 2, 3, 4]
    assert [frame.ring == frames[0].ring for frame in frames] == [True, True, False, False]
    assert frames[0].image.shape == (6, 8, 3)  # what a reader still holds stays readable


def test_the_source_s_own_times_are_kept(setup):
    draw = lambda image: image.fill(1)  # noqa: E731
    shot = Shot(8, 6, draw, stamp_ns=123, monotonic_ns=456)
    frame = setup(ScriptedSource([shot])).play()[0]
    assert (frame.stamp_ns, frame.monotonic_ns) == (123, 456)


def test_a_live_source_that_vanishes_is_told_at_once_and_found_again(setup):
    source = ScriptedSource([0, 1, LOST], [LOST], [2, WAIT], live=True)
    test = setup(source, live=True)
    test.capture.start()
    test.frames.wait_for(lambda frames: len(frames) == 3)
    test.capture.stop()
    assert [state.problem for state in test.states.items] == ['', str(LOST), str(LOST), '']
    assert not any(state.ended for state in test.states.items)
    assert [frame.sequence for frame in test.frames.items] == [1, 2, 3]


def test_it_looks_again_ever_less_often(setup):
    time = ManualTime()
    enough = threading.Event()
    wait = time.wait

    def counted(event, seconds):
        if len(time.waits) == 8:
            enough.set()
            return event.wait(10.0)
        return wait(event, seconds)

    time.wait = counted
    test = setup(ScriptedSource([LOST], live=True), live=True, time=time)
    test.capture.start()
    assert enough.wait(10.0)
    test.capture.stop()
    assert time.waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, RETRY_LAST_S, RETRY_LAST_S, RETRY_LAST_S])


def test_once_found_it_is_looked_for_quickly_again(setup):
    time = ManualTime()
    source = ScriptedSource([LOST], [LOST], [0, LOST], [LOST], [0, WAIT], live=True)
    test = setup(source, live=True, time=time)
    test.capture.start()
    test.frames.wait_for(lambda frames: len(frames) == 2)
    test.capture.stop()
    assert time.waits == pytest.approx([0.2, 0.4, 0.2, 0.4])


def test_a_picture_that_cannot_be_read_is_told_and_the_next_one_is_shown(setup):
    def refuse(_):
        raise EncodingError('odd colours')

    source = ScriptedSource([0.0, EncodingError('odd message'), Shot(8, 6, refuse), 0.04, WAIT], live=True)
    test = setup(source, live=True)
    test.capture.start()
    test.frames.wait_for(lambda frames: len(frames) == 2)
    test.capture.stop()
    assert [state.problem for state in test.states.items] == ['', 'odd message', 'odd colours', '']
    assert [frame.sequence for frame in test.frames.items] == [1, 4]
    assert source.openings == 1


@pytest.mark.parametrize(
    ('script', 'live'),
    [([0.0, WAIT], True), ([0.0, 3600.0], False), ([LOST], True)],
    ids=['waiting for a picture', 'waiting until it is due', 'waiting to look again'],
)
def test_stop_is_prompt_whatever_the_source_does(setup, script, live):
    test = setup(ScriptedSource(script, live=live), live=live)
    test.capture.start()
    test.states.wait_for(lambda states: states)
    began = monotonic_ns()
    test.capture.stop()
    assert seconds_since(began) < 0.2


def test_a_source_that_hangs_is_given_up_and_named(setup):
    let_go = threading.Event()

    class Hanging(ScriptedSource):
        def close(self):
            pass

        def read(self):
            assert let_go.wait(10.0)
            return super().read()

    test = setup(Hanging([0.0]))
    test.capture.start()
    began = monotonic_ns()
    with pytest.raises(SourceError, match='hangs'):
        test.capture.stop()
    assert seconds_since(began) < 0.5
    with pytest.raises(SourceError, match='hangs'):
        test.capture.start()
    let_go.set()
    test.capture._thread.join(5.0)
    test.capture.stop()
    assert test.frames.items == []


def test_it_can_be_started_again(setup, clip):
    test = setup(FileSource(clip, loop=True), capacity=64 * 48 * 3)
    for round_ in (1, 2):
        before = len(test.frames.items)
        test.capture.start()
        test.frames.wait_for(lambda frames, least=before: len(frames) > least + 2)
        test.capture.stop()
        assert test.capture.captured == len(test.frames.items)
        assert round_
    sequences = [frame.sequence for frame in test.frames.items]
    assert sequences == sorted(set(sequences))


@pytest.mark.filterwarnings('ignore::pytest.PytestUnhandledThreadExceptionWarning')
def test_a_mistake_of_ours_ends_the_capture_and_is_told(setup):
    def fail(_):
        raise RuntimeError('a bug')

    test = setup(ScriptedSource([0.0, 0.04]), send=fail)
    test.play()
    assert test.states.items[-1] == SourceState('capture failed, RuntimeError: a bug', ended=True)


def test_no_memory_of_frame_size_is_taken_for_a_frame(make_ring):
    """From a decoded picture to the neighbour: 50 frames of 1280x720 in BT.601, 2.8 MB each."""
    painter = Painter()
    decoded = av.VideoFrame(1280, 720, 'yuv420p')
    for plane in decoded.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    marks, done = [], threading.Event()
    tracemalloc.start()

    def shots():
        for _ in range(60):
            yield Shot(1280, 720, partial(painter.draw, decoded))

    def send(frame):
        if frame.sequence == 10:
            tracemalloc.reset_peak()
            marks.append(tracemalloc.get_traced_memory()[0])
        if frame.sequence == 60:
            marks.append(tracemalloc.get_traced_memory()[1])

    class Source(ScriptedSource):
        def open(self):
            info = super().open()
            self._steps = shots()
            return info

    capture = Capture(
        Source([]),
        live=False,
        make_ring=make_ring,
        capacity=1280 * 720 * 3,
        send=send,
        on_state=lambda state: done.set() if state.ended else None,
    )
    try:
        capture.start()
        assert done.wait(20.0)
    finally:
        capture.close()
        tracemalloc.stop()  # after the thread it traced: beside one that allocates it can crash Python 3.11
    assert marks[1] - marks[0] < 100_000
