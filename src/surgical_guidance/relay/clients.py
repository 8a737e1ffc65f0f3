"""One page that watches: what waits to be sent to it, and how much may.

Pictures and states are worth nothing when a newer one is there: one slot each. Events (advice, alarms) must not be
lost: a queue, and a page that cannot keep up with it is closed with the reason rather than left with a hole. A picture
goes only while fewer than :data:`UNSHOWN` wait to be shown: otherwise the buffers of a slow network would fill with
pictures that are old when they arrive.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

EVENTS = 64  # waiting for one page
MARKS = 512  # waiting for one page: more than a slow network collects in the seconds a page is given
OVERLAYS = 8  # of frames of the video; an overlay whose frame is not shown any more is worth nothing
UNSHOWN = 2  # pictures: one on the way, one being decoded

GOING_AWAY = 1001
POLICY = 1008
TRY_LATER = 1013
"""WebSocket close codes (RFC 6455 and the IANA registry)."""


class Socket(Protocol):
    """What a client needs of a WebSocket. Sending waits while the page does not read."""

    async def send_str(self, data: str) -> None:
        """Send a text message."""

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""


@dataclass(frozen=True, slots=True)
class OutgoingPicture:
    """A picture message, encoded once for all clients."""

    captured_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Why a client is closed; the page shows it."""

    code: int
    reason: str


class Client:
    """The sending side of one page. All methods belong to the loop's thread and return at once, but :meth:`write`.

    :param socket: to send with.
    :param on_sent: gets the capture time of every picture once its bytes are handed to the network.
    """

    def __init__(self, socket: Socket, on_sent: Callable[[int], None]) -> None:
        self._socket = socket
        self._on_sent = on_sent
        self._events: deque[str] = deque()
        self._marks: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._pong: str | None = None
        self._state: str | None = None
        self._picture: OutgoingPicture | None = None
        self._overlays: deque[str] = deque(maxlen=OVERLAYS)
        self._unshown = 0
        self._wake = asyncio.Event()
        self.goodbye: asyncio.Future[Goodbye] = asyncio.get_running_loop().create_future()
        self.pictures = True
        """Whether the page wants single pictures; not while it has video."""
        self.video = False
        """Whether the page has video, and so wants the overlays of its frames."""
        self.sent = 0
        self.sent_bytes = 0
        self.dropped = 0
        """Pictures that a newer one replaced before they could be sent."""

    def put_event(self, text: str) -> None:
        """Queue what must not be lost."""
        if len(self._events) >= EVENTS:
            self.close(Goodbye(TRY_LATER, 'this page does not keep up with the advice'))
            return
        self._events.append(text)
        self._wake.set()

    def put_mark(self, author: str, mark_id: str, text: str) -> None:
        """Leave what is new about a mark: of one mark only the newest waits.

        :param mark_id: empty: all marks of this author, and what waits about them is void.
        """
        if not mark_id:
            for key in [key for key in self._marks if key[0] == author]:
                del self._marks[key]
        self._marks.pop((author, mark_id), None)
        self._marks[author, mark_id] = text
        if len(self._marks) > MARKS:
            self.close(Goodbye(TRY_LATER, 'this page does not keep up with what is drawn'))
        self._wake.set()

    def put_pong(self, text: str) -> None:
        """Leave the answer to the page's last question."""
        self._pong = text
        self._wake.set()

    def put_state(self, text: str) -> None:
        """Leave the newest state."""
        self._state = text
        self._wake.set()

    def put_picture(self, picture: OutgoingPicture) -> None:
        """Leave the newest picture."""
        if self._picture is not None:
            self.dropped += 1
        self._picture = picture
        self._wake.set()

    def put_overlay(self, text: str) -> None:
        """Queue what belongs to one frame of the video; the oldest goes if the page does not keep up."""
        self._overlays.append(text)
        self._wake.set()

    def on_shown(self) -> None:
        """Note that the page is done with one picture."""
        self._unshown = max(0, self._unshown - 1)
        self._wake.set()

    def close(self, goodbye: Goodbye) -> None:
        """Ask for the end; the first reason counts."""
        if not self.goodbye.done():
            self.goodbye.set_result(goodbye)

    async def write(self) -> None:
        """Send what waits, for ever.

        :raises ConnectionError: when the page is gone.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            while await self._send_next():
                pass

    async def _send_next(self) -> bool:
        """Send the most urgent thing; False if nothing waits that may go."""
        if self._events:
            await self._socket.send_str(self._events.popleft())
        elif self._marks:
            _, text = self._marks.popitem(last=False)
            await self._socket.send_str(text)
        elif self._pong is not None:
            text, self._pong = self._pong, None
            await self._socket.send_str(text)
        elif self._overlays:
            await self._socket.send_str(self._overlays.popleft())
        elif self._state is not None:
            text, self._state = self._state, None
            await self._socket.send_str(text)
        elif self._picture is not None and self._unshown < UNSHOWN:
            picture, self._picture = self._picture, None
            self._unshown += 1
            await self._socket.send_bytes(picture.data)
            self.sent += 1
            self.sent_bytes += len(picture.data)
            self._on_sent(picture.captured_ns)
        else:
            return False
        return True
