"""One message on its way to clients: kept as ROS serialised it, encoded once for all who want it the same way.

Nothing is deserialised or encoded before somebody can be sent it, and nothing twice.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import cbor2
import orjson

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.relay.bridge.blobs import blob_values
from surgical_guidance.relay.bridge.encoding import Values, cbor_values, json_values

FINAL, TEXT, BINARY = 0x80, 1, 2
MOST_FRAGMENTS = 4096  # of one message, however small the client wants them


class Form(NamedTuple):
    """How a client wants a topic.

    :param topic: the name as the client spelt it.
    :param compression: ``none``, ``cbor`` or ``cbor-raw``.
    :param fragment_size: longest text that is sent whole [characters]; None: no limit.
    """

    topic: str
    compression: str = 'none'
    fragment_size: int | None = None


class Frame:
    """One WebSocket message as it goes over the wire (RFC 6455, 5.2), whole and unmasked: the same for all clients."""

    __slots__ = ('_head', 'wire')

    def __init__(self, data: bytes, binary: bool = False) -> None:
        size = len(data)
        first = FINAL | (BINARY if binary else TEXT)
        if size < 126:  # the lengths of the standard
            head = struct.pack('!BB', first, size)
        elif size < 1 << 16:
            head = struct.pack('!BBH', first, 126, size)
        else:
            head = struct.pack('!BBQ', first, 127, size)
        self._head = len(head)
        self.wire = head + data

    @property
    def data(self) -> bytes:
        """What it says, without the head."""
        return self.wire[self._head :]

    def __len__(self) -> int:
        return len(self.wire)


class Sample:
    """One message of a topic.

    :param cls: its class.
    :param raw: as ROS serialised it (CDR).
    :param deserialise: makes a ROS message of that.
    :param received_ns: when it came, ROS time [ns].
    """

    def __init__(self, cls: type, raw: bytes, deserialise: Callable[[type, bytes], Any], received_ns: int) -> None:
        self.raw = raw
        self._cls = cls
        self._deserialise = deserialise
        self._received_ns = received_ns
        self._message: Any = None
        self._frames: dict[Form, tuple[Frame, ...]] = {}
        self.encoded = 0
        """How often it was encoded."""

    def frames(self, form: Form) -> tuple[Frame, ...]:
        """Give it as it goes to the clients that want it in one form."""
        frames = self._frames.get(form)
        if frames is None:
            frames = self._frames[form] = self._encode(form)
        return frames

    def _encode(self, form: Form) -> tuple[Frame, ...]:
        if form.fragment_size is not None and form.compression == 'none':
            (whole,) = self.frames(form._replace(fragment_size=None))
            return fragments(whole, form.fragment_size, f'{form.topic}:{id(self):x}')
        self.encoded += 1
        outer = {'op': 'publish', 'topic': form.topic}
        if form.compression == 'cbor-raw':
            seconds, nanoseconds = divmod(self._received_ns, NS_PER_S)
            inner = {'secs': seconds, 'nsecs': nanoseconds, 'bytes': self.raw}
            return (Frame(cbor2.dumps({**outer, 'msg': inner}), binary=True),)
        if form.compression == 'cbor':
            return (Frame(cbor2.dumps({**outer, 'msg': self._values(cbor_values, binary=True)}), binary=True),)
        return (text({**outer, 'msg': self._values(json_values, binary=False)}),)

    def _values(self, convert: Callable[[Any], Values], *, binary: bool) -> Values:
        values = blob_values(self._cls, self.raw, binary)
        if values is not None:
            return values
        if self._message is None:
            self._message = self._deserialise(self._cls, self.raw)
        return convert(self._message)


def text(message: dict[str, Any]) -> Frame:
    """Write a message as JSON."""
    return Frame(orjson.dumps(message))


def fragments(whole: Frame, size: int, id_: str) -> tuple[Frame, ...]:
    """Cut a text message into pieces.

    :param size: length of a piece [characters]; longer where it would take more than :data:`MOST_FRAGMENTS`.
    :param id_: the same for all pieces, another for every message.
    """
    content = whole.data.decode()
    if len(content) <= size:
        return (whole,)
    size = max(size, -(-len(content) // MOST_FRAGMENTS))
    total = -(-len(content) // size)
    return tuple(
        text({'op': 'fragment', 'id': id_, 'data': content[at * size : (at + 1) * size], 'num': at, 'total': total})
        for at in range(total)
    )
