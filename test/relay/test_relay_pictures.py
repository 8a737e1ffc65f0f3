"""Pixels to JPEG: the right frame, whole, scaled, newest first."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from surgical_guidance.frames import RingWriter, ring_scope
from surgical_guidance.relay.facts import FrameFact
from surgical_guidance.relay.pairing import Picture
from surgical_guidance.relay.pictures import PictureEncoder

WIDTH, HEIGHT = 1920, 1080


@pytest.fixture
def ring() -> Iterator[RingWriter]:
    writer = RingWriter(ring_scope('pictures-test'), 3, WIDTH * HEIGHT * 3)
    yield writer
    writer.close()


class Encoding:
    def __init__(self, max_width: int = 1280) -> None:
        self.pictures: queue.Queue[Picture] = queue.Queue()
        self.problems: list[str] = []
        self.encoder = PictureEncoder(90, max_width, self.pictures.put, self.problems.append)


@pytest.fixture
def encoding() -> Iterator[Encoding]:
    encoding = Encoding()
    encoding.encoder.start()
    yield encoding
    encoding.encoder.stop()


def draw(ring: RingWriter, grey: int, width: int = WIDTH, height: int = HEIGHT, encoding: str = 'bgr8') -> FrameFact:
    draft = ring.begin(width, height, encoding)
    draft.image[:] = grey
    frame = ring.commit(draft, 5, 7)
    return FrameFact(frame.sequence, frame.stamp_ns, frame.monotonic_ns, frame.ring, frame.slot, 30.0)


def pixels(picture: Picture) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_UNCHANGED)


def test_a_large_frame_is_scaled_down_and_keeps_its_own_size_in_words(ring: RingWriter, encoding: Encoding) -> None:
    fact = draw(ring, 77)
    encoding.encoder.offer(fact)
    picture = encoding.pictures.get(timeout=5)
    assert (picture.sequence, picture.stamp_ns, picture.monotonic_ns) == (fact.sequence, 5, 7)
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert pixels(picture).shape == (720, 1280, 3)
    assert abs(int(pixels(picture).mean()) - 77) <= 1


@pytest.mark.parametrize(('width', 'height', 'kind'), [(854, 480, 'bgr8'), (640, 480, 'mono8')])
def test_a_small_frame_is_left_as_it_is(
    ring: RingWriter, encoding: Encoding, width: int, height: int, kind: str
) -> None:
    encoding.encoder.offer(draw(ring, 120, width, height, kind))
    assert pixels(encoding.pictures.get(timeout=5)).shape[:2] == (height, width)


def test_a_frame_that_was_overwritten_is_dropped_and_counted(ring: RingWriter, encoding: Encoding) -> None:
    old = draw(ring, 1)
    for grey in range(3):
        draw(ring, grey)
    encoding.encoder.offer(old)
    encoding.encoder.offer(draw(ring, 200))
    assert abs(int(pixels(encoding.pictures.get(timeout=5)).mean()) - 200) <= 1
    assert encoding.encoder.overwritten + encoding.encoder.dropped == 1
    assert set(encoding.problems) <= {''}


def test_a_frame_that_changes_while_it_is_read_is_not_sent(
    ring: RingWriter, encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, read = cv2.imencode, threading.Event()

    def overtaken(*args: object) -> object:
        result = whole(*args)
        ring.begin(WIDTH, HEIGHT)  # the writer came round: this very slot is written now
        read.set()
        return result

    monkeypatch.setattr(cv2, 'imencode', overtaken)
    facts = [draw(ring, grey) for grey in (1, 2, 3)]
    encoding.encoder.offer(facts[0])
    assert read.wait(5)
    encoding.encoder.stop()
    assert encoding.pictures.empty()
    assert encoding.encoder.overwritten == 1


def test_the_newest_frame_wins(ring: RingWriter) -> None:
    encoding = Encoding()
    facts = [draw(ring, grey) for grey in (10, 20, 30)]
    for fact in facts:
        encoding.encoder.offer(fact)  # it has not begun yet
    encoding.encoder.start()
    assert encoding.pictures.get(timeout=5).sequence == facts[-1].sequence
    encoding.encoder.stop()
    assert encoding.encoder.dropped == 2


def test_a_camera_that_comes_back_with_another_ring_is_followed(ring: RingWriter, encoding: Encoding) -> None:
    encoding.encoder.offer(draw(ring, 10))
    encoding.pictures.get(timeout=5)
    ring.close()
    again = RingWriter(ring_scope('pictures-test'), 3, WIDTH * HEIGHT * 3)
    try:
        encoding.encoder.offer(draw(again, 60))
        assert abs(int(pixels(encoding.pictures.get(timeout=5)).mean()) - 60) <= 1
    finally:
        again.close()
