"""Messages in pieces, from clients that send none longer than some length.

What they come to is no longer than what may come in one message, and few are kept that are not whole yet.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.frames import Message, needed, parse
from surgical_guidance.relay.bridge.sample import MOST_FRAGMENTS
from surgical_guidance.relay.bridge.session import Session

OPEN = 4  # messages that one client may have begun; the oldest is forgotten first


@dataclass
class Begun:
    """A message that is not whole yet.

    :param total: pieces it has.
    """

    total: int
    pieces: dict[int, str] = field(default_factory=dict)
    size: int = 0


class Pieces:
    """What one client has begun to send, by the id of the message."""

    def __init__(self, session: Session) -> None:
        self._begun: OrderedDict[str | int, Begun] = OrderedDict()
        self._most = session.world.door.limits.incoming

    def take(self, id_: str | int, number: int, total: int, data: str) -> str:
        """Take a piece; give the message if it is whole now, else ''.

        :raises ProtocolError: if it does not fit to those before, or would be too much. The message is forgotten then.
        """
        begun = self._begun.pop(id_, None) or Begun(total)
        begun.size += len(data) - len(begun.pieces.get(number, ''))
        if begun.total != total or not 0 <= number < total <= MOST_FRAGMENTS:
            raise ProtocolError(f'piece {number} of {total} does not fit to the others', where='num')
        if begun.size > self._most:
            raise ProtocolError(f'more than {self._most} characters in pieces', where='data')
        begun.pieces[number] = data
        if len(begun.pieces) == total:
            return ''.join(begun.pieces[one] for one in range(total))
        self._begun[id_] = begun
        if len(self._begun) > OPEN:
            self._begun.popitem(last=False)
        return ''


async def fragment(session: Session, message: Message) -> None:
    """Take a piece, and act on the message when it is whole."""
    id_ = message.get('id')
    if not isinstance(id_, str | int) or isinstance(id_, bool):
        raise ProtocolError('pieces are told apart by their id: a text or a number is needed', where='id')
    pieces: Pieces = session.state(Pieces)
    whole = pieces.take(id_, needed(message, 'num', int), needed(message, 'total', int), needed(message, 'data', str))
    if not whole:
        return
    if parse(whole)['op'] == 'fragment':
        raise ProtocolError('a piece of a piece')
    await session.take(whole)
