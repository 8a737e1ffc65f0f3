"""One client: what it may, what it is told, and what it leaves behind when it goes."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from surgical_guidance.errors import GuidanceError, ProtocolError
from surgical_guidance.relay.bridge import safety
from surgical_guidance.relay.bridge.channels import Channels
from surgical_guidance.relay.bridge.frames import Message, identity, parse
from surgical_guidance.relay.bridge.kinds import Kinds
from surgical_guidance.relay.bridge.lanes import Outbox, Socket
from surgical_guidance.relay.bridge.limits import BridgeLimits, Bucket
from surgical_guidance.relay.bridge.names import absolute, shown
from surgical_guidance.relay.bridge.robot import Robot
from surgical_guidance.relay.bridge.sample import Frame, fragments, text
from surgical_guidance.relay.clients import POLICY, Goodbye
from surgical_guidance.relay.security import Door, Principal

_LOG = logging.getLogger(__name__)

LEVELS = ('none', 'error', 'warning', 'info')
"""From few words to many. A status is sent when its level is not beyond the client's."""


@dataclass(frozen=True)
class World:
    """What all clients have in common.

    :param door: who is here, and what they may do.
    :param namespace: where our own topics and services live.
    """

    robot: Robot
    channels: Channels
    door: Door
    limits: BridgeLimits
    kinds: Kinds
    namespace: str


Capability = Callable[['Session', Message], Awaitable[None]]


class NotAllowed(ProtocolError):
    """A client may not do what it asks for."""


class Session:
    """The protocol's side of one connection. Belongs to the loop's thread.

    :param table: the operations that are known.
    """

    def __init__(self, world: World, principal: Principal, socket: Socket, table: dict[str, Capability]) -> None:
        self.world = world
        self.principal = principal
        self.outbox = Outbox(socket, self._report)
        self.level: str | None = None
        self._table = table
        self._pace = Bucket(world.limits.rate, world.limits.burst)
        self._patience = Bucket(1.0, world.limits.mistakes)
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._state: dict[type, Any] = {}

    def state(self, kind: type[Any]) -> Any:
        """Give what a capability keeps for this client: one object of its class, made at the first need."""
        if kind not in self._state:
            self._state[kind] = kind(self)
        return self._state[kind]

    async def take(self, data: str) -> None:
        """Act on one message. Whatever is wrong with it is told to the client; nothing is raised."""
        wait_s = self._pace.take()
        if wait_s:
            await asyncio.sleep(wait_s)  # the network's flow control holds the client up, and nobody else
        id_: str | int | None = None
        op = ''
        try:
            message = parse(data)
            id_, op = identity(message), message['op']
            await self._capability(op)(self, message)
        except NotAllowed as error:
            self._mistake(op, str(error), id_)
        except GuidanceError as error:
            self.world.door.audit.record('message', 'refused: not understood', who=self.principal, target=op)
            self._mistake(op, str(error), id_)
        except Exception as error:  # noqa: BLE001  (one client's message must not end the others' service)
            self._mistake(op, self.failed(op, error), id_)

    def refuse(self, words: str) -> None:
        """Tell the client that what it sent is no message at all."""
        self.world.door.audit.record('message', f'refused: {words}', who=self.principal)
        self._mistake('', words, None)

    def _capability(self, op: str) -> Capability:
        if op not in self._table:
            raise ProtocolError(f'there is no operation {shown(op)}', remedy=f'there are: {", ".join(self._table)}')
        return self._table[op]

    def may(self, op: str, name: str, type_: str = '') -> None:
        """Make sure that the client may do something.

        :raises NotAllowed: if not, with the reason. It is in the audit log already.
        """
        reason = safety.forbidden(op, absolute(name), self.world.namespace)
        if not reason and not self.world.door.policy.allows(self.principal, op, absolute(name), type_):
            reason = f'the role {self.principal.role} may not do this'
        if reason:
            self.world.door.audit.record(op, f'refused: {reason}', who=self.principal, target=absolute(name))
            raise NotAllowed(f'refused: {reason}', where=name)

    def send(self, message: Message, id_: str | int | None = None, fragment_size: int | None = None) -> None:
        """Send a message that must arrive.

        :param fragment_size: longest text that goes whole [characters].
        """
        if id_ is not None:
            message = {**message, 'id': id_}
        frame = text(message)
        if fragment_size is None:
            self.outbox.answer(frame)
        else:
            self.outbox.answer(*fragments(frame, fragment_size, f'{id_}:{id(frame):x}'))

    def status(self, level: str, words: str, id_: str | int | None = None) -> None:
        """Tell the client something, if it wants to hear it."""
        if LEVELS.index(level) <= LEVELS.index(self.level or 'error'):
            self.send({'op': 'status', 'level': level, 'msg': words}, id_)

    def failed(self, op: str, error: Exception) -> str:
        """Give the words for what went wrong; what is a mistake of ours is in the log, with where it happened."""
        if isinstance(error, GuidanceError):
            return str(error)
        _LOG.error('rosbridge, %s', op, exc_info=error)
        return f'this failed here ({type(error).__name__}: {str(error)[:200]})'

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes its time, until the client goes.

        :raises ProtocolError: if too much is under way already.
        """
        if len(self._tasks) >= self.world.limits.calls:
            work.close()
            raise ProtocolError(f'{self.world.limits.calls} calls are under way already')
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def on_leave(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have something done when the client goes."""
        self._leaving.append(work)

    async def close(self) -> None:
        """Give back everything the client took."""
        for work in self._leaving:
            try:
                await work()
            except GuidanceError as error:
                self.world.door.on_problem(f'a rosbridge client did not go cleanly: {error}')
        for task in list(self._tasks):
            task.cancel()

    def _mistake(self, op: str, words: str, id_: str | int | None) -> None:
        self.status('error', f'{op}: {words}' if op else words, id_)
        if self._patience.take():
            self.outbox.close(Goodbye(POLICY, 'too many messages that cannot be understood or are not allowed'))

    def _report(self, dropped: Counter[str]) -> Frame | None:
        """Tell of what was dropped: every client hears it that did not ask for less."""
        if self.level in ('none', 'error'):
            return None
        topics = ', '.join(f'{count} of {topic}' for topic, count in dropped.most_common())
        words = f'this client is too slow: {topics} not sent, newer messages were there'
        return text({'op': 'status', 'level': 'warning', 'msg': words})
