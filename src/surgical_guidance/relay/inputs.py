"""The topics the relay listens to: some always, and what comes with every frame only while somebody watches.

A message costs its reader the waking, the taking and the conversion, whether or not anybody looks at what is made of
it: three topics at frame rate took more of a core than the rest of an idle relay together. Advice, alarms and the
watchdog's word are heard always, so that a page that comes late is told what happened before. Both ends have their
quality of service from the contract: rclpy's warnings of ends that do not fit, two more things to wait for with every
message, are left out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.impl.implementation_singleton import rclpy_implementation

from surgical_guidance.annotations import Annotation
from surgical_guidance.contract import ALARM, ANNOTATIONS, FRAME, SCENE, STATUS, SUGGESTION, TIMING, Topic
from surgical_guidance.ports import subscription
from surgical_guidance.relay import messages
from surgical_guidance.relay.reading import Reader

if TYPE_CHECKING:
    from rclpy.guard_condition import GuardCondition
    from rclpy.subscription import Subscription

    from surgical_guidance.relay.service import Service
    from surgical_guidance.stage import StageNode

F = TypeVar('F')
Inlet = tuple[Topic, Callable[[Any], Any], Callable[[Any], None]]
"""A topic, what makes a fact of its message, and where that goes."""


class Inputs:
    """Listens from :meth:`open` to :meth:`close`. Belongs to the node's thread, but for :meth:`watch`.

    Messages are taken in a thread of its own (``reading.py``), where facts are made of them.

    :param node: listens, and notes what it does not understand.
    """

    def __init__(self, node: StageNode[Any]) -> None:
        self._node = node
        self._reader: Reader | None = None
        self._always: list[Subscription[Any]] = []
        self._while_watched: list[Subscription[Any]] = []
        self._wanted: tuple[Inlet, ...] = ()
        self._watched = False
        self._changed: GuardCondition | None = None

    def open(self, service: Service) -> None:
        """Begin to listen, for a service that runs."""
        always: tuple[Inlet, ...] = (
            (SUGGESTION, messages.advice, service.advice),
            (STATUS, messages.status, service.status),
            (ALARM, messages.alarm, service.alarm),
            (ANNOTATIONS, Annotation.from_message, service.annotation),
        )
        self._wanted = (
            (FRAME, messages.frame, service.frame),
            (SCENE, messages.scene, service.scene),
            (TIMING, messages.timing, service.timing),
        )
        reader = self._reader = Reader(
            'relay', self._node.context, lambda what: self._node.events.error('inputs', what)
        )
        self._always = [self._listen(reader, *inlet) for inlet in always]
        self._changed = self._node.create_guard_condition(self._follow)
        self._follow()
        reader.start()

    def close(self) -> None:
        """Listen no more; no fact is given any more when this returns."""
        if self._reader is not None:
            self._reader.stop()
            self._reader = None
        changed, self._changed = self._changed, None
        if changed is not None:
            self._node.destroy_guard_condition(changed)
        for one in (*self._always, *self._while_watched):
            self._node.destroy_subscription(one)
        self._always, self._while_watched, self._watched = [], [], False

    def watch(self, watched: bool) -> None:
        """Say whether somebody watches, from any thread."""
        self._watched = watched
        changed = self._changed
        if changed is not None:
            with contextlib.suppress(rclpy_implementation.InvalidHandle):  # closed in this very moment
                changed.trigger()

    def _follow(self) -> None:
        """Listen to every frame, or no more, as it was said last."""
        reader = self._reader
        if reader is None:
            return
        if self._watched and not self._while_watched:
            self._while_watched = [self._listen(reader, *inlet) for inlet in self._wanted]
        elif not self._watched and self._while_watched:
            for one in self._while_watched:
                reader.remove(one)
                self._node.destroy_subscription(one)
            self._while_watched = []

    def _listen(
        self, reader: Reader, topic: Topic, convert: Callable[[Any], F], sink: Callable[[F], None]
    ) -> Subscription[Any]:
        def take(message: Any, _info: Any) -> None:
            try:
                fact = convert(message)
            except ValueError as error:
                self._node.events.warning(f'refused.{topic.name}', str(error))
                return
            sink(fact)

        silent = SubscriptionEventCallbacks(use_default_callbacks=False)
        made = subscription(self._node, topic, _left_to_reader, events=silent, group=reader.group)
        reader.add(made, take)
        return made


def _left_to_reader(_message: Any) -> None:
    """Stand in for the callback, which no executor will call."""
