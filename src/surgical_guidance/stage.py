"""What every stage's node is: managed, with a heartbeat, with transitions that tell why they failed.

rclpy swallows an exception in a transition callback and raises on a transition that is not allowed, which kills the
process; here both become one line of log and a heartbeat that says what is wrong, and the process lives.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rclpy._rclpy_pybind11 import RCLError
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from surgical_guidance_msgs.msg import StageStatus

from surgical_guidance.contract import HEARTBEAT, NAMESPACE, Topic
from surgical_guidance.errors import GuidanceError
from surgical_guidance.events import Events
from surgical_guidance.params import declare, param
from surgical_guidance.ports import publisher
from surgical_guidance.pulses import Board


@dataclass(frozen=True)
class StageParams:
    """What every stage can be told."""

    autostart: bool = param(True, 'configure and activate at start, without a lifecycle manager')


P = TypeVar('P', bound=StageParams)


class StageNode(LifecycleNode, Generic[P]):
    """A managed node of one stage.

    A stage fills in :meth:`setup` (configure: load, warm up), :meth:`start`, :meth:`stop` and :meth:`teardown`; each
    may raise :class:`GuidanceError`, and the last two must bear being called in any state. ``detail`` is one line for
    people, ``done`` counts its units of work; both go out with the heartbeat. A stage that is up but cannot work calls
    :meth:`fault`, and :meth:`fault` with ``''`` when it can again. What happens again and again goes to ``events``.

    :param name: of the node and the stage.
    :param params: its parameters' dataclass.
    """

    def __init__(self, name: str, params: type[P], **node: Any) -> None:
        node.setdefault('namespace', NAMESPACE)
        super().__init__(name, **node)
        self.params: P = declare(self, params)
        self.stage = name
        self.detail = ''
        self.done = 0
        self.events = Events(self.get_logger())
        self._state = StageStatus.UNCONFIGURED
        self._fault = ''
        self._board = self._make_board()
        self._beat = publisher(self, HEARTBEAT)
        self._beat_timer = self.every(1.0 / HEARTBEAT.rate, self._send_heartbeat)

    def every(self, period_s: float, callback: Callable[[], None]) -> Any:
        """Make a timer on the monotonic clock [s]. One on the node's clock would stand still after that is set back."""
        return self.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _make_board(self) -> Board | None:
        try:
            return Board(self.get_namespace(), str(self.context.get_domain_id()), self.stage)
        except OSError as error:
            self.get_logger().warning(f'no room for pulses ({error.strerror}): the watchdog listens to topics instead')
            return None

    def pulse(self, topic: Topic, message: Any) -> None:
        """Note for the watchdog of this host that a message of this stage is sent now. Any thread may call it."""
        if self._board is not None:
            self._board.write(topic, message)

    def setup(self) -> None:
        """Load and warm up. Slow work belongs here."""

    def start(self) -> None:
        """Begin to work."""

    def stop(self) -> None:
        """Stop working; return when nothing of it runs any more."""

    def teardown(self) -> None:
        """Give back what :meth:`setup` took."""

    def fault(self, problem: str) -> None:
        """Say that this stage cannot do its work now, or (with ``''``) that it can again. Any thread may call it."""
        if problem == self._fault:
            return
        self._fault = problem
        if problem:
            self.get_logger().error(problem)
        else:
            self.get_logger().info('works again')
        self._send_heartbeat()

    def finish(self, problem: str = '') -> None:
        """Say that there will be nothing more to do: what this stage works on has come to its end, or is broken."""
        self._state = StageStatus.FAILED if problem else StageStatus.FINISHED
        self.fault(problem)
        self._send_heartbeat()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run :meth:`setup`; what it took is given back when it fails."""
        return self._transition('configure', self.setup, StageStatus.INACTIVE, undo=self.teardown)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run :meth:`start`."""
        super().on_activate(state)
        return self._transition('activate', self.start, StageStatus.ACTIVE, undo=self.stop)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run :meth:`stop`."""
        super().on_deactivate(state)
        return self._transition('deactivate', self.stop, StageStatus.INACTIVE)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run :meth:`teardown`."""
        return self._transition('clean up', self.teardown, StageStatus.UNCONFIGURED)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and give everything back, from whatever state."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give everything back; the stage can be configured again."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Stop and give everything back; the node is left to be destroyed."""
        self._state = StageStatus.UNCONFIGURED
        self._send_heartbeat()  # first: what is silent from now on was taken down in good order, and is not lost
        self._attempt(self.stop)
        self._attempt(self.teardown)

    def destroy_node(self) -> None:
        """Take the node down, and its board of pulses."""
        super().destroy_node()
        if self._board is not None:
            self._board.close()

    def request(self, transition: Callable[[], TransitionCallbackReturn]) -> bool:
        """Ask for a transition, e.g. ``node.trigger_configure``; False, and a line of log, where it is not allowed."""
        try:
            return transition() == TransitionCallbackReturn.SUCCESS
        except RCLError as error:
            self.get_logger().error(f'this transition is not possible now: {error}')
            return False

    def _transition(
        self,
        name: str,
        work: Callable[[], None],
        state: int,
        undo: Callable[[], None] | None = None,
    ) -> TransitionCallbackReturn:
        self._state, self._fault = state, ''  # first: a thread that the work starts may find a fault at once
        try:
            work()
        except Exception as error:  # noqa: BLE001  (rclpy would swallow it; here it is told and the process lives)
            problem = str(error) if isinstance(error, GuidanceError) else f'{type(error).__name__}: {error}'
            if undo is not None:
                self._attempt(undo)
            self._state = StageStatus.FAILED
            self.fault(f'cannot {name}: {problem}')
            return TransitionCallbackReturn.FAILURE
        self._send_heartbeat()
        return TransitionCallbackReturn.SUCCESS

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do what must be tried even when something else went wrong already."""
        try:
            work()
        except Exception as error:  # noqa: BLE001  (the end of a stage must not keep the others from ending)
            self.get_logger().error(f'cannot end cleanly: {error}')

    def autostart(self) -> None:
        """Configure and activate, if the parameter says so. Who composes the process calls it, in its own order."""
        if self.params.autostart and self.request(self.trigger_configure):
            self.request(self.trigger_activate)

    def _send_heartbeat(self) -> None:
        if not self.context.ok():
            return
        self.events.settle()
        beat = StageStatus(
            stamp=self.get_clock().now().to_msg(),
            stage=self.stage,
            pid=os.getpid(),
            state=StageStatus.ERROR if self._fault and self._state == StageStatus.ACTIVE else self._state,
            detail=self._fault or self.detail,
            done=self.done,
        )
        self.pulse(HEARTBEAT, beat)
        self._beat.publish(beat)
