"""A node whose executor turns in a thread of its own, and work that is done there.

Everything is made and destroyed between two turns, never while the executor waits on it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from rclpy.executors import ExternalShutdownException, ShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from surgical_guidance.relay.reading import Reader

if TYPE_CHECKING:
    from rclpy.context import Context

T = TypeVar('T')

TURN_S = 1.0  # longest wait of the executor; it is woken for everything


class TurningNode:
    """A node that turns from :meth:`start` to :meth:`stop`.

    :param name: of the node. Remappings of the process do not hold for it: clients see the graph as it is.
    :param on_problem: gets what went wrong in a callback, in the node's thread.
    """

    def __init__(self, name: str, namespace: str, context: Context | None, on_problem: Callable[[str], None]) -> None:
        self.node = Node(
            name,
            namespace=namespace,
            context=context,
            use_global_arguments=False,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._on_problem = on_problem
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._work: deque[Callable[[], None]] = deque()
        self._stopped = False
        self._thread = threading.Thread(target=self._turn, name=name)
        self.reader = Reader(name, self.node.context, on_problem)
        """Takes the messages of subscriptions that are made in its group."""

    def start(self) -> None:
        """Begin to turn."""
        self._thread.start()
        self.reader.start()

    def stop(self) -> None:
        """End, and destroy the node; no callback runs any more when this returns."""
        self._stopped = True
        self.reader.stop()
        if self._thread.is_alive():
            self.soon(lambda: None)  # wake() alone does not end a turn
            self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()

    def soon(self, work: Callable[[], None]) -> None:
        """Have something done in the node's thread, after all that was given before. What it raises ends nothing."""
        self._work.append(work)
        self._executor.create_task(self._do_next)  # a task for each: the executor would take them in any order

    async def do(self, work: Callable[..., T], *arguments: Any, undo: Callable[[T], object] | None = None) -> T:
        """Do something in the node's thread and wait for it, in an asyncio loop.

        :param undo: takes back what was done, in the node's thread, where nobody waits for it any more.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def finish(result: T | None, error: Exception | None) -> None:
            if done.done():  # nobody waits any more
                if undo is not None and error is None:
                    self.soon(partial(_call, undo, result))
            elif error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]  # (it is there where there is no error)

        def run() -> None:
            try:
                result = work(*arguments)
            except Exception as error:  # noqa: BLE001  (it belongs to who waits)
                loop.call_soon_threadsafe(finish, None, error)
            else:
                loop.call_soon_threadsafe(finish, result, None)

        self.soon(run)
        return await done

    def _do_next(self) -> None:
        if self._work:
            self._work.popleft()()

    def _turn(self) -> None:
        while not self._stopped and self._executor.context.ok():
            try:
                self._executor.spin_once(timeout_sec=TURN_S)
            except (ExternalShutdownException, ShutdownException):
                return
            except Exception as error:  # noqa: BLE001  (the next message may be a better one)
                self._on_problem(f'rosbridge: {type(error).__name__}: {error}')


def _call(undo: Callable[[Any], object], result: Any) -> None:
    undo(result)
