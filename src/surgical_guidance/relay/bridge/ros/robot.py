"""What the protocol needs of ROS, with rclpy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from rclpy.duration import Duration
from rclpy.node import NodeNameNonExistentError
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.robot import Endpoints, NodeUse, OnSample
from surgical_guidance.relay.bridge.ros.callers import action_callers, finished, service_callers, until_ready
from surgical_guidance.relay.bridge.ros.feeds import RclpyFeed
from surgical_guidance.relay.bridge.ros.servers import RclpyActionServer, RclpyServiceServer
from surgical_guidance.relay.bridge.ros.turning import TurningNode

T = TypeVar('T')

KNOWN_NS = 50_000_000  # how long an answer about the graph is given again
REVIEW_S = 2.0  # between two looks at publishers, where no event tells of them
KEPT_S = 1.0  # what is sent before anybody listens, as stock keeps it
LINGER_S = 0.5  # of a publisher that is not needed any more, for what it sent last to arrive


class RclpyRobot:
    """ROS, for one asyncio loop."""

    def __init__(self, turning: TurningNode, loop: asyncio.AbstractEventLoop) -> None:
        self._turning = turning
        self._node = turning.node
        self._loop = loop
        self._clock = turning.node.get_clock()
        self._services = service_callers(turning)
        self._actions = action_callers(turning)
        self._feeds: set[RclpyFeed] = set()
        self._known: dict[str, tuple[int, Any]] = {}
        self._reviewing: asyncio.TimerHandle | None = None

    def now_ns(self) -> int:
        """Give the time of ROS [ns]."""
        return int(self._clock.now().nanoseconds)

    def deserialise(self, cls: type, raw: bytes) -> Any:
        """Make a message of its serialised form."""
        return deserialize_message(raw, cls)

    async def topics(self) -> dict[str, list[str]]:
        """Give all topics with their types."""
        return await self._know('topics', lambda: dict(self._node.get_topic_names_and_types()))

    async def services(self) -> dict[str, list[str]]:
        """Give all services with their types."""
        return await self._know('services', lambda: dict(self._node.get_service_names_and_types()))

    async def nodes(self) -> list[str]:
        """Give the full names of all nodes."""
        return await self._know(
            'nodes', lambda: [_full(*names) for names in self._node.get_node_names_and_namespaces()]
        )

    async def endpoints(self, topic: str) -> Endpoints:
        """Tell who uses a topic."""

        def names(infos: list[Any]) -> tuple[str, ...]:
            return tuple(dict.fromkeys(_full(info.node_name, info.node_namespace) for info in infos))

        return await self._turning.do(
            lambda: Endpoints(
                names(self._node.get_publishers_info_by_topic(topic)),
                names(self._node.get_subscriptions_info_by_topic(topic)),
            )
        )

    async def node_use(self, node: str) -> NodeUse:
        """Tell what a node uses."""
        namespace, _, name = node.rpartition('/')

        def look() -> NodeUse:
            at = (name, namespace or '/')
            return NodeUse(
                tuple(topic for topic, _ in self._node.get_subscriber_names_and_types_by_node(*at)),
                tuple(topic for topic, _ in self._node.get_publisher_names_and_types_by_node(*at)),
                tuple(service for service, _ in self._node.get_service_names_and_types_by_node(*at)),
            )

        try:
            return await self._know(f'node {node}', look)
        except NodeNameNonExistentError as error:
            raise ProtocolError('there is no such node', where=node) from error

    async def subscribe(self, topic: str, cls: type, depth: int, on_sample: OnSample) -> RclpyFeed:
        """Listen to a topic."""
        feed = RclpyFeed(self._turning, self._loop, topic, cls, on_sample)
        feed.on_close = lambda: self._feeds.discard(feed)
        await self._change(feed.open, depth, undo=RclpyFeed.drop)
        self._feeds.add(feed)
        if self._reviewing is None:
            self._reviewing = self._loop.call_later(REVIEW_S, self._review)
        return feed

    async def advertise(self, topic: str, cls: type, latch: bool, depth: int) -> RclpyPublisher:
        """Make a publisher. It keeps what it sends for a second, for those who hear of it a moment too late."""
        profile = QoSProfile(
            depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        if not latch:
            profile.lifespan = Duration(seconds=KEPT_S)
        publisher = await self._change(
            lambda: self._node.create_publisher(cls, topic, profile), undo=self._node.destroy_publisher
        )
        return RclpyPublisher(self._turning, self._loop, publisher)

    async def call(self, service: str, cls: type, request: Any, timeout_s: float) -> Any:
        """Call a service and wait for its answer."""
        async with self._services.client(service, cls) as client:
            future: Any = None
            try:
                async with asyncio.timeout(timeout_s):
                    await until_ready(client.service_is_ready, service, timeout_s)
                    future = client.call_async(request)
                    return await finished(future)
            except TimeoutError as error:
                raise ProtocolError(f'no answer within {timeout_s:g} s', where=service) from error
            finally:
                if future is not None and not future.done():
                    client.remove_pending_request(future)

    async def serve(self, service: str, cls: type, on_call: Callable[[int, Any], None]) -> RclpyServiceServer:
        """Offer a service."""
        server = RclpyServiceServer(self._turning, self._loop, cls, on_call)
        await self._change(server.open, service, undo=lambda _: server.drop())
        return server

    async def send_goal(
        self, action: str, cls: type, goal: Any, timeout_s: float, on_feedback: Callable[[Any], None] | None
    ) -> RclpyGoal:
        """Send a goal and wait until it is accepted."""

        def tell(message: Any) -> None:
            if on_feedback is not None:
                self._loop.call_soon_threadsafe(on_feedback, message.feedback)

        async with self._actions.client(action, cls) as client:
            await until_ready(client.server_is_ready, action, timeout_s)
            try:
                async with asyncio.timeout(timeout_s):
                    handle = await finished(client.send_goal_async(goal, feedback_callback=tell))
            except TimeoutError as error:
                raise ProtocolError(f'no answer within {timeout_s:g} s', where=action) from error
        if not handle.accepted:
            raise ProtocolError('the goal was rejected', where=action)
        return RclpyGoal(handle)

    async def serve_action(
        self, action: str, cls: type, on_goal: Callable[[int, Any], None], on_cancel: Callable[[int], None]
    ) -> RclpyActionServer:
        """Offer an action."""
        server = RclpyActionServer(self._turning, self._loop, cls, on_goal, on_cancel)
        await self._change(server.open, action, undo=lambda _: server.drop())
        return server

    async def _change(self, work: Callable[..., T], *arguments: Any, undo: Callable[[T], object]) -> T:
        """Change the graph; what was known of it is known no more."""
        result = await self._turning.do(work, *arguments, undo=undo)
        self._known.clear()
        return result

    async def _know(self, what: str, look: Callable[[], T]) -> T:
        """Look at the graph, or give what a look of a moment ago gave: a client that asks in a loop costs little."""
        known = self._known.get(what)
        if known is not None and monotonic_ns() - known[0] < KNOWN_NS:
            answer: T = known[1]
            return answer
        if len(self._known) > KNOWN_NS // 1_000_000:
            self._known.clear()
        answer = await self._turning.do(look)
        self._known[what] = (monotonic_ns(), answer)
        return answer

    def _review(self) -> None:
        for feed in self._feeds:
            self._turning.soon(feed.review)
        self._reviewing = self._loop.call_later(REVIEW_S, self._review) if self._feeds else None


class RclpyPublisher:
    """A way to send to a topic."""

    def __init__(self, turning: TurningNode, loop: asyncio.AbstractEventLoop, publisher: Any) -> None:
        self._turning = turning
        self._loop = loop
        self._publisher = publisher

    def publish(self, message: Any) -> None:
        """Send a message."""
        self._publisher.publish(message)

    async def close(self) -> None:
        """End it, in a moment."""
        self._loop.call_later(LINGER_S, self._turning.soon, self._destroy)

    def _destroy(self) -> None:
        self._turning.node.destroy_publisher(self._publisher)


class RclpyGoal:
    """A goal under way."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    async def result(self) -> tuple[int, Any]:
        """Wait for its end."""
        response = await finished(self._handle.get_result_async())
        return response.status, response.result

    async def cancel(self) -> None:
        """Ask for its end."""
        self._handle.cancel_goal_async()


def _full(name: str, namespace: str) -> str:
    return f'{namespace.rstrip("/")}/{name}'
