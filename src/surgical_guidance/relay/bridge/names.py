"""Names and types as clients write them, and as ROS does."""

from __future__ import annotations

import re

from surgical_guidance.errors import ProtocolError

_NAME = re.compile(r'(/[A-Za-z_][A-Za-z0-9_]*)+')
_TYPE = re.compile(r'([a-z][a-z0-9_]*)/(?:(msg|srv|action)/)?([A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*)')
LONGEST = 255  # of a name; DDS refuses longer ones


def absolute(name: str) -> str:
    """Give the full name of a topic, service or action. Relative names stand in the root namespace, as with stock.

    :raises ProtocolError: if it is no name.
    """
    full = name if name.startswith('/') else f'/{name}'
    if len(full) > LONGEST or not _NAME.fullmatch(full):
        raise ProtocolError(f'{shown(name)} is not a name of ROS')
    return full


def full_type(name: str, kind: str) -> str:
    """Give ``package/kind/Name`` for it or for the short ``package/Name``.

    :param kind: ``msg``, ``srv`` or ``action``.
    :raises ProtocolError: if it is no name of a type of that kind.
    """
    match = _TYPE.fullmatch(name) if len(name) <= LONGEST else None
    if match is None or match[2] not in (None, kind):
        raise ProtocolError(f'{shown(name)} is not a type', remedy=f'write it as package/{kind}/Name')
    return f'{match[1]}/{kind}/{match[3]}'


def shown(value: object) -> str:
    """Give a value of a client's as an error may repeat it: short."""
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'


def kind_of(value: object) -> str:
    """Name the kind of a JSON value."""
    kinds = {dict: 'an object', list: 'a list', str: 'a text', bool: 'a boolean', int: 'a number', float: 'a number'}
    return kinds.get(type(value), 'null')
