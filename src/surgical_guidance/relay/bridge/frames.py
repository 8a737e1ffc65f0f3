"""What comes in: one JSON object a message, never searched for in a heap of brackets."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.names import kind_of

Message = dict[str, Any]
T = TypeVar('T')

DEEPEST = 32  # objects and lists inside one another; ROS messages have about ten at most


def parse(data: str) -> Message:
    """Read one message.

    :raises ProtocolError: if it is not one JSON object with an ``op``, or nested too deeply.
    """
    try:
        message = orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise ProtocolError(f'this is not JSON ({str(error)[:80]})') from error
    if not isinstance(message, dict):
        raise ProtocolError(f'a message is an object, not {kind_of(message)}')
    _look_down(message)
    if not isinstance(message.get('op'), str):
        raise ProtocolError('a message needs an op, a text')
    return message


def _look_down(message: Message) -> None:
    """Refuse what is nested too deeply, level by level and without recursion."""
    level: list[Any] = [message]
    for _ in range(DEEPEST):
        level = [
            part
            for outer in level
            for part in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(part, dict | list)
        ]
        if not level:
            return
    raise ProtocolError(f'nested more than {DEEPEST} deep')


def needed(message: Message, name: str, kind: type[T]) -> T:
    """Give a field that must be there.

    :raises ProtocolError: if it is not, or of another kind.
    """
    if name not in message:
        raise ProtocolError('this field is missing', where=name)
    return _checked(message[name], name, kind)


def optional(message: Message, name: str, kind: type[T], default: T) -> T:
    """Give a field that may be left out or null.

    :raises ProtocolError: if it is of another kind.
    """
    value = message.get(name)
    return default if value is None else _checked(value, name, kind)


def _checked(value: Any, name: str, kind: type[T]) -> T:
    if kind is float and type(value) is int:
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ProtocolError(f'not {kind_of(value)} but {_KINDS[kind]} is needed', where=name)
    return value


_KINDS: dict[type, str] = {
    str: 'a text',
    int: 'a whole number',
    float: 'a number',
    bool: 'a boolean',
    dict: 'an object',
}


def identity(message: Message) -> str | int | None:
    """Give the id of a message, where it has one that can be sent back."""
    id_ = message.get('id')
    return id_ if isinstance(id_, str | int) and not isinstance(id_, bool) else None
