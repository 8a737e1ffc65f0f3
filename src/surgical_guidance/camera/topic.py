"""Pictures that another node publishes as ``sensor_msgs/Image`` or ``CompressedImage``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance import clock
from surgical_guidance.camera.shot import Shot
from surgical_guidance.camera.uri import split
from surgical_guidance.errors import EncodingError, SourceError, SourceLost
from surgical_guidance.frames import Picture, SourceInfo
from surgical_guidance.frames.encodings import decode_compressed, decode_image
from surgical_guidance.ports import Mailbox

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage, Image

RAW: Final = 'raw'
COMPRESSED: Final = 'compressed'
SILENCE_S = 1.0
"""A topic without a message for this long is lost [s]."""


def make_topic(uri: str) -> TopicSource:
    """Make the source of a ``topic:`` URI: ``type=raw|compressed``, ``timeout=S``.

    :raises SourceError: if the URI cannot be understood.
    """
    path, given = split(uri)
    if not path or any(character.isspace() for character in path):
        raise SourceError('there is no topic named', where=given.where, remedy='write topic:/camera/image_raw')
    kind = given.choice('type', COMPRESSED if path.endswith('/compressed') else RAW, (RAW, COMPRESSED))
    silence_s = given.number('timeout', SILENCE_S, most=60.0)
    given.finish()
    return TopicSource(path, compressed=kind == COMPRESSED, silence_s=silence_s)


class TopicSource:
    """The newest message of a topic. Somebody who has a node subscribes and calls :meth:`accept`.

    :param topic: its name.
    :param compressed: ``CompressedImage`` comes, and not ``Image``.
    :param silence_s: it is lost when no message comes for this long [s].
    """

    def __init__(self, topic: str, *, compressed: bool, silence_s: float = SILENCE_S) -> None:
        self.topic = topic
        self.compressed = compressed
        self._silence_s = silence_s
        self._messages: Mailbox[tuple[Any, int]] = Mailbox()
        self._first: Shot | None = None
        self._lost = 0  # of the mailbox's dropped messages, those already told

    def accept(self, message: Image | CompressedImage) -> None:
        """Take a message. Any thread may call it."""
        self._messages.put((message, clock.monotonic_ns()))

    def open(self) -> SourceInfo:
        """Wait for the first message.

        :raises SourceError: if none comes, or it cannot be read.
        """
        self._messages = Mailbox()
        self._lost = 0
        try:
            first = self._next()
        except EncodingError as error:
            raise SourceError(error.what, where=f'topic:{self.topic}', remedy=error.remedy) from error
        if first is None:
            raise SourceError('closed while it was waited for', where=f'topic:{self.topic}')
        self._first = first
        kind = 'CompressedImage' if self.compressed else 'Image'
        return SourceInfo(first.width, first.height, 0.0, live=True, description=f'sensor_msgs/{kind}')

    def read(self) -> Picture | None:
        """Wait for the newest message that was not given yet; None after :meth:`close`.

        :raises SourceLost: if none comes for too long.
        :raises EncodingError: if it cannot be read; the next one may be better.
        """
        first, self._first = self._first, None
        return first or self._next()

    def close(self) -> None:
        """End a waiting read."""
        self._messages.close()

    def _next(self) -> Shot | None:
        messages = self._messages
        taken = messages.take(self._silence_s)
        if taken is None:
            if messages.closed:
                return None
            raise SourceLost(
                f'no message for {self._silence_s:g} s',
                where=f'topic:{self.topic}',
                remedy=f'look at it with: ros2 topic info -v {self.topic}',
            )
        message, arrived_ns = taken
        image = decode_compressed(message) if self.compressed else decode_image(message)
        lost, self._lost = messages.dropped - self._lost, messages.dropped
        return Shot(
            image.shape[1],
            image.shape[0],
            partial(_draw, image),
            stamp_ns=clock.from_time(message.header.stamp) or None,
            monotonic_ns=arrived_ns,
            lost=lost,
        )


def _draw(picture: NDArray[np.uint8], image: NDArray[np.uint8]) -> None:
    if picture.ndim == 2:
        cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR, image)
    else:
        np.copyto(image, picture)
