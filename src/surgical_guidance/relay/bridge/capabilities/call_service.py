"""Services that the client calls."""

from __future__ import annotations

import asyncio
from typing import Any

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge import rosapi
from surgical_guidance.relay.bridge.decoding import fill_arguments
from surgical_guidance.relay.bridge.encoding import json_values
from surgical_guidance.relay.bridge.frames import Message, identity, needed, optional
from surgical_guidance.relay.bridge.interfaces import find
from surgical_guidance.relay.bridge.names import absolute, full_type
from surgical_guidance.relay.bridge.session import Session

DISCOVERY_S = 1.0  # for a service that was offered a moment ago to be known here
LOOK_S = 0.05


async def call_service(session: Session, message: Message) -> None:
    """Call a service and answer when it does. Calls run beside one another; nothing of the client waits for them."""
    try:
        session.spawn(_call(session, message))
    except ProtocolError as error:
        name = str(message.get('service', ''))[:256]
        answer = {'op': 'service_response', 'service': name, 'values': str(error), 'result': False}
        session.send(answer, identity(message))
        raise


async def _call(session: Session, message: Message) -> None:
    name, id_ = str(message.get('service', ''))[:256], identity(message)
    try:
        fragment_size = optional(message, 'fragment_size', int, 0) or None
        values = await _answer(session, message)
        answer = {'op': 'service_response', 'service': name, 'values': values, 'result': True}
        session.send(answer, id_, fragment_size)
    except Exception as error:  # noqa: BLE001  (the client waits for an answer, whatever happened)
        words = session.failed('call_service', error)
        session.status('error', f'call_service: {words}', id_)
        session.send({'op': 'service_response', 'service': name, 'values': words, 'result': False}, id_)


async def _answer(session: Session, message: Message) -> Any:
    limits, robot = session.world.limits, session.world.robot
    service = absolute(needed(message, 'service', str))
    arguments = message.get('args')
    timeout_s = optional(message, 'timeout', float, 0.0) or limits.timeout_s
    if not 0 < timeout_s <= limits.longest_timeout_s:
        raise ProtocolError(f'{timeout_s:g} s is no time to wait', where='timeout')
    given = optional(message, 'type', str, '')
    if service in rosapi.SERVICES:
        session.may('call_service', service, rosapi.SERVICES[service].type)
        async with asyncio.timeout(timeout_s):
            return await rosapi.answer(robot, service, arguments)
    if given:
        session.may('call_service', service, full_type(given, 'srv'))
    type_ = await _type_of(session, service, min(timeout_s, DISCOVERY_S))
    if given and full_type(given, 'srv') != type_:
        raise ProtocolError(f'this service has the type {type_}', where=service)
    if not given:
        session.may('call_service', service, type_)
    cls: Any = find(type_, 'srv')
    request = cls.Request()
    fill_arguments(request, arguments)
    response = await robot.call(service, cls, request, timeout_s)
    return json_values(response)


async def _type_of(session: Session, service: str, patience_s: float) -> str:
    """Give the type of a service, which may just have been offered."""
    looks = max(1, int(patience_s / LOOK_S))
    for look in range(looks):
        types = (await session.world.robot.services()).get(service)
        if types:
            return types[0]
        if look + 1 < looks:
            await asyncio.sleep(LOOK_S)
    raise ProtocolError('there is no such service', where=service)
