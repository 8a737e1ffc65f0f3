"""Services that the client offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.decoding import fill
from surgical_guidance.relay.bridge.encoding import json_values
from surgical_guidance.relay.bridge.frames import Message, identity, needed, optional
from surgical_guidance.relay.bridge.interfaces import find
from surgical_guidance.relay.bridge.names import absolute, full_type, shown
from surgical_guidance.relay.bridge.robot import ServiceServer
from surgical_guidance.relay.bridge.session import Session


@dataclass
class Offered:
    """One service of the client."""

    cls: Any
    server: ServiceServer | None = None
    calls: dict[str, int] = field(default_factory=dict)
    """What waits for the client's answer: the id it was asked with, and the call's number."""


class Services:
    """What one client offers, by absolute name."""

    def __init__(self, session: Session) -> None:
        self.offered: dict[str, Offered] = {}
        session.on_leave(self.close)

    async def close(self) -> None:
        """Take all of it back."""
        for name in list(self.offered):
            await self.leave(name)

    async def leave(self, name: str) -> None:
        """Take one back."""
        offered = self.offered.pop(name)
        if offered.server is not None:
            await offered.server.close()


async def advertise_service(session: Session, message: Message) -> None:
    """Offer a service in ROS; its calls are handed to the client as ``call_service``."""
    given = needed(message, 'service', str)
    service = absolute(given)
    type_ = full_type(needed(message, 'type', str), 'srv')
    session.may('advertise_service', service, type_)
    mine = session.state(Services)
    if service in mine.offered:
        session.status('warning', f'advertise_service: {service} is offered anew', identity(message))
        await mine.leave(service)
    if len(mine.offered) >= session.world.limits.services:
        raise ProtocolError(f'{session.world.limits.services} services are the most for one client', where=service)
    offered = mine.offered[service] = Offered(find(type_, 'srv'))

    def on_call(call: int, request: Any) -> None:
        if len(offered.calls) >= session.world.limits.calls:
            del offered.calls[next(iter(offered.calls))]  # the client has forgotten it
        id_ = f'service_request:{given}:{call}'
        offered.calls[id_] = call
        session.send({'op': 'call_service', 'id': id_, 'service': given, 'args': json_values(request)})

    try:
        offered.server = await session.world.robot.serve(service, offered.cls, on_call)
    except BaseException:
        mine.offered.pop(service, None)
        raise
    session.status('info', f'advertise_service: {service} of type {type_}', identity(message))


async def unadvertise_service(session: Session, message: Message) -> None:
    """Take a service back; calls that wait for the client will have no answer."""
    service = absolute(needed(message, 'service', str))
    mine = session.state(Services)
    if service not in mine.offered:
        session.status('warning', f'unadvertise_service: {shown(service)} was not offered', identity(message))
        return
    await mine.leave(service)


async def service_response(session: Session, message: Message) -> None:
    """Hand the client's answer to whoever called. ROS knows no failed call: ``result: false`` is no answer."""
    service = absolute(needed(message, 'service', str))
    offered = session.state(Services).offered.get(service)
    if offered is None or offered.server is None:
        raise ProtocolError('this client does not offer this service', where=service)
    session.may('service_response', service)
    call = offered.calls.pop(str(message.get('id')), None)
    if call is None:
        raise ProtocolError(f'no call of the id {shown(message.get("id"))} waits', where=service)
    if not optional(message, 'result', bool, True):
        session.status('warning', f'service_response: ROS has no failed calls, who called {service} waits in vain')
        return
    response = offered.cls.Response()
    fill(response, message.get('values') or {}, 'values')
    offered.server.respond(call, response)
