"""All pages that watch. Each message is encoded once and shared; no page can hold up another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from surgical_guidance.clock import elapsed_ms
from surgical_guidance.relay.clients import GOING_AWAY, Client, Goodbye, OutgoingPicture, Socket
from surgical_guidance.relay.facts import Json

LATENCIES = 600  # pictures that the percentiles are taken over


class Hub:
    """Hands every message to every client.

    Belongs to the loop's thread; :attr:`watched` and :attr:`pictures` may be read from any.

    :param on_leave: called for every client that is gone.
    """

    def __init__(self, on_leave: Callable[[Client], None] = lambda _client: None) -> None:
        self.watched = False
        self.pictures = False
        """Whether somebody wants single pictures."""
        self._on_leave = on_leave
        self.clients: set[Client] = set()
        self._latencies_ms: deque[float] = deque(maxlen=LATENCIES)
        self._gone_sent = 0
        self._gone_dropped = 0
        self._gone_bytes = 0

    def join(self, socket: Socket) -> Client:
        """Take in a page."""
        client = Client(socket, self._on_sent)
        self.clients.add(client)
        self.watched = self.pictures = True
        return client

    def leave(self, client: Client) -> None:
        """Forget a page."""
        self.clients.discard(client)
        self.watched = bool(self.clients)
        self.look()
        self._on_leave(client)
        self._gone_sent += client.sent
        self._gone_dropped += client.dropped
        self._gone_bytes += client.sent_bytes

    def look(self) -> None:
        """See whether anybody wants single pictures: a client has changed its mind."""
        self.pictures = any(client.pictures for client in self.clients)

    def event(self, text: str) -> None:
        """Send what must not be lost."""
        for client in self.clients:
            client.put_event(text)

    def mark(self, author: str, mark_id: str, text: str) -> None:
        """Send the newest of one mark; with an empty id, that the author's marks are gone."""
        for client in self.clients:
            client.put_mark(author, mark_id, text)

    def state(self, text: str) -> None:
        """Send the newest state."""
        for client in self.clients:
            client.put_state(text)

    def picture(self, picture: OutgoingPicture) -> None:
        """Send the newest picture."""
        for client in self.clients:
            if client.pictures:
                client.put_picture(picture)

    def overlay(self, text: str) -> None:
        """Send the overlay of a frame of the video."""
        for client in self.clients:
            if client.video:
                client.put_overlay(text)

    @property
    def video(self) -> bool:
        """Whether anybody has video."""
        return any(client.video for client in self.clients)

    def close(self) -> None:
        """Send everybody away."""
        for client in self.clients:
            client.close(Goodbye(GOING_AWAY, 'the relay stops'))

    def json(self) -> Json:
        """Tell how it goes, for ``/healthz``: capture to bytes sent over the last pictures, and counters."""
        ordered = sorted(self._latencies_ms)
        return {
            'clients': len(self.clients),
            'bytes': self._gone_bytes + sum(client.sent_bytes for client in self.clients),
            'pictures': {
                'sent': self._gone_sent + sum(client.sent for client in self.clients),
                'dropped': self._gone_dropped + sum(client.dropped for client in self.clients),
            },
            'capture_to_sent_ms': {
                f'p{share}': round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 2) if ordered else None
                for share in (50, 99)
            },
        }

    def _on_sent(self, captured_ns: int) -> None:
        self._latencies_ms.append(elapsed_ms(captured_ns))
