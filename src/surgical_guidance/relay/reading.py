"""Takes the messages of many subscriptions in a thread of its own, and does nothing else.

For every message rclpy's executor looks through all that a node has, makes a wait set of it and a task of what is
ready, and does so once more when that is done: 1 to 2 ms on a slow core, as much as sending a picture to five clients.
What waits here is made once and used until the subscriptions change. It is the wait set that the executor itself uses,
which rclpy does not offer by a public name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.subscription import Subscription

if TYPE_CHECKING:
    from rclpy.context import Context

Take = Callable[[Any, Any], None]
"""Gets a message (as ROS serialised it where the subscription is a raw one), and what the middleware knows of it."""

WAIT_NS = 1_000_000_000  # longest; it is woken for everything but the end of the context
PAUSE_S = 0.1  # after a problem: one that lasts must not take a core and fill the log
AT_ONCE = 64  # messages of one topic before the others have their turn


class LeftToReader(ReentrantCallbackGroup):
    """A group that the executor does not wait for: what tells of publishers wakes for each message too."""

    def can_execute(self, entity: Any) -> bool:
        """Leave it alone."""
        return False


class Reader:
    """Takes messages from :meth:`add` to :meth:`remove`, from any thread.

    :param name: of its thread.
    :param on_problem: gets what went wrong, in the reader's thread.
    """

    def __init__(self, name: str, context: Context, on_problem: Callable[[str], None]) -> None:
        self.group = LeftToReader()
        self._on_problem = on_problem
        self._wanted: dict[Subscription[Any], tuple[Take, Callable[[], None] | None]] = {}
        self._changes = 0
        self._lock = threading.Lock()
        self._wake = GuardCondition(None, None, context=context)
        self._context = context
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f'{name} reader')

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; nothing is taken any more when this returns."""
        self._ended.set()
        if self._thread.is_alive():
            self._wake.trigger()
            self._thread.join()
        self._wake.destroy()

    def add(self, subscription: Subscription[Any], take: Take, on_event: Callable[[], None] | None = None) -> None:
        """Take what comes.

        :param on_event: told when a publisher came or went, or offers what does not fit.
        """
        with self._lock:
            self._wanted[subscription] = take, on_event
            self._changes += 1
        self._wake.trigger()

    def remove(self, subscription: Subscription[Any]) -> None:
        """Take no more of it. It may be destroyed then: what is waited for lives until the wait is over."""
        with self._lock:
            self._wanted.pop(subscription, None)
            self._changes += 1
        self._wake.trigger()

    def _run(self) -> None:
        while not self._ended.is_set() and self._context.ok():
            try:
                self._read()
            except Exception as error:  # noqa: BLE001  (one topic's trouble must not end the others)
                if self._ended.is_set() or not self._context.ok():
                    return
                self._on_problem(f'{self._thread.name}: {type(error).__name__}: {error}')
                self._ended.wait(PAUSE_S)

    def _read(self) -> None:
        """Wait and take until the subscriptions change."""
        with self._lock:
            changes, wanted = self._changes, list(self._wanted.items())
        with ExitStack() as held:
            inlets = []
            for subscription, (take, on_event) in wanted:
                try:
                    held.enter_context(subscription.handle)
                    for handler in subscription.event_handlers:
                        held.enter_context(handler)
                except rclpy_implementation.InvalidHandle:
                    continue  # destroyed before it was removed
                inlets.append((subscription, take, on_event))
            held.enter_context(self._wake.handle)
            held.enter_context(self._context.handle)
            events = sum(len(subscription.event_handlers) for subscription, _, _ in inlets)
            waits = rclpy_implementation.WaitSet(len(inlets), 1, 0, 0, 0, events, self._context.handle)
            while not self._ended.is_set() and self._changes == changes and self._context.ok():
                waits.clear_entities()
                waits.add_guard_condition(self._wake.handle)
                for subscription, _, _ in inlets:
                    waits.add_subscription(subscription.handle)
                    for handler in subscription.event_handlers:
                        handler.add_to_wait_set(waits)
                waits.wait(WAIT_NS)
                ready = waits.get_ready_entities('subscription')
                for subscription, take, on_event in inlets:
                    if subscription.handle.pointer in ready:
                        _take_all(subscription, take)
                    for handler in subscription.event_handlers:
                        if handler.is_ready(waits):
                            handler.take_data()
                            if on_event is not None:
                                on_event()


def _take_all(subscription: Subscription[Any], take: Take) -> None:
    for _ in range(AT_ONCE):
        got = subscription.handle.take_message(subscription.msg_type, subscription.raw)
        if got is None:
            return
        take(*got)
