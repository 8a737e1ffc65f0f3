"""Definitions of messages as ``rosapi`` gives them: a list of fields for the type and for every type inside it."""

from __future__ import annotations

import re
from typing import Any

from surgical_guidance.relay.bridge.interfaces import find

_SEQUENCE = re.compile(r'sequence<(.+?)(?:, \d+)?>')
_ARRAY = re.compile(r'(.+)\[(\d+)\]')
SCALAR, UNBOUNDED = -1, 0  # lengths of arrays, as rosapi has them
PLAIN = {'boolean': 'bool', 'float': 'float32', 'double': 'float64', 'octet': 'byte'}


def typedefs(cls: Any) -> list[dict[str, Any]]:
    """Describe a message class and every class inside it, each once, itself first."""
    found: dict[Any, dict[str, Any]] = {}
    waiting = [cls]
    while waiting:
        one = waiting.pop(0)
        if one in found:
            continue
        found[one] = _describe(one)
        waiting += [find(type_, 'msg') for type_ in found[one]['fieldtypes'] if '/' in type_]
    return list(found.values())


def _describe(cls: Any) -> dict[str, Any]:
    fields = {name: _field(text) for name, text in cls.get_fields_and_field_types().items()}
    default = cls()
    constants = {name: value for name, value in vars(type(cls)).items() if name.isupper()}
    constants |= {
        name: getattr(cls, name)
        for name in dir(type(cls))
        if re.fullmatch(r'[A-Z][A-Z0-9_]*', name) and name != 'SLOT_TYPES'
    }
    package = cls.__module__.split('.')[0]
    return {
        'type': f'{package}/{cls.__name__}',
        'fieldnames': list(fields),
        'fieldtypes': [type_ for type_, _ in fields.values()],
        'fieldarraylen': [length for _, length in fields.values()],
        'examples': [_example(getattr(default, name), *field) for name, field in fields.items()],
        'constnames': list(constants),
        'constvalues': [str(value) for value in constants.values()],
    }


def _field(text: str) -> tuple[str, int]:
    """Give a field's type without what makes it an array, and the array's length."""
    if sequence := _SEQUENCE.fullmatch(text):
        return _plain(sequence[1]), UNBOUNDED
    if array := _ARRAY.fullmatch(text):
        return _plain(array[1]), int(array[2])
    return _plain(text), SCALAR


def _plain(type_: str) -> str:
    bare = re.sub(r'<\d+>', '', type_)
    return PLAIN.get(bare, bare)


def _example(value: Any, type_: str, length: int) -> str:
    if length != SCALAR:
        return '[]'
    return '{}' if '/' in type_ else str(value)
