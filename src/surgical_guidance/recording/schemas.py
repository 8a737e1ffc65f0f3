"""The definitions of messages as an MCAP file carries them (encoding ``ros2msg``), from the interface files themselves.

https://mcap.dev/spec/registry#ros2msg: the definition, then those of every type it uses, each after a line of ``=``.
"""

from __future__ import annotations

import importlib
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

from surgical_guidance.errors import EvidenceError

_SEPARATOR: Final = '=' * 80
_COMPLEX: Final = re.compile(r'([a-z]\w*)/(\w+)')  # in what a message class says of its fields, e.g. sequence<pkg/Name>


@cache
def definition(type_name: str) -> str:
    """Give the whole definition of a message type, ``package/msg/Name``.

    :raises EvidenceError: if its interface file is not installed.
    """
    seen: dict[str, str] = {}
    _collect(type_name, seen)
    first, *others = seen.items()
    return '\n'.join([first[1], *(f'{_SEPARATOR}\nMSG: {name.replace("/msg/", "/")}\n{text}' for name, text in others)])


def message_class(type_name: str) -> type:
    """Import the class of a message type, ``package/msg/Name``."""
    package, kind, name = type_name.split('/')
    cls: type = getattr(importlib.import_module(f'{package}.{kind}'), name)
    return cls


def _collect(type_name: str, seen: dict[str, str]) -> None:
    if type_name in seen:
        return
    seen[type_name] = _text(type_name)
    cls: Any = message_class(type_name)
    for field in cls.get_fields_and_field_types().values():
        if match := _COMPLEX.search(field):
            _collect(f'{match[1]}/msg/{match[2]}', seen)


def _text(type_name: str) -> str:
    package, kind, name = type_name.split('/')
    try:
        return (_share(package) / kind / f'{name}.msg').read_text(encoding='utf-8')
    except OSError as error:
        raise EvidenceError(f'the definition of {type_name} is not installed ({error})') from error


def _share(package: str) -> Path:
    """Give the share folder of a package: from the ament index; with the wheels, where there is none, by its place."""
    from ament_index_python.packages import get_package_share_directory

    try:
        return Path(get_package_share_directory(package))
    except (LookupError, OSError):
        return Path(sys.prefix) / 'share' / package
