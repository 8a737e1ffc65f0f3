"""Operations of other versions that are not served here, each with what to do instead."""

from __future__ import annotations

from typing import NoReturn

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.frames import Message
from surgical_guidance.relay.bridge.session import Session


async def png(_session: Session, _message: Message) -> NoReturn:
    """Refuse PNG: text in the pixels of a picture is slower and larger than CBOR."""
    raise ProtocolError('PNG is not served', remedy='use the compression cbor')


async def auth(_session: Session, _message: Message) -> NoReturn:
    """Refuse the old authentication (a SHA-1 of a shared secret)."""
    raise ProtocolError('the op auth is not served', remedy='come with a token (docs/security.md)')
