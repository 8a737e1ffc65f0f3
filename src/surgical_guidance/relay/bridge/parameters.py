"""Parameters of other nodes, by the services that every node has for them."""

from __future__ import annotations

import asyncio
from typing import Any

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.interfaces import find
from surgical_guidance.relay.bridge.names import shown
from surgical_guidance.relay.bridge.robot import Robot

TIMEOUT_S = 2.0
FIELDS = (
    '', 'bool_value', 'integer_value', 'double_value', 'string_value', 'byte_array_value', 'bool_array_value',
    'integer_array_value', 'double_array_value', 'string_array_value',
)  # fmt: skip
"""Field of a ``ParameterValue`` by its type (rcl_interfaces/ParameterType)."""
LIST = '/list_parameters'


async def read(robot: Robot, node: str, name: str) -> Any:
    """Give a parameter's value.

    :raises ProtocolError: if there is no such node or parameter.
    """
    response = await _call(robot, node, 'GetParameters', names=[name])
    value = response.values[0] if response.values else None
    if value is None or not value.type:
        raise ProtocolError('there is no such parameter', where=f'{node}:{name}')
    content = getattr(value, FIELDS[value.type])
    return content if isinstance(content, bool | int | float | str) else list(content)


async def write(robot: Robot, node: str, name: str, value: Any) -> None:
    """Set a parameter.

    :raises ProtocolError: if the node does not take it.
    """
    find_any: Any = find('rcl_interfaces/msg/Parameter', 'msg')
    response = await _call(robot, node, 'SetParameters', parameters=[find_any(name=name, value=_wrap(value))])
    result = response.results[0]
    if not result.successful:
        raise ProtocolError(result.reason or 'the node does not take it', where=f'{node}:{name}')


async def names(robot: Robot) -> list[str]:
    """Give the names of all parameters of all nodes that answer in time, as ``node:name``."""
    nodes = [service.removesuffix(LIST) for service in await robot.services() if service.endswith(LIST)]
    answers = await asyncio.gather(*(_call(robot, node, 'ListParameters') for node in nodes), return_exceptions=True)
    return [
        f'{node}:{name}'
        for node, answer in zip(nodes, answers, strict=True)
        if not isinstance(answer, BaseException)
        for name in answer.result.names
    ]


async def _call(robot: Robot, node: str, type_: str, **request: Any) -> Any:
    cls: Any = find(f'rcl_interfaces/srv/{type_}', 'srv')
    service = {'GetParameters': 'get_parameters', 'SetParameters': 'set_parameters'}.get(type_, 'list_parameters')
    if f'{node}/{service}' not in await robot.services():
        raise ProtocolError('there is no such node, or it has no parameters', where=node)
    return await robot.call(f'{node}/{service}', cls, cls.Request(**request), TIMEOUT_S)


def _wrap(value: Any) -> Any:
    cls: Any = find('rcl_interfaces/msg/ParameterValue', 'msg')
    made = cls()
    kinds: dict[type, int] = {bool: 1, int: 2, float: 3, str: 4}
    if type(value) in kinds:
        made.type = kinds[type(value)]
    elif isinstance(value, list) and value and type(value[0]) in kinds and len({type(item) for item in value}) == 1:
        made.type = kinds[type(value[0])] + 5
    else:
        raise ProtocolError(f'{shown(value)} is no value of a parameter', where='value')
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        raise ProtocolError(f'{value} is too large', where='value')
    setattr(made, FIELDS[made.type], value)
    return made
