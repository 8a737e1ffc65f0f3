"""From ROS messages to plain values. One plan a message class, made once: which field needs what.

As stock rosbridge does it: byte arrays are base64 in JSON and bytes in CBOR, NaN and infinities are null in JSON,
arrays of numbers are typed arrays in CBOR (RFC 8746, little endian). A single byte (``octet``) is a number in both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from cbor2 import CBORTag
from rosidl_parser.definition import AbstractNestedType, BasicType, NamespacedType

from surgical_guidance.relay.bridge.interfaces import find

try:
    from pybase64 import b64encode as _encode
except ModuleNotFoundError:  # forty times as slow, but it is there
    from base64 import b64encode as _encode  # type: ignore[assignment]

Convert = Callable[[Any], Any]
Values = dict[str, Any]

TAGS = {
    'int8': 72, 'int16': 77, 'int32': 78, 'int64': 79, 'uint16': 69, 'uint32': 70, 'uint64': 71,
    'float': 85, 'double': 86,
}  # fmt: skip
"""Tags of little-endian typed arrays (RFC 8746, section 2.1)."""
BYTES = ('uint8', 'char')


def json_values(message: Any) -> Values:
    """Give a message's values for orjson, which writes null for what is not finite."""
    cls: Any = type(message)
    return _plan(cls, False)(message)


def cbor_values(message: Any) -> Values:
    """Give a message's values for CBOR."""
    cls: Any = type(message)
    return _plan(cls, True)(message)


@lru_cache(maxsize=512)
def _plan(cls: Any, binary: bool) -> Convert:
    """Make the conversion of one class."""
    names = list(cls.get_fields_and_field_types())
    fields = [(name, _convert(slot, binary)) for name, slot in zip(names, cls.SLOT_TYPES, strict=True)]

    def convert(message: Any) -> Values:
        return {
            name: getattr(message, name) if change is None else change(getattr(message, name))
            for name, change in fields
        }

    return convert


def _convert(slot: Any, binary: bool) -> Convert | None:
    """Give the conversion of one field; None where its value may stay as it is."""
    if isinstance(slot, NamespacedType):
        return _plan(find('/'.join(slot.namespaced_name()), 'msg'), binary)
    if isinstance(slot, AbstractNestedType):
        return _convert_array(slot.value_type, binary)
    if isinstance(slot, BasicType) and slot.typename == 'octet':
        return ord
    return None


def _convert_array(item: Any, binary: bool) -> Convert:
    if isinstance(item, NamespacedType):
        change = _plan(find('/'.join(item.namespaced_name()), 'msg'), binary)
        return lambda values: [change(value) for value in values]
    kind = item.typename if isinstance(item, BasicType) else ''
    if kind in BYTES:
        return bytes if binary else base64_text
    if kind == 'octet':
        return b''.join if binary else _numbers_of_octets
    if kind in TAGS:
        tag = TAGS[kind]
        return (lambda values: CBORTag(tag, _little_endian(values))) if binary else _numbers
    return list


def base64_text(values: Any) -> str:
    """Give base64 of anything that has bytes in one piece."""
    return _encode(values).decode('ascii')


def _numbers_of_octets(values: Any) -> list[int]:
    return list(b''.join(values))


def _numbers(values: Any) -> list[int | float]:
    numbers: list[int | float] = values.tolist()
    return numbers


def _little_endian(values: Any) -> bytes:
    array = np.asarray(values)
    return (array if sys.byteorder == 'little' else array.byteswap()).tobytes()
