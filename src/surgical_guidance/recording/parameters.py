"""The parameters of all nodes in force, asked of each when it is first heard, and followed by their events.

What may be a secret is not kept: evidence is shown to others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rcl_interfaces.msg import ParameterEvent, ParameterType
from rcl_interfaces.srv import GetParameters, ListParameters

if TYPE_CHECKING:
    from rclpy.client import Client
    from rclpy.node import Node

LIMIT: Final = 400  # parameters of a node
LONGEST: Final = 400  # characters of a value
HIDDEN: Final = '***'
_SECRET: Final = re.compile(r'secret|token|passw|credential|private|_key', re.IGNORECASE)
_IN_URI: Final = re.compile(r'(?<=//)[^/@\s]+(?=@)')
_FIELDS: Final = {
    ParameterType.PARAMETER_BOOL: 'bool_value',
    ParameterType.PARAMETER_INTEGER: 'integer_value',
    ParameterType.PARAMETER_DOUBLE: 'double_value',
    ParameterType.PARAMETER_STRING: 'string_value',
    ParameterType.PARAMETER_BYTE_ARRAY: 'byte_array_value',
    ParameterType.PARAMETER_BOOL_ARRAY: 'bool_array_value',
    ParameterType.PARAMETER_INTEGER_ARRAY: 'integer_array_value',
    ParameterType.PARAMETER_DOUBLE_ARRAY: 'double_array_value',
    ParameterType.PARAMETER_STRING_ARRAY: 'string_array_value',
}


def shown(name: str, value: Any) -> str:
    """Give a parameter's value as text, without what may be a secret."""
    if _SECRET.search(name) and value not in ('', None):
        return HIDDEN
    plain = list(value) if not isinstance(value, str | bool | int | float | type(None)) else value
    return _IN_URI.sub(HIDDEN, str(plain))[:LONGEST]


def hide(event: ParameterEvent) -> ParameterEvent:
    """Take out of an event what may be a secret; the event itself is changed and given back."""
    for parameter in (*event.new_parameters, *event.changed_parameters):
        if parameter.value.type == ParameterType.PARAMETER_STRING:
            parameter.value.string_value = shown(parameter.name, parameter.value.string_value)
        elif parameter.value.type == ParameterType.PARAMETER_STRING_ARRAY:
            values = parameter.value.string_array_value
            parameter.value.string_array_value = [shown(parameter.name, value) for value in values]
    return event


class Parameters:
    """Asks and follows. :meth:`ask` belongs to the executor's thread; :attr:`values` may be read by any.

    :param node: to ask with.
    """

    def __init__(self, node: Node) -> None:
        self.values: Mapping[str, Mapping[str, str]] = {}
        self._node = node
        self._clients: dict[str, tuple[Client, Client]] = {}

    def ask(self, name: str) -> bool:
        """Ask a node for its parameters; False if it does not answer such questions yet.

        :param name: in this node's namespace.
        """
        if name not in self._clients:
            self._clients[name] = (
                self._node.create_client(ListParameters, f'{name}/list_parameters'),
                self._node.create_client(GetParameters, f'{name}/get_parameters'),
            )
        lister, getter = self._clients[name]
        if not (lister.service_is_ready() and getter.service_is_ready()):
            return False
        lister.call_async(ListParameters.Request()).add_done_callback(partial(self._on_names, name))
        return True

    def follow(self, event: ParameterEvent) -> None:
        """Take what has changed; of a node that was asked already."""
        name = event.node.rsplit('/', 1)[-1]
        if name in self.values:
            changed = {p.name: _text(p.name, p.value) for p in (*event.new_parameters, *event.changed_parameters)}
            self._put(name, {**self.values[name], **changed})

    def _on_names(self, name: str, future: Any) -> None:
        names = list(future.result().result.names)[:LIMIT] if future.result() is not None else []
        if names:
            getter = self._clients[name][1]
            getter.call_async(GetParameters.Request(names=names)).add_done_callback(
                partial(self._on_values, name, names)
            )

    def _on_values(self, name: str, names: list[str], future: Any) -> None:
        if future.result() is not None:
            pairs = zip(names, future.result().values, strict=False)
            self._put(name, {parameter: _text(parameter, value) for parameter, value in pairs})

    def _put(self, name: str, values: dict[str, str]) -> None:
        self.values = {**self.values, name: dict(sorted(values.items())[:LIMIT])}  # a new one: others may read it


def _text(name: str, value: Any) -> str:
    field = _FIELDS.get(value.type)
    return shown(name, getattr(value, field)) if field else ''
