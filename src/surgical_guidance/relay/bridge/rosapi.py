"""The services of ``rosapi`` that clients ask, answered here without a node of that name: nothing else has to run.

As stock answers them: names in the order of the graph, times in both spellings, parameters as ``node:name`` with their
values as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.frames import Message, needed, optional
from surgical_guidance.relay.bridge.interfaces import definition, find
from surgical_guidance.relay.bridge.names import absolute, full_type, kind_of, shown
from surgical_guidance.relay.bridge.robot import Robot
from surgical_guidance.relay.bridge.typedefs import typedefs

ROS_2 = 2
MOST_TYPES = 200  # definitions in one answer


@dataclass(frozen=True, slots=True)
class Service:
    """One of them.

    :param type: its full ROS type.
    :param fields: of its request, in their order.
    """

    type: str
    fields: tuple[str, ...]
    answer: Callable[[Robot, Message], Awaitable[Message]]


async def answer(robot: Robot, service: str, arguments: object) -> Message:
    """Answer a call.

    :raises ProtocolError: if the arguments do not fit or there is no such thing.
    """
    known = SERVICES[service]
    if arguments is None:
        arguments = {}
    if isinstance(arguments, list):
        if len(arguments) > len(known.fields):
            raise ProtocolError(f'{len(arguments)} arguments, {len(known.fields)} are taken', where=service)
        arguments = dict(zip(known.fields, arguments, strict=False))
    if not isinstance(arguments, dict):
        raise ProtocolError(f'an object is needed, not {kind_of(arguments)}', where='args')
    return await known.answer(robot, arguments)


async def _topics(robot: Robot, _: Message) -> Message:
    topics = await robot.topics()
    return {'topics': list(topics), 'types': [types[0] for types in topics.values()]}


async def _topics_for_type(robot: Robot, request: Message) -> Message:
    type_ = full_type(needed(request, 'type', str), 'msg')
    return {'topics': [name for name, types in (await robot.topics()).items() if type_ in types]}


async def _topic_type(robot: Robot, request: Message) -> Message:
    types = (await robot.topics()).get(absolute(needed(request, 'topic', str)))
    return {'type': types[0] if types else ''}


async def _topics_and_raw_types(robot: Robot, request: Message) -> Message:
    topics = await _topics(robot, request)
    texts = {type_: _full_text(type_) for type_ in list(dict.fromkeys(topics['types']))[:MOST_TYPES]}
    return {**topics, 'typedefs_full_text': [texts.get(type_, '') for type_ in topics['types']]}


def _full_text(type_: str) -> str:
    """Give a definition with those of all it is made of, as bags keep them."""
    parts = [(type_, definition(type_))]
    for _, text in parts:
        package = type_.partition('/')[0]
        for line in text.splitlines():
            found = re.match(r'\s*([a-z]\w*)(?:/([A-Z]\w*))?|\s*([A-Z]\w*)', line)
            if not found or (found[1] and not found[2]):
                continue
            inner = f'{found[1] or package}/msg/{found[2] or found[3]}'
            if all(inner != known for known, _ in parts):
                parts.append((inner, definition(inner)))
    head, *rest = parts
    rule = '=' * 80
    return '\n'.join([head[1], *(f'{rule}\nMSG: {name.replace("/msg/", "/")}\n{text}' for name, text in rest)])


async def _services(robot: Robot, _: Message) -> Message:
    return {'services': [*await robot.services(), *SERVICES]}


async def _services_for_type(robot: Robot, request: Message) -> Message:
    type_ = full_type(needed(request, 'type', str), 'srv')
    ours = [name for name, service in SERVICES.items() if service.type == type_]
    return {'services': [name for name, types in (await robot.services()).items() if type_ in types] + ours}


async def _service_type(robot: Robot, request: Message) -> Message:
    service = absolute(needed(request, 'service', str))
    if service in SERVICES:
        return {'type': SERVICES[service].type}
    types = (await robot.services()).get(service)
    return {'type': types[0] if types else ''}


async def _service_providers(robot: Robot, request: Message) -> Message:
    service = absolute(needed(request, 'service', str))
    return {'providers': [node for node in await robot.nodes() if service in (await robot.node_use(node)).services]}


async def _service_node(robot: Robot, request: Message) -> Message:
    return {'node': next(iter((await _service_providers(robot, request))['providers']), '')}


async def _nodes(robot: Robot, _: Message) -> Message:
    return {'nodes': await robot.nodes()}


async def _node_details(robot: Robot, request: Message) -> Message:
    use = await robot.node_use(absolute(needed(request, 'node', str)))
    return {'subscribing': use.subscribing, 'publishing': use.publishing, 'services': use.services}


async def _publishers(robot: Robot, request: Message) -> Message:
    return {'publishers': (await robot.endpoints(absolute(needed(request, 'topic', str)))).publishers}


async def _subscribers(robot: Robot, request: Message) -> Message:
    return {'subscribers': (await robot.endpoints(absolute(needed(request, 'topic', str)))).subscribers}


async def _action_servers(robot: Robot, _: Message) -> Message:
    mark = '/_action/status'
    return {'action_servers': [name.removesuffix(mark) for name in await robot.topics() if name.endswith(mark)]}


async def _message_details(_: Robot, request: Message) -> Message:
    return {'typedefs': typedefs(find(needed(request, 'type', str), 'msg'))}


async def _service_request_details(_: Robot, request: Message) -> Message:
    cls: Any = find(needed(request, 'type', str), 'srv')
    return {'typedefs': typedefs(cls.Request)}


async def _service_response_details(_: Robot, request: Message) -> Message:
    cls: Any = find(needed(request, 'type', str), 'srv')
    return {'typedefs': typedefs(cls.Response)}


async def _get_time(robot: Robot, _: Message) -> Message:
    seconds, nanoseconds = divmod(robot.now_ns(), NS_PER_S)
    return {'time': {'sec': seconds, 'nanosec': nanoseconds, 'secs': seconds, 'nsecs': nanoseconds}}


async def _get_ros_version(_: Robot, __: Message) -> Message:
    import os

    return {'version': ROS_2, 'distro': os.environ.get('ROS_DISTRO', 'jazzy')}


def _parameter(request: Message) -> tuple[str, str]:
    name = needed(request, 'name', str)
    node, colon, parameter = name.partition(':')
    if not colon or not parameter:
        raise ProtocolError(f'{shown(name)} names no parameter', remedy='write it as /node:parameter')
    return absolute(node), parameter


async def _get_param(robot: Robot, request: Message) -> Message:
    default = optional(request, 'default_value', str, '')
    try:
        value = await _read(robot, *_parameter(request))
    except ProtocolError:
        if default:
            return {'value': default, 'successful': True, 'reason': ''}
        raise
    return {'value': orjson.dumps(value).decode(), 'successful': True, 'reason': ''}


async def _has_param(robot: Robot, request: Message) -> Message:
    try:
        await _read(robot, *_parameter(request))
    except ProtocolError:
        return {'exists': False}
    return {'exists': True}


async def _set_param(robot: Robot, request: Message) -> Message:
    from surgical_guidance.relay.bridge import parameters

    try:
        value = orjson.loads(needed(request, 'value', str))
    except orjson.JSONDecodeError as error:
        raise ProtocolError('a value as JSON is needed', where='value') from error
    await parameters.write(robot, *_parameter(request), value)
    return {'successful': True, 'reason': ''}


async def _delete_param(_: Robot, request: Message) -> Message:
    raise ProtocolError('ROS 2 lets nobody remove the parameter of another node', where=str(request.get('name'))[:80])


async def _get_param_names(robot: Robot, _: Message) -> Message:
    from surgical_guidance.relay.bridge import parameters

    return {'names': await parameters.names(robot)}


async def _read(robot: Robot, node: str, name: str) -> Any:
    from surgical_guidance.relay.bridge import parameters

    return await parameters.read(robot, node, name)


def _table() -> dict[str, Service]:
    rows: tuple[tuple[str, str, str, Callable[[Robot, Message], Awaitable[Message]]], ...] = (
        ('topics', 'Topics', '', _topics),
        ('topics_for_type', 'TopicsForType', 'type', _topics_for_type),
        ('topics_and_raw_types', 'TopicsAndRawTypes', '', _topics_and_raw_types),
        ('topic_type', 'TopicType', 'topic', _topic_type),
        ('services', 'Services', '', _services),
        ('services_for_type', 'ServicesForType', 'type', _services_for_type),
        ('service_type', 'ServiceType', 'service', _service_type),
        ('service_providers', 'ServiceProviders', 'service', _service_providers),
        ('service_node', 'ServiceNode', 'service', _service_node),
        ('nodes', 'Nodes', '', _nodes),
        ('node_details', 'NodeDetails', 'node', _node_details),
        ('publishers', 'Publishers', 'topic', _publishers),
        ('subscribers', 'Subscribers', 'topic', _subscribers),
        ('action_servers', 'GetActionServers', '', _action_servers),
        ('message_details', 'MessageDetails', 'type', _message_details),
        ('service_request_details', 'ServiceRequestDetails', 'type', _service_request_details),
        ('service_response_details', 'ServiceResponseDetails', 'type', _service_response_details),
        ('get_time', 'GetTime', '', _get_time),
        ('get_ros_version', 'GetROSVersion', '', _get_ros_version),
        ('get_param', 'GetParam', 'name default_value', _get_param),
        ('has_param', 'HasParam', 'name', _has_param),
        ('set_param', 'SetParam', 'name value', _set_param),
        ('delete_param', 'DeleteParam', 'name', _delete_param),
        ('get_param_names', 'GetParamNames', '', _get_param_names),
    )
    return {
        f'/rosapi/{name}': Service(f'rosapi_msgs/srv/{type_}', tuple(fields.split()), answer)
        for name, type_, fields, answer in rows
    }


SERVICES = _table()
"""All of them, by full name."""
