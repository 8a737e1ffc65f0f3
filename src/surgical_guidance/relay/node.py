"""The relay as a managed node: topics in, a web page out."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from surgical_guidance_msgs.srv import AcknowledgeAlarm, PauseAlarmAudio, RespondToSuggestion

from surgical_guidance.annotations import Annotation
from surgical_guidance.contract import (
    ACKNOWLEDGE_SERVICE,
    ALARM,
    ANNOTATIONS,
    FRAME,
    PAUSE_AUDIO_SERVICE,
    RESPOND_SERVICE,
    SCENE,
    STATUS,
    SUGGESTION,
    TIMING,
    Topic,
)
from surgical_guidance.params import param
from surgical_guidance.ports import publisher, subscription
from surgical_guidance.relay import messages
from surgical_guidance.relay.access import bind
from surgical_guidance.relay.requests import Answer, Cancel
from surgical_guidance.relay.server import Limits
from surgical_guidance.relay.service import Outward, Service, Settings
from surgical_guidance.stage import StageNode, StageParams

if TYPE_CHECKING:
    from rclpy.subscription import Subscription

F = TypeVar('F')

SERVICES: dict[str, tuple[Any, str]] = {
    'respond': (RespondToSuggestion, RESPOND_SERVICE),
    'acknowledge': (AcknowledgeAlarm, ACKNOWLEDGE_SERVICE),
    'pause_audio': (PauseAlarmAudio, PAUSE_AUDIO_SERVICE),
}
"""Who decides on what the surgeon asks, by operation."""


@dataclass(frozen=True)
class RelayParams(StageParams):
    """What the relay can be told."""

    host: str = param('127.0.0.1', 'address to serve at; only the loopback interface')
    port: int = param(8080, 'port of the console page; 0 takes a free one', minimum=0, maximum=65535)
    max_clients: int = param(8, 'pages that may watch at once', minimum=1, maximum=64)
    jpeg_quality: int = param(80, 'quality of the pictures', minimum=30, maximum=95)
    max_width: int = param(1280, 'width that larger pictures are scaled down to [px]', minimum=320, maximum=3840)


class RelayNode(StageNode[RelayParams]):
    """Serves the console page at :attr:`url` while it is active; the port is taken when it is configured."""

    def __init__(self, **node: Any) -> None:
        super().__init__('relay', RelayParams, **node)
        self.url = ''
        self._port = self.params.port
        self._listener: socket.socket | None = None
        self._service: Service | None = None
        self._inputs: list[Subscription[Any]] = []
        self._drawn: Any = None
        self._asked: dict[str, Any] = {}

    def setup(self) -> None:
        """Take the port.

        :raises ParameterError: if the host is not the loopback interface.
        :raises HostError: if the port cannot be had.
        """
        self._listener = bind(self.params.host, self.params.port)
        self._port = self._listener.getsockname()[1]
        host = f'[{self.params.host}]' if ':' in self.params.host else self.params.host
        self.url = f'http://{host}:{self._port}'
        self.detail = self.url

    def start(self) -> None:
        """Serve, and listen to the topics."""
        listener = self._listener or bind(self.params.host, self._port)
        self._listener = None
        settings = Settings(self.params.jpeg_quality, self.params.max_width, Limits(clients=self.params.max_clients))
        self._drawn = publisher(self, ANNOTATIONS)
        self._asked = {op: self.create_client(type_, name) for op, (type_, name) in SERVICES.items()}
        service = self._service = Service(listener, settings, self._on_tick, self.fault, Outward(self._draw, self._ask))
        service.start()
        self._inputs = [
            self._input(FRAME, messages.frame, service.frame),
            self._input(SCENE, messages.scene, service.scene),
            self._input(SUGGESTION, messages.advice, service.advice),
            self._input(STATUS, messages.status, service.status),
            self._input(ALARM, messages.alarm, service.alarm),
            self._input(TIMING, messages.timing, service.timing),
            self._input(ANNOTATIONS, Annotation.from_message, service.annotation),
        ]
        self.get_logger().info(f'the console is at {self.url}')

    def stop(self) -> None:
        """Send every page away and let go of the port."""
        for topic_input in self._inputs:
            self.destroy_subscription(topic_input)
        self._inputs = []
        if self._service is not None:
            self._service.stop()
            self._service = None
            self.destroy_publisher(self._drawn)
            for client in self._asked.values():
                self.destroy_client(client)
            self._asked = {}

    def teardown(self) -> None:
        """Let go of the port where it was never served."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.url = self.detail = ''

    def _input(self, topic: Topic, convert: Callable[[Any], F], sink: Callable[[F], None]) -> Subscription[Any]:
        def take(message: Any) -> None:
            try:
                fact = convert(message)
            except ValueError as error:
                self.get_logger().warning(f'{topic.name}: {error}', throttle_duration_sec=10.0)
                return
            sink(fact)

        return subscription(self, topic, take)

    def _draw(self, mark: Annotation) -> None:
        if self.context.ok():
            self._drawn.publish(messages.annotation(mark))

    def _ask(self, what: str, fields: dict[str, Any], answer: Answer) -> Cancel:
        client = self._asked[what]
        if not client.service_is_ready():
            answer(False, f'{SERVICES[what][1]} cannot be reached')
            return lambda: None
        future = client.call_async(SERVICES[what][0].Request(**fields))

        def tell(done: Any) -> None:
            if not done.cancelled():
                answer(done.result().success, done.result().message)

        future.add_done_callback(tell)
        return lambda: client.remove_pending_request(future)

    def _on_tick(self) -> None:
        self.done += 1
