"""What the protocol needs of ROS. ``ros/`` fulfils it with rclpy, and a test without.

All of it belongs to the loop's thread, and so do the callbacks that are handed over. Whatever looks at the graph or
changes it waits for a thread of its own, so that the loop never does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

OnSample = Callable[[int, bytes], None]
"""Gets the time a message was sent, by its publisher's clock [ns], and the message as ROS serialised it."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Who uses a topic: full names of nodes."""

    publishers: tuple[str, ...]
    subscribers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeUse:
    """What one node uses."""

    subscribing: tuple[str, ...]
    publishing: tuple[str, ...]
    services: tuple[str, ...]


class Feed(Protocol):
    """A subscription whose quality of service follows the publishers."""

    @property
    def keeps(self) -> bool:
        """Whether the publishers keep messages for those who come late."""

    async def close(self) -> None:
        """End it."""


class Publisher(Protocol):
    """A way to send to a topic."""

    def publish(self, message: Any) -> None:
        """Send a message."""

    async def close(self) -> None:
        """End it."""


class Server(Protocol):
    """A service or action that we answer for a client."""

    async def close(self) -> None:
        """End it; what was asked and not answered never will be, or is aborted."""


class ServiceServer(Server, Protocol):
    """A service."""

    def respond(self, call: int, response: Any) -> None:
        """Answer a call."""


class ActionServer(Server, Protocol):
    """An action."""

    def feedback(self, goal: int, feedback: Any) -> None:
        """Tell how it goes."""

    def finish(self, goal: int, status: int, result: Any) -> None:
        """End a goal with a status of ``action_msgs/GoalStatus``."""


class Goal(Protocol):
    """A goal under way."""

    async def result(self) -> tuple[int, Any]:
        """Wait for its end: its status and result."""

    async def cancel(self) -> None:
        """Ask for its end."""


class Robot(Protocol):
    """ROS."""

    def now_ns(self) -> int:
        """Give the time of ROS [ns]."""

    def deserialise(self, cls: type, raw: bytes) -> Any:
        """Make a message of its serialised form."""

    async def topics(self) -> dict[str, list[str]]:
        """Give all topics with their types."""

    async def services(self) -> dict[str, list[str]]:
        """Give all services with their types."""

    async def nodes(self) -> list[str]:
        """Give the full names of all nodes."""

    async def endpoints(self, topic: str) -> Endpoints:
        """Tell who uses a topic."""

    async def node_use(self, node: str) -> NodeUse:
        """Tell what a node uses."""

    async def subscribe(self, topic: str, cls: type, depth: int, on_sample: OnSample) -> Feed:
        """Listen to a topic."""

    async def advertise(self, topic: str, cls: type, latch: bool, depth: int) -> Publisher:
        """Make a publisher."""

    async def call(self, service: str, cls: type, request: Any, timeout_s: float) -> Any:
        """Call a service and wait for its answer.

        :raises ProtocolError: if it is not there or does not answer in time.
        """

    async def serve(self, service: str, cls: type, on_call: Callable[[int, Any], None]) -> ServiceServer:
        """Offer a service; calls come with a number to answer them by."""

    async def send_goal(
        self, action: str, cls: type, goal: Any, timeout_s: float, on_feedback: Callable[[Any], None] | None
    ) -> Goal:
        """Send a goal and wait until it is accepted.

        :raises ProtocolError: if nobody takes it in time, or it is rejected.
        """

    async def serve_action(
        self, action: str, cls: type, on_goal: Callable[[int, Any], None], on_cancel: Callable[[int], None]
    ) -> ActionServer:
        """Offer an action; goals come with a number."""
