"""Actions that the client offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.decoding import fill
from surgical_guidance.relay.bridge.encoding import json_values
from surgical_guidance.relay.bridge.frames import Message, identity, needed, optional
from surgical_guidance.relay.bridge.interfaces import find
from surgical_guidance.relay.bridge.names import absolute, full_type, shown
from surgical_guidance.relay.bridge.robot import ActionServer
from surgical_guidance.relay.bridge.session import Session

SUCCEEDED, CANCELED, ABORTED = 4, 5, 6  # action_msgs/GoalStatus


@dataclass
class Offered:
    """One action of the client, and its goals under way by their ids."""

    cls: Any
    server: ActionServer | None = None
    goals: dict[str, int] = field(default_factory=dict)


class Actions:
    """What one client offers, by absolute name."""

    def __init__(self, session: Session) -> None:
        self.offered: dict[str, Offered] = {}
        session.on_leave(self.close)

    async def close(self) -> None:
        """Take all of it back."""
        for name in list(self.offered):
            await self.leave(name)

    async def leave(self, name: str) -> None:
        """Take one back; its goals are aborted."""
        offered = self.offered.pop(name)
        if offered.server is None:
            return
        for goal in offered.goals.values():
            offered.server.finish(goal, ABORTED, offered.cls.Result())
        await offered.server.close()


async def advertise_action(session: Session, message: Message) -> None:
    """Offer an action in ROS; its goals are handed to the client as ``send_action_goal``."""
    given = needed(message, 'action', str)
    action = absolute(given)
    given_type = needed(message, 'type', str)
    type_ = full_type(given_type, 'action')
    session.may('advertise_action', action, type_)
    mine = session.state(Actions)
    if action in mine.offered:
        session.status('warning', f'advertise_action: {action} is offered anew', identity(message))
        await mine.leave(action)
    if len(mine.offered) >= session.world.limits.services:
        raise ProtocolError(f'{session.world.limits.services} actions are the most for one client', where=action)
    offered = mine.offered[action] = Offered(find(type_, 'action'))

    def name(goal: int) -> str:
        return f'action_goal:{given}:{goal}'

    def on_goal(goal: int, request: Any) -> None:
        offered.goals[name(goal)] = goal
        asked = {'op': 'send_action_goal', 'id': name(goal), 'action': given, 'action_type': given_type}
        session.send({**asked, 'args': json_values(request), 'feedback': True})

    def on_cancel(goal: int) -> None:
        session.send({'op': 'cancel_action_goal', 'id': name(goal), 'action': given})

    try:
        offered.server = await session.world.robot.serve_action(action, offered.cls, on_goal, on_cancel)
    except BaseException:
        mine.offered.pop(action, None)
        raise
    session.status('info', f'advertise_action: {action} of type {type_}', identity(message))


async def unadvertise_action(session: Session, message: Message) -> None:
    """Take an action back."""
    action = absolute(needed(message, 'action', str))
    mine = session.state(Actions)
    if action not in mine.offered:
        session.status('warning', f'unadvertise_action: {shown(action)} was not offered', identity(message))
        return
    await mine.leave(action)


async def action_feedback(session: Session, message: Message) -> None:
    """Hand the client's word of how it goes to whoever asked."""
    offered, server, id_ = _under_way(session, message, 'action_feedback')
    feedback = offered.cls.Feedback()
    fill(feedback, message.get('values') or {}, 'values')
    server.feedback(offered.goals[id_], feedback)


async def action_result(session: Session, message: Message) -> None:
    """Hand the client's result to whoever asked. ``result: false`` aborts the goal."""
    offered, server, id_ = _under_way(session, message, 'action_result')
    result, status = offered.cls.Result(), ABORTED
    if needed(message, 'result', bool):
        status = optional(message, 'status', int, SUCCEEDED)
        if status not in (SUCCEEDED, CANCELED, ABORTED):
            raise ProtocolError(f'{status} is not how a goal ends', where='status',
                                remedy='use 4 (succeeded), 5 (canceled) or 6 (aborted)')  # fmt: skip
        fill(result, message.get('values') or {}, 'values')
    server.finish(offered.goals.pop(id_), status, result)


def _under_way(session: Session, message: Message, op: str) -> tuple[Offered, ActionServer, str]:
    action = absolute(needed(message, 'action', str))
    offered = session.state(Actions).offered.get(action)
    if offered is None or offered.server is None:
        raise ProtocolError('this client does not offer this action', where=action)
    session.may(op, action)
    id_ = str(message.get('id'))
    if id_ not in offered.goals:
        raise ProtocolError(f'no goal of the id {shown(message.get("id"))} is under way', where=action)
    return offered, offered.server, id_
