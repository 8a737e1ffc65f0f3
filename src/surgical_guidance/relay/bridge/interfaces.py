"""Message, service and action classes by the names that clients give. Only packages of interfaces are ever imported."""

from __future__ import annotations

import importlib
import os
import sys
from functools import lru_cache
from pathlib import Path

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.names import full_type


@lru_cache(maxsize=512)
def find(name: str, kind: str) -> type:
    """Import the class of an interface.

    A name goes no further than the index of installed interfaces: importing what a client names would let it run code.

    :param kind: ``msg``, ``srv`` or ``action``.
    :raises ProtocolError: if there is none.
    """
    full = full_type(name, kind)
    package, _, short = full.split('/')
    if f'{kind}/{short}' not in _listed(package):
        raise ProtocolError(f'there is no type {full} here', remedy='install its package beside the relay')
    try:
        cls: type = getattr(importlib.import_module(f'{package}.{kind}'), short)
    except (ImportError, AttributeError) as error:
        raise ProtocolError(f'{full} is installed but cannot be loaded ({error})') from error
    return cls


def type_name(cls: type) -> str:
    """Give ``package/kind/Name`` of a class."""
    package, kind = cls.__module__.split('.')[:2]
    return f'{package}/{kind}/{cls.__name__}'


def definition(full: str) -> str:
    """Give the text of a message's definition; empty where its file is not installed."""
    for prefix in _prefixes():
        file = prefix / 'share' / f'{full}.msg'
        if file.is_file():
            return file.read_text(encoding='utf-8')
    return ''


def _prefixes() -> list[Path]:
    """Give where packages are installed. The environment is such a place itself where ROS comes from wheels."""
    given = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    return [Path(prefix) for prefix in (*given, sys.prefix) if prefix]


@lru_cache(maxsize=512)
def _listed(package: str) -> frozenset[str]:
    """Give the interfaces of a package, as ``kind/Name``, from the ament index."""
    for prefix in _prefixes():
        file = prefix / 'share/ament_index/resource_index/rosidl_interfaces' / package
        if file.is_file():
            return frozenset(line.rpartition('.')[0] for line in file.read_text(encoding='utf-8').splitlines())
    return frozenset()
