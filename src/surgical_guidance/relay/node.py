"""The relay as a managed node: topics in, a web page out."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from surgical_guidance.contract import ALARM, FRAME, SCENE, STATUS, SUGGESTION, TIMING, Topic
from surgical_guidance.errors import ParameterError
from surgical_guidance.params import param
from surgical_guidance.ports import subscription
from surgical_guidance.relay import messages
from surgical_guidance.relay.access import bind
from surgical_guidance.relay.server import Limits
from surgical_guidance.relay.service import Service, Settings
from surgical_guidance.relay.video.settings import AUTO, Reach, VideoSettings
from surgical_guidance.stage import StageNode, StageParams

if TYPE_CHECKING:
    from rclpy.subscription import Subscription

F = TypeVar('F')


@dataclass(frozen=True)
class RelayParams(StageParams):
    """What the relay can be told."""

    host: str = param('127.0.0.1', 'address to serve at; only the loopback interface')
    port: int = param(8080, 'port of the console page; 0 takes a free one', minimum=0, maximum=65535)
    max_clients: int = param(8, 'pages that may watch at once', minimum=1, maximum=64)
    jpeg_quality: int = param(80, 'quality of the pictures', minimum=30, maximum=95)
    max_width: int = param(1280, 'width that larger pictures are scaled down to [px]', minimum=320, maximum=3840)
    video: bool = param(True, 'whether pages get video (WebRTC); single pictures are sent to those that cannot have it')
    video_encoder: str = param(AUTO, 'H.264 encoder; auto: one in hardware if it works, else libx264')
    video_height: int = param(1080, 'height that larger video is scaled down to [px]', minimum=240, maximum=2160)
    video_kbps: int = param(6000, 'bit rate of video of 1920x1080; less for smaller [kbit/s]', minimum=500, maximum=50000)
    ice_servers: tuple[str, ...] = param((), 'STUN and TURN servers (turn:HOST:3478?transport=udp); none is asked if empty')
    turn_secret_file: str = param('', "file with the TURN server's shared secret (coturn: use-auth-secret)")


class RelayNode(StageNode[RelayParams]):
    """Serves the console page at :attr:`url` while it is active; the port is taken when it is configured."""

    def __init__(self, **node: Any) -> None:
        super().__init__('relay', RelayParams, **node)
        self.url = ''
        self._port = self.params.port
        self._listener: socket.socket | None = None
        self._service: Service | None = None
        self._inputs: list[Subscription[Any]] = []

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
        settings = Settings(
            self.params.jpeg_quality,
            self.params.max_width,
            Limits(clients=self.params.max_clients),
            self._video_settings() if self.params.video else None,
        )
        service = self._service = Service(listener, settings, self._on_tick, self.fault)
        service.start()
        self._inputs = [
            self._input(FRAME, messages.frame, service.frame),
            self._input(SCENE, messages.scene, service.scene),
            self._input(SUGGESTION, messages.advice, service.advice),
            self._input(STATUS, messages.status, service.status),
            self._input(ALARM, messages.alarm, service.alarm),
            self._input(TIMING, messages.timing, service.timing),
        ]
        self.get_logger().info(f'the console is at {self.url}')
        self.get_logger().info(f'video: {service.video_told}')

    def stop(self) -> None:
        """Send every page away and let go of the port."""
        for topic_input in self._inputs:
            self.destroy_subscription(topic_input)
        self._inputs = []
        if self._service is not None:
            self._service.stop()
            self._service = None

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

    def _video_settings(self) -> VideoSettings:
        """Media leaves by the address that the page is served at, and by no other."""
        everywhere = self.params.host in ('0.0.0.0', '::')  # noqa: S104
        addresses = () if everywhere else ('127.0.0.1' if self.params.host == 'localhost' else self.params.host,)
        secret = ''
        if self.params.turn_secret_file:
            try:
                secret = Path(self.params.turn_secret_file).read_text(encoding='utf-8').strip()
            except OSError as error:
                raise ParameterError(
                    f'the secret cannot be read ({error.strerror})', where='turn_secret_file'
                ) from error
        return VideoSettings(
            self.params.video_encoder,
            self.params.video_height,
            self.params.video_kbps * 1000,
            Reach(addresses, self.params.ice_servers, secret),
        )

    def _on_tick(self) -> None:
        self.done += 1
