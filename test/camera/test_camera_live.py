"""Live sources: the newest picture wins, nothing hangs, and what is lost is told."""

import socket
import threading
from collections import deque
from fractions import Fraction
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from camera_doubles import Said, number_of, picture, seconds_since

from surgical_guidance.camera import device
from surgical_guidance.camera.latest import LatestSource
from surgical_guidance.camera.live import LiveMedia
from surgical_guidance.camera.media import Media
from surgical_guidance.camera.shot import Shot
from surgical_guidance.camera.sources import make_source
from surgical_guidance.clock import monotonic_ns
from surgical_guidance.errors import SourceError, SourceLost
from surgical_guidance.frames import SourceInfo


class Hand:
    """A connection that gives what the test puts in its hand."""

    def __init__(self):
        self.closed = threading.Event()
        self.opened = threading.Event()
        self.may_open = threading.Event()
        self.may_open.set()
        self.asked = Said()
        self._items = []
        self._changed = threading.Condition()

    def give(self, item):
        with self._changed:
            self._items.append(item)
            self._changed.notify()

    def open(self):
        self.opened.set()
        assert self.may_open.wait(10.0)
        return SourceInfo(8, 6, 30.0, True, 'hand')

    def read(self):
        self.asked(1)
        with self._changed:
            assert self._changed.wait_for(lambda: self._items, 10.0)
            item = self._items.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        self.closed.set()


def shot(number, lost=0):
    return Shot(8, 6, lambda image: image.fill(number), time_s=float(number), lost=lost)


@pytest.fixture
def hand():
    hand = Hand()
    yield hand
    hand.may_open.set()
    hand.give(SourceLost('the test is over'))
    assert hand.closed.wait(5.0) or not hand.opened.is_set()


def source_of(hand, silence_s=5.0, open_s=5.0):
    return LatestSource(lambda: hand, 'hand:', open_s=open_s, silence_s=silence_s)


def test_a_slow_reader_gets_the_newest_picture_and_the_number_of_those_it_missed(hand):
    source = source_of(hand)
    assert source.open().description == 'hand'
    for number in range(5):
        hand.give(shot(number, lost=number % 2))
    hand.asked.wait_for(lambda asked: len(asked) == 6)  # it took all five and asks for the sixth
    newest = source.read()
    assert (newest.time_s, newest.lost) == (4.0, 4 + 2)
    hand.give(shot(9))
    assert source.read().lost == 0
    source.close()


def test_silence_is_a_loss(hand):
    source = source_of(hand, silence_s=0.05)
    source.open()
    hand.give(shot(1))
    assert source.read() is not None
    with pytest.raises(SourceLost, match=r'no picture for 0\.05 s'):
        source.read()
    source.close()


def test_what_came_before_the_loss_is_still_shown(hand):
    source = source_of(hand)
    source.open()
    hand.give(shot(1))
    hand.give(SourceLost('pulled', where='cable'))
    assert hand.closed.wait(5.0)
    assert source.read().time_s == 1.0
    with pytest.raises(SourceLost, match='cable: pulled'):
        source.read()


def test_a_waiting_read_is_ended_by_another_thread(hand):
    source = source_of(hand)
    source.open()
    said = Said()
    threading.Thread(target=lambda: said(source.read())).start()
    began = monotonic_ns()
    source.close()
    said.wait_for(lambda items: items == [None], 1.0)
    assert seconds_since(began) < 0.5


def test_an_opening_that_hangs_is_given_up(hand):
    hand.may_open.clear()
    with pytest.raises(SourceError, match=r'no answer for 0\.05 s'):
        source_of(hand, open_s=0.05).open()


def test_an_opening_that_hangs_is_ended_by_another_thread(hand):
    hand.may_open.clear()
    source = source_of(hand)
    said = Said()

    def opening():
        with pytest.raises(SourceError):
            source.open()
        said('over')

    threading.Thread(target=opening).start()
    assert hand.opened.wait(5.0)
    began = monotonic_ns()
    source.close()
    said.wait_for(lambda items: items == ['over'])
    assert seconds_since(began) < 0.5


def test_a_missing_device_is_told_with_those_that_are_there():
    source = make_source('device:/dev/video98?size=1920x1080&rate=30&format=mjpeg')
    with pytest.raises(SourceError, match=r'no such device.*devices here'):
        source.open()


def test_a_device_that_is_none_is_refused():
    with pytest.raises(SourceError, match='device:/dev/null'):
        make_source('device:/dev/null').open()


def test_a_stream_that_nobody_serves_is_told():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))  # bound and not listening: nobody else gets this port
        with pytest.raises(SourceError, match='nobody answers there'):
            make_source(f'rtsp://127.0.0.1:{taken.getsockname()[1]}/x').open()


def test_a_pyav_without_a_protocol_is_told(monkeypatch):
    def refuse(*_, **__):
        raise av.error.ProtocolNotFoundError(1, 'Protocol not found')

    monkeypatch.setattr(av, 'open', refuse)
    with pytest.raises(SourceError, match='built without the protocol'):
        make_source('srt://127.0.0.1:9000').open()


class UdpSender:
    """MPEG-TS over UDP at 25 Hz, until it is told to stop."""

    def __init__(self, port):
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port,))
        self._thread.start()

    def _run(self, port):
        with av.open(f'udp://127.0.0.1:{port}?pkt_size=1316', 'w', format='mpegts') as container:
            stream = container.add_stream(
                'libx264', rate=25, options={'preset': 'ultrafast', 'tune': 'zerolatency', 'g': '5'}
            )
            stream.width, stream.height, stream.pix_fmt = 320, 240, 'yuv420p'
            number = 0
            while not self._stop.wait(0.04):
                frame = picture(number % 28, 320, 240)
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
                number += 1

    def stop(self):
        self._stop.set()
        self._thread.join()


@pytest.fixture
def udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def test_a_udp_stream_is_shown_lost_and_found_again(udp_port):
    source = make_source(f'udp://127.0.0.1:{udp_port}#timeout=0.4')
    sender = UdpSender(udp_port)
    try:
        info = source.open()
        assert info.live
        assert info.description.startswith('mpegts, h264')
        images = []
        for _ in range(10):
            shot = source.read()
            image = np.zeros((shot.height, shot.width, 3), np.uint8)
            shot.draw(image)
            images.append(number_of(image))
            assert 0 <= monotonic_ns() - shot.monotonic_ns < 500_000_000
        assert image.shape == (240, 320, 3)
        assert len(set(images)) > 5
    finally:
        sender.stop()
    began = monotonic_ns()
    with pytest.raises(SourceLost):
        deque(iter(source.read, None), maxlen=0)
    assert seconds_since(began) < 1.5
    source.close()
    sender = UdpSender(udp_port)
    try:
        source.open()
        assert source.read() is not None
    finally:
        source.close()
        sender.stop()


class FakeVideoCapture:
    """What OpenCV with GStreamer would be."""

    frames = (np.full((4, 6, 3), 7, np.uint8),)

    def open(self, pipeline, backend):
        self._left = list(self.frames)
        return backend == cv2.CAP_GSTREAMER and 'broken' not in pipeline

    def get(self, key):
        return {cv2.CAP_PROP_FRAME_WIDTH: 6.0, cv2.CAP_PROP_FRAME_HEIGHT: 4.0, cv2.CAP_PROP_FPS: 30.0}[key]

    def read(self):
        return (True, self._left.pop(0)) if self._left else (False, None)

    def release(self):
        pass


@pytest.fixture
def gstreamer(monkeypatch):
    monkeypatch.setattr(device, 'gstreamer_available', lambda: True)
    monkeypatch.setattr(cv2, 'VideoCapture', FakeVideoCapture)


@pytest.mark.usefixtures('gstreamer')
def test_a_gstreamer_pipeline_is_shown_until_it_ends():
    source = make_source('gst:videotestsrc ! videoconvert ! appsink')
    info = source.open()
    assert (info.width, info.height, info.rate, info.live) == (6, 4, 30.0, True)
    shot = source.read()
    image = np.zeros((4, 6, 3), np.uint8)
    shot.draw(image)
    assert (image == 7).all()
    with pytest.raises(SourceLost, match='the pipeline ended'):
        source.read()


@pytest.mark.usefixtures('gstreamer')
def test_a_gstreamer_pipeline_that_does_not_start_is_told():
    with pytest.raises(SourceError, match='does not start; try it with gst-launch'):
        make_source('gst:broken ! appsink').open()


@pytest.mark.usefixtures('gstreamer')
def test_a_gstreamer_pipeline_must_give_colours(monkeypatch):
    monkeypatch.setattr(FakeVideoCapture, 'frames', (np.zeros((4, 6), np.uint8),))
    source = make_source('gst:videotestsrc ! appsink')
    source.open()
    with pytest.raises(SourceLost, match='format=BGR'):
        source.read()


@pytest.mark.parametrize(
    ('kernel_stamps', 'age_s', 'believed'),
    [(True, 0.02, True), (True, -0.02, False), (True, 5.0, False), (False, 0.02, False)],
    ids=['a fresh stamp', 'one from the future', 'one of another clock', 'a stream'],
)
def test_the_kernel_s_stamp_of_a_device_is_the_time_of_capture(kernel_stamps, age_s, believed):
    arrived_ns = 5_000_000_000_000
    stamped = SimpleNamespace(pts=(arrived_ns - round(age_s * 1e9)) // 1000, time_base=Fraction(1, 1_000_000))
    live = LiveMedia(lambda: None, kernel_stamps=kernel_stamps)
    assert live._captured_ns(stamped, arrived_ns) == (arrived_ns - round(age_s * 1e9) if believed else arrived_ns)


def test_a_live_video_that_ends_is_lost(clip):
    live = LiveMedia(lambda: Media(str(clip), 'stream'))
    assert live.open().live
    assert all(live.read().monotonic_ns for _ in range(20))
    with pytest.raises(SourceLost, match='stream: the stream ended'):
        live.read()
    live.close()
