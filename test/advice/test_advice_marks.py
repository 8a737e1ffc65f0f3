"""What people drew, in the operating room's overlay."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from advice_scenes import START_NS

from surgical_guidance.advice.fonts import Fonts
from surgical_guidance.advice.marks import draw_marks
from surgical_guidance.advice.overlay import Style
from surgical_guidance.advice.overlay_images import OverlayPublisher
from surgical_guidance.advice.suggestion import Suggestion
from surgical_guidance.annotations import Annotation, Kind, Standing
from surgical_guidance.frames import Frame

PLAIN = Fonts('', False)
GREY = 90
GREEN = 0x3DFF8B


def mark(kind: Kind, *points: float, text: str = '') -> Annotation:
    return Annotation('1', 'Dr Li', kind, 1, START_NS, points, text, GREEN, 10.0)


def drawn(one: Annotation, strength: float = 1.0, behind_s: float = 0.0) -> np.ndarray:
    image = np.full((540, 960, 3), GREY, np.uint8)
    draw_marks(image, [Standing(one, strength, 5.0, behind_s)], PLAIN)
    return image


def green_at(image: np.ndarray, x: float, y: float) -> bool:
    """Whether a mark is drawn about a place, given in shares."""
    row, column = round(y * 540), round(x * 960)
    near = image[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3].astype(int)
    return bool((near[..., 1] - near[..., 2] > 60).any())


@pytest.mark.parametrize(
    ('one', 'at', 'bare'),
    [
        (mark(Kind.FREEHAND, 0.2, 0.2, 0.6, 0.2, 0.6, 0.6), (0.4, 0.2), (0.4, 0.4)),
        (mark(Kind.FREEHAND, 0.3, 0.3), (0.3, 0.3), (0.6, 0.6)),
        (mark(Kind.ARROW, 0.2, 0.5, 0.6, 0.5), (0.59, 0.51), (0.6, 0.8)),
        (mark(Kind.CIRCLE, 0.5, 0.5, 0.6, 0.5), (0.4, 0.5), (0.5, 0.5)),
        (mark(Kind.POINTER, 0.5, 0.5), (0.5 + 9 / 960, 0.5), (0.2, 0.2)),
    ],
)
def test_every_kind_is_drawn_where_it_was_drawn(
    one: Annotation, at: tuple[float, float], bare: tuple[float, float]
) -> None:
    image = drawn(one)
    assert green_at(image, *at)
    assert not green_at(image, *bare)


def test_a_text_and_the_name_of_its_author_are_written_and_stay_inside_the_picture() -> None:
    named = drawn(mark(Kind.TEXT, 0.99, 0.99, text='here'))
    assert (named[-60:, -200:] != GREY).any()
    assert (named[:400] == GREY).all()


def test_a_mark_fades_and_that_of_a_still_is_dashed() -> None:
    line = mark(Kind.FREEHAND, 0.1, 0.5, 0.9, 0.5)
    row = drawn(line)[269, 100:800]
    faded = drawn(line, strength=0.25)[269, 100:800]
    dashed = drawn(line, behind_s=5.0)[269, 100:800]
    assert (row != GREY).any(axis=1).all()
    assert np.abs(faded.astype(int) - GREY).max() < 0.4 * np.abs(row.astype(int) - GREY).max()
    assert 0.1 < (dashed == GREY).all(axis=1).mean() < 0.6


class Output:
    """A publisher with one subscriber."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.messages: list[Any] = []

    def get_subscription_count(self) -> int:
        return 1

    def publish(self, msg: Any) -> None:
        self.messages.append(msg)
        self.came.set()


def test_marks_are_in_the_pictures_of_the_overlay_topic() -> None:
    raw, compressed, failures = Output(), Output(), []
    overlay = OverlayPublisher(raw, compressed, Style(PLAIN, 'en'), lambda *told: failures.append(told))
    try:
        overlay.on_suggestion(Suggestion(START_NS, 1))
        overlay.on_annotation(mark(Kind.ARROW, 0.2, 0.5, 0.6, 0.5), START_NS)
        image = np.full((540, 960, 3), GREY, np.uint8)
        overlay.on_frame(Frame(1, START_NS, START_NS, image, 'bgr8', '', 0, lambda: 1))
        assert raw.came.wait(10)
    finally:
        overlay.close()
    sent = np.frombuffer(bytes(raw.messages[0].data), np.uint8).reshape(540, 960, 3)
    assert green_at(sent, 0.4, 0.5)
    assert (image == GREY).all()  # the camera's picture is as it was
    assert not failures


def test_a_picture_that_cannot_be_drawn_is_told_and_the_next_one_is_drawn() -> None:
    raw, told, failed = Output(), [], threading.Event()

    def on_failure(problem: str, frame: int) -> None:
        told.append((problem, frame))
        failed.set()

    def shot(sequence: int, image: np.ndarray) -> Frame:
        return Frame(sequence, START_NS, START_NS, image, 'bgr8', '', 0, lambda: sequence)

    overlay = OverlayPublisher(raw, Output(), Style(PLAIN, 'en'), on_failure)
    try:
        overlay.on_suggestion(Suggestion(START_NS, 1))
        overlay.on_annotation(mark(Kind.POINTER, 0.5, 0.5), START_NS)
        overlay.on_frame(shot(7, np.zeros((9, 9), np.uint8)))  # says that it is in colour
        assert failed.wait(10)
        overlay.on_frame(shot(8, np.zeros((9, 9, 3), np.uint8)))
        assert raw.came.wait(10)
    finally:
        overlay.close()
    ((problem, frame),) = told
    assert 'not drawn' in problem
    assert frame == 7
