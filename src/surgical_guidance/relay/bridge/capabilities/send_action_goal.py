"""Actions that the client asks for."""

from __future__ import annotations

import asyncio
from typing import Any

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.decoding import fill_arguments
from surgical_guidance.relay.bridge.encoding import json_values
from surgical_guidance.relay.bridge.frames import Message, identity, needed, optional
from surgical_guidance.relay.bridge.interfaces import find
from surgical_guidance.relay.bridge.names import absolute, full_type, shown
from surgical_guidance.relay.bridge.robot import Goal
from surgical_guidance.relay.bridge.session import Session

UNKNOWN = 0  # action_msgs/GoalStatus


class Goals:
    """The goals of one client under way, by its ids."""

    def __init__(self, session: Session) -> None:
        self.goals: dict[str | int, asyncio.Future[Goal]] = {}
        session.on_leave(self.close)

    async def close(self) -> None:
        """Cancel them: who asked for it is gone, and what moves must not go on by itself."""
        for future in list(self.goals.values()):
            if future.done() and not future.cancelled() and future.exception() is None:
                await future.result().cancel()


async def send_action_goal(session: Session, message: Message) -> None:
    """Send a goal; feedback and result come when they come."""
    session.spawn(_pursue(session, message))


async def cancel_action_goal(session: Session, message: Message) -> None:
    """Ask for the end of a goal; how it ended comes as its result."""
    action = absolute(needed(message, 'action', str))
    session.may('cancel_action_goal', action)
    id_ = identity(message)
    future = session.state(Goals).goals.get(id_) if id_ is not None else None
    if future is None:
        raise ProtocolError(f'no goal of the id {shown(id_)} is under way', where=action)
    goal = await future
    await goal.cancel()


async def _pursue(session: Session, message: Message) -> None:
    name, id_ = str(message.get('action', ''))[:256], identity(message)
    outer = {'op': 'action_result', 'action': name}
    goals = session.state(Goals).goals
    future: asyncio.Future[Goal] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait for it
    if id_ is not None and id_ in goals:
        session.status('error', f'send_action_goal: a goal of the id {shown(id_)} is under way already', id_)
        return
    if id_ is not None:
        goals[id_] = future
    try:
        fragment_size = optional(message, 'fragment_size', int, 0) or None
        goal = await _send(session, message, name, id_)
        future.set_result(goal)
        status, result = await goal.result()
        answer = {**outer, 'values': json_values(result), 'status': status, 'result': True}  # as stock: it has ended
        session.send(answer, id_, fragment_size)
    except asyncio.CancelledError:
        future.cancel()
        raise
    except Exception as error:  # noqa: BLE001  (the client waits for an answer, whatever happened)
        words = session.failed('send_action_goal', error)
        if not future.done():
            future.set_exception(ProtocolError(words))
        session.status('error', f'send_action_goal: {words}', id_)
        session.send({**outer, 'values': words, 'status': UNKNOWN, 'result': False}, id_)
    finally:
        if id_ is not None:
            goals.pop(id_, None)


async def _send(session: Session, message: Message, name: str, id_: str | int | None) -> Goal:
    action = absolute(needed(message, 'action', str))
    type_ = full_type(needed(message, 'action_type', str), 'action')
    session.may('send_action_goal', action, type_)
    cls: Any = find(type_, 'action')
    goal = cls.Goal()
    fill_arguments(goal, message.get('args'))

    def on_feedback(feedback: Any) -> None:
        session.send({'op': 'action_feedback', 'action': name, 'values': json_values(feedback)}, id_)

    wants = optional(message, 'feedback', bool, False)
    return await session.world.robot.send_goal(
        action, cls, goal, session.world.limits.timeout_s, on_feedback if wants else None
    )
