"""Pictures with the overlay drawn in, for those who ask, in a thread of their own: the frame path does not pay.

A picture waits for the scene of its own frame, so that nothing is drawn beside what it is about. Where no scenes come,
the picture goes out with the text alone: a standing picture would say less.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from surgical_guidance.advice.marks import draw_marks
from surgical_guidance.advice.overlay import Style, draw
from surgical_guidance.advice.suggestion import Suggestion
from surgical_guidance.annotations import Annotation, Board, Standing
from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.frames import Frame
from surgical_guidance.frames.encodings import encode_compressed, encode_image
from surgical_guidance.ports import Mailbox
from surgical_guidance.scene.state import SceneState

_KEPT = 6  # frames that wait for their scene; the ring has a few slots more
_ALONE_NS = NS_PER_S // 4  # without a scene for this long pictures do not wait for theirs any more


class ImageOutput(Protocol):
    """What this needs of a publisher."""

    def get_subscription_count(self) -> int:
        """How many are subscribed."""

    def publish(self, msg: Any) -> None:
        """Send a message."""


@dataclass(frozen=True, slots=True)
class _Task:
    frame: Frame
    scene: SceneState | None
    suggestion: Suggestion
    style: Style
    marks: list[Standing]


class OverlayPublisher:
    """Draws the newest picture, once for all, while somebody is subscribed and the overlay is on.

    :param raw: publisher of ``sensor_msgs/Image``.
    :param compressed: publisher of ``sensor_msgs/CompressedImage``.
    :param style: how it is drawn; None: it is off.
    :param failed: told why a picture could not be drawn, and its frame; the next one gets its chance.
    """

    def __init__(
        self, raw: ImageOutput, compressed: ImageOutput, style: Style | None, failed: Callable[[str, int], None]
    ) -> None:
        self._outputs: tuple[tuple[ImageOutput, Callable[[Frame], Any]], ...] = (
            (raw, encode_image),
            (compressed, encode_compressed),
        )
        self.style = style
        self._failed = failed
        self.drawn = 0
        self._lock = threading.Lock()
        self._frames: deque[Frame] = deque(maxlen=_KEPT)
        self._scene_ns = 0
        self._suggestion: Suggestion | None = None
        self._board = Board()
        self._tasks: Mailbox[_Task] = Mailbox()
        self._thread = threading.Thread(target=self._run, name='overlay', daemon=True)
        self._thread.start()

    @property
    def wanted(self) -> bool:
        """Whether anything is to be drawn."""
        return self.style is not None and any(output.get_subscription_count() for output, _ in self._outputs)

    def on_frame(self, frame: Frame) -> None:
        """Take a frame, by reference; returns at once."""
        if not self.wanted:
            return
        with self._lock:
            self._frames.append(frame)
            alone = frame.stamp_ns - self._scene_ns > _ALONE_NS
            suggestion = self._suggestion
        if alone and suggestion is not None:
            self._put(frame, None, suggestion)

    def on_suggestion(self, suggestion: Suggestion) -> None:
        """Take what is shown from now on, as it may change without a scene."""
        self._suggestion = suggestion

    def on_scene(self, scene: SceneState, suggestion: Suggestion) -> None:
        """Take a scene and what is shown with it; returns at once."""
        self._suggestion = suggestion
        if not self.wanted:
            return
        with self._lock:
            self._scene_ns = scene.stamp_ns
            frame = next((one for one in self._frames if one.sequence == scene.sequence), None)
        if frame is not None and frame.stamp_ns == scene.stamp_ns:
            self._put(frame, scene, suggestion)

    def on_annotation(self, mark: Annotation, now_stamp_ns: int) -> None:
        """Take a mark that somebody drew.

        :param now_stamp_ns: now on the time line of the stamps [ns].
        """
        with self._lock:
            self._board.put(mark, monotonic_ns(), now_stamp_ns)

    def close(self) -> None:
        """End the thread."""
        self._tasks.close()
        self._thread.join()
        self._frames.clear()

    def _put(self, frame: Frame, scene: SceneState | None, suggestion: Suggestion) -> None:
        style = self.style
        if style is not None:
            with self._lock:
                marks = self._board.standing(monotonic_ns())
            self._tasks.put(_Task(frame, scene, suggestion, style, marks))

    def _run(self) -> None:
        while (task := self._tasks.take()) is not None:
            try:
                self._draw(task)
            except Exception as error:  # noqa: BLE001  (a defect here must not end the drawing; it is told)
                self._failed(f'the overlay was not drawn: {type(error).__name__}: {error}', task.frame.sequence)

    def _draw(self, task: _Task) -> None:
        picture = _picture(task.frame)
        if picture is None:
            return  # this thread was too slow: the next one is waiting already
        draw(picture.image, task.scene, task.suggestion, task.style, task.frame.stamp_ns)
        draw_marks(picture.image, task.marks, task.style.fonts)
        for output, encode in self._outputs:
            if output.get_subscription_count():
                output.publish(encode(picture))
        self.drawn += 1


def _picture(frame: Frame) -> Frame | None:
    """Copy a frame's picture, in colour; None where its slot was overwritten."""
    image = cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR) if frame.encoding == 'mono8' else frame.image.copy()
    if not frame.intact:
        return None
    return Frame(
        frame.sequence,
        frame.stamp_ns,
        frame.monotonic_ns,
        np.asarray(image, np.uint8),
        'bgr8',
        '',
        0,
        lambda: frame.sequence,
    )
