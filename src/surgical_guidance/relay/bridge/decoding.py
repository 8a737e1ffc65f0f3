"""From plain values to ROS messages. One plan a message class; every value is checked before ROS gets it.

rclpy writes what it is given into C structures without looking (its checks are off in production): a number out of
range or a text in place of a number could end the process. So nothing passes here that the field cannot hold.
"""

from __future__ import annotations

import array
import binascii
import math
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from rosidl_parser.definition import (
    AbstractGenericString,
    AbstractNestedType,
    Array,
    BasicType,
    BoundedSequence,
    BoundedString,
    BoundedWString,
    NamespacedType,
)

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.interfaces import find
from surgical_guidance.relay.bridge.names import kind_of, shown

Convert = Callable[[Any, str], Any]
"""From a value and where it stands to what the field takes."""

RANGES = {
    **{f'int{bits}': (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f'uint{bits}': (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    'char': (0, 255),
    'octet': (0, 255),
}
CODES = {
    'int8': 'b', 'uint8': 'B', 'char': 'B', 'int16': 'h', 'uint16': 'H', 'int32': 'i', 'uint32': 'I',
    'int64': 'q', 'uint64': 'Q', 'float': 'f', 'double': 'd',
}  # fmt: skip
"""Type codes of ``array``, which sequences of numbers are in ROS messages."""
TIMES = ('builtin_interfaces/msg/Time', 'builtin_interfaces/msg/Duration')
OLD_TIMES = {'secs': 'sec', 'nsecs': 'nanosec'}  # as ROS 1 spelt them, and roslibpy still does
NUMERIC_LIMIT = 3.4028235677973366e38  # the first double that rounds beyond the largest float


def fill(message: Any, values: Any, where: str = '') -> list[str]:
    """Put values into a fresh message, and leave its defaults where none are given.

    :return: the fields that were given no value, for a warning.
    :raises ProtocolError: if a value has no field or does not fit; it names the place.
    """
    return list(_fill(message, values, where))


def fill_arguments(request: Any, arguments: Any) -> None:
    """Put the arguments of a call into a request: by name, or in the order of the fields.

    :raises ProtocolError: if they do not fit.
    """
    if isinstance(arguments, list):
        names = list(request.get_fields_and_field_types())
        if len(arguments) > len(names):
            raise ProtocolError(f'{len(arguments)} arguments, {len(names)} are taken', where='args')
        arguments = dict(zip(names, arguments, strict=False))
    fill(request, {} if arguments is None else arguments)


def _fill(message: Any, values: Any, where: str) -> Iterator[str]:
    if not isinstance(values, dict):
        raise ProtocolError(f'an object is needed, not {kind_of(values)}', where=where or 'msg')
    cls: Any = type(message)
    plan, renamed = _plan(cls)
    left = set(plan)
    for given, value in values.items():
        name = renamed.get(given, given)
        place = f'{where}.{given}' if where else given
        if name not in plan:
            if name == 'seq' and 'frame_id' in plan:
                continue  # a header of ROS 1, which roslibpy still sends
            raise ProtocolError('there is no such field', where=place[:80])
        left.discard(name)
        convert, nested = plan[name]
        if nested is None:
            setattr(message, name, convert(value, place))
        else:
            if value == 'now' and nested.__name__ == 'Time':
                left.add(name)
                continue  # whoever publishes stamps it
            part = nested()
            yield from _fill(part, value, place)
            setattr(message, name, part)
    yield from (f'{where}.{name}' if where else name for name in plan if name in left)


@lru_cache(maxsize=512)
def _plan(cls: Any) -> tuple[dict[str, tuple[Convert, Any]], dict[str, str]]:
    """Give for every field its conversion and, where it is a message itself, its class; and other spellings."""
    fields: dict[str, tuple[Convert, Any]] = {}
    for name, slot in zip(cls.get_fields_and_field_types(), cls.SLOT_TYPES, strict=True):
        nested = _message_class(slot) if isinstance(slot, NamespacedType) else None
        fields[name] = (_convert(slot), nested)
    is_time = f'{cls.__module__.split(".")[0]}/msg/{cls.__name__}' in TIMES
    return fields, OLD_TIMES if is_time else {}


def _message_class(slot: NamespacedType) -> Any:
    return find('/'.join(slot.namespaced_name()), 'msg')


def _convert(slot: Any) -> Convert:
    if isinstance(slot, AbstractNestedType):
        return _array(slot)
    if isinstance(slot, NamespacedType):
        cls = _message_class(slot)

        def message(value: Any, where: str) -> Any:
            made = cls()
            fill(made, value, where)
            return made

        return message
    if isinstance(slot, AbstractGenericString):
        most = slot.maximum_size if isinstance(slot, BoundedString | BoundedWString) else None
        return lambda value, where: _text(value, where, most)
    assert isinstance(slot, BasicType)  # noqa: S101  (rosidl knows nothing else)
    return _basic(slot.typename)


def _basic(kind: str) -> Convert:
    if kind == 'boolean':
        return _boolean
    if kind in RANGES:
        low, high = RANGES[kind]

        def integer(value: Any, where: str) -> Any:
            if type(value) is not int or not low <= value <= high:
                raise ProtocolError(f'{kind} is needed, not {shown(value)}', where=where)
            return bytes((value,)) if kind == 'octet' else value

        return integer
    limit = NUMERIC_LIMIT if kind == 'float' else math.inf

    def number(value: Any, where: str) -> float:
        if value is None:
            return math.nan  # what null stands for on the way out
        if type(value) not in (int, float) or not -limit < value < limit:
            raise ProtocolError(f'{kind} is needed, not {shown(value)}', where=where)
        return float(value)

    return number


def _boolean(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ProtocolError(f'a boolean is needed, not {shown(value)}', where=where)
    return value


def _text(value: Any, where: str, most: int | None) -> str:
    if not isinstance(value, str):
        raise ProtocolError(f'a text is needed, not {shown(value)}', where=where)
    if most is not None and len(value.encode()) > most:
        raise ProtocolError(f'at most {most} bytes are taken', where=where)
    return value


def _array(slot: Any) -> Convert:
    item = slot.value_type
    kind = item.typename if isinstance(item, BasicType) else ''
    convert = _convert(item)
    exactly = slot.size if isinstance(slot, Array) else None
    most = slot.maximum_size if isinstance(slot, BoundedSequence) else None

    def values(value: Any, where: str) -> Any:
        if isinstance(value, str) and kind in ('uint8', 'char', 'octet'):
            items: Any = _bytes(value, where)
        elif isinstance(value, list):
            items = value
        else:
            raise ProtocolError(f'a list is needed, not {kind_of(value)}', where=where)
        if exactly is not None and len(items) != exactly:
            raise ProtocolError(f'{exactly} values are needed, not {len(items)}', where=where)
        if most is not None and len(items) > most:
            raise ProtocolError(f'at most {most} values are taken, not {len(items)}', where=where)
        if not (isinstance(items, bytes) and kind in CODES):
            items = [convert(one, f'{where}[{index}]') for index, one in enumerate(items)]
        if kind not in CODES:
            return items
        return array.array(CODES[kind], items) if exactly is None else np.array(items, np.dtype(CODES[kind]))

    return values


def _bytes(text: str, where: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(f'not base64 ({error})', where=where) from error
