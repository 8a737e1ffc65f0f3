"""Services and actions that are answered by somebody who takes his time.

An executor turns without rest while a coroutine of a callback waits. So no callback waits: a service's answer is held
back and sent when it is there, and a goal is executed at the moment it is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionServer, CancelResponse, GoalResponse

from surgical_guidance.relay.bridge.ros.turning import TurningNode

LINGER_S = 1.0  # of an action whose goals have ended, for their results to be asked for


class RclpyServiceServer:
    """A service. :meth:`open` belongs to the node's thread, the rest to the loop's."""

    def __init__(
        self, turning: TurningNode, loop: asyncio.AbstractEventLoop, cls: Any, on_call: Callable[[int, Any], None]
    ) -> None:
        self._turning = turning
        self._loop = loop
        self._cls = cls
        self._on_call = on_call
        self._headers: dict[int, Any] = {}
        self._numbers = itertools.count(1)
        self._service: Any = None
        self._send: Callable[[Any, Any], None] = lambda *_: None
        self._closed = False

    def open(self, name: str) -> None:
        """Offer it."""
        service = self._service = self._turning.node.create_service(self._cls, name, lambda request, _: request)
        self._send = service.send_response
        service.send_response = self._hold  # the executor calls it with what the callback returned

    def respond(self, call: int, response: Any) -> None:
        """Answer a call."""
        header = self._headers.pop(call, None)
        if header is not None and not self._closed:
            self._send(response, header)

    def drop(self) -> None:
        """End it at once, in the node's thread."""
        self._closed = True
        self._turning.node.destroy_service(self._service)

    async def close(self) -> None:
        """End it."""
        self._closed = True
        await self._turning.do(self.drop)

    def _hold(self, request: Any, header: Any) -> None:
        self._loop.call_soon_threadsafe(self._take, request, header)

    def _take(self, request: Any, header: Any) -> None:
        if not self._closed:
            number = next(self._numbers)
            self._headers[number] = header
            self._on_call(number, request)


class RclpyActionServer:
    """An action. :meth:`open` belongs to the node's thread, the rest to the loop's."""

    def __init__(
        self,
        turning: TurningNode,
        loop: asyncio.AbstractEventLoop,
        cls: Any,
        on_goal: Callable[[int, Any], None],
        on_cancel: Callable[[int], None],
    ) -> None:
        self._turning = turning
        self._loop = loop
        self._cls = cls
        self._on_goal = on_goal
        self._on_cancel = on_cancel
        self._goals: dict[int, Any] = {}
        self._numbers = itertools.count(1)
        self._server: Any = None
        self._ended = False

    def open(self, name: str) -> None:
        """Offer it."""
        self._server = ActionServer(
            self._turning.node,
            self._cls,
            name,
            execute_callback=lambda _: self._cls.Result(),
            goal_callback=lambda _: GoalResponse.ACCEPT,
            handle_accepted_callback=lambda goal: self._loop.call_soon_threadsafe(self._take, goal),
            cancel_callback=self._cancel,
        )

    def feedback(self, goal: int, feedback: Any) -> None:
        """Tell how it goes."""
        handle = self._goals.get(goal)
        if handle is not None:
            handle.publish_feedback(feedback)

    def finish(self, goal: int, status: int, result: Any) -> None:
        """End a goal."""
        handle = self._goals.pop(goal, None)
        if handle is not None:
            self._ended = True
            self._turning.soon(lambda: _finish(handle, status, result))

    async def close(self) -> None:
        """End it."""
        if not self._goals and not self._ended:
            await self._turning.do(self.drop)
            return
        for goal in list(self._goals):
            self.finish(goal, GoalStatus.STATUS_ABORTED, self._cls.Result())
        self._loop.call_later(LINGER_S, self._turning.soon, self.drop)

    def drop(self) -> None:
        """End it at once, in the node's thread."""
        self._server.destroy()

    def _take(self, handle: Any) -> None:
        number = next(self._numbers)
        self._goals[number] = handle
        self._on_goal(number, handle.request)

    def _cancel(self, handle: Any) -> CancelResponse:
        self._loop.call_soon_threadsafe(self._tell_cancel, bytes(handle.goal_id.uuid))
        return CancelResponse.ACCEPT

    def _tell_cancel(self, uuid: bytes) -> None:
        for number, handle in self._goals.items():
            if bytes(handle.goal_id.uuid) == uuid:
                self._on_cancel(number)


def _finish(handle: Any, status: int, result: Any) -> None:
    """Run a goal to its end, in the node's thread."""

    def execute(goal: Any) -> Any:
        if status == GoalStatus.STATUS_CANCELED and goal.is_cancel_requested:
            goal.canceled()
        elif status == GoalStatus.STATUS_SUCCEEDED:
            goal.succeed()
        else:
            goal.abort()
        return result

    with contextlib.suppress(RuntimeError):  # it ended by itself in between
        handle.execute(execute)
