"""The relay as a managed node: topics in, a web page out."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgical_guidance_msgs.srv import AcknowledgeAlarm, EndSession, PauseAlarmAudio, RespondToSuggestion

from surgical_guidance.annotations import Annotation
from surgical_guidance.contract import (
    ACKNOWLEDGE_SERVICE,
    ANNOTATIONS,
    END_SESSION_SERVICE,
    PARTICIPANTS,
    PAUSE_AUDIO_SERVICE,
    RESPOND_SERVICE,
)
from surgical_guidance.errors import GuidanceError, HostError, ParameterError
from surgical_guidance.params import param
from surgical_guidance.ports import publisher
from surgical_guidance.relay import messages
from surgical_guidance.relay.access import LOOPBACK, bind, check_exposure, tls_context
from surgical_guidance.relay.bridge.part import OFF, BridgePart, Where
from surgical_guidance.relay.inputs import Inputs
from surgical_guidance.relay.privacy import rectangles
from surgical_guidance.relay.requests import Answer, Cancel
from surgical_guidance.relay.security import Audit, Door, Policy, TokenStore, Visit
from surgical_guidance.relay.security import Limits as DoorLimits
from surgical_guidance.relay.security.audit import default_file
from surgical_guidance.relay.server import Limits
from surgical_guidance.relay.service import Outward, Service, Settings
from surgical_guidance.relay.video.settings import AUTO, Reach, VideoSettings
from surgical_guidance.stage import StageNode, StageParams

SERVICES: dict[str, tuple[Any, str]] = {
    'respond': (RespondToSuggestion, RESPOND_SERVICE),
    'acknowledge': (AcknowledgeAlarm, ACKNOWLEDGE_SERVICE),
    'pause_audio': (PauseAlarmAudio, PAUSE_AUDIO_SERVICE),
}
"""Who decides on what the surgeon asks, by operation."""


@dataclass(frozen=True)
class RelayParams(StageParams):
    """What the relay can be told."""

    host: str = param(
        '127.0.0.1', 'address to serve at; off the loopback interface only with TLS and tokens (docs/security.md)'
    )
    port: int = param(8080, 'port of the console page; 0 takes a free one', minimum=0, maximum=65535)
    max_clients: int = param(8, 'pages that may watch at once', minimum=1, maximum=64)
    names: tuple[str, ...] = param((), 'host names that browsers reach the relay by, beside its addresses')
    origins: tuple[str, ...] = param((), 'pages of others that may use it, such as https://dashboard.example:3000')
    tls_certificate: str = param('', 'file of the certificate chain, PEM; empty: no TLS, loopback only')
    tls_key: str = param('', 'file of the private key of the certificate')
    token_dir: str = param('', 'folder of the tokens; empty: none are asked for, loopback only')
    policy: str = param('', 'file of who may do what; empty: the packaged one')
    masks: tuple[str, ...] = param(
        (), "regions to blacken, 'left,top,right,bottom' as shares of the picture: burned-in names and dates"
    )
    withhold_unjudged: str = param(
        'off_host',
        'pixelate pictures before any scene has told whether the endoscope is in the body; off_host: when others than '
        'this host may watch',
        choices=('off_host', 'always', 'never'),
    )
    audit_file: str = param(
        '', 'the audit log; empty: surgical-guidance/audit.jsonl in $XDG_STATE_HOME or ~/.local/state'
    )
    max_connections: int = param(256, 'connections at once', minimum=1, maximum=4096)
    max_connections_per_address: int = param(64, 'of them from one address', minimum=1, maximum=4096)
    jpeg_quality: int = param(80, 'quality of the pictures', minimum=30, maximum=95)
    max_width: int = param(1280, 'width that larger pictures are scaled down to [px]', minimum=320, maximum=3840)
    video: bool = param(True, 'whether pages get video (WebRTC); single pictures are sent to those that cannot have it')
    video_encoder: str = param(AUTO, 'H.264 encoder; auto: one in hardware if it works, else libx264')
    video_height: int = param(
        0,
        'height that larger video is scaled down to [px]; 0: 1080 with an encoder in hardware or more than four cores, '
        '720 with four, 540 with two',
        minimum=0,
        maximum=2160,
    )
    video_kbps: int = param(
        6000, 'bit rate of video of 1920x1080; less for smaller [kbit/s]', minimum=500, maximum=50000
    )
    rtp_output: str = param('', 'port of this host that gets plain RTP, for Janus or a recorder (127.0.0.1:5004)')
    ice_servers: tuple[str, ...] = param(
        (), 'STUN and TURN servers (turn:HOST:3478?transport=udp); none is asked if empty'
    )
    turn_secret_file: str = param('', "file with the TURN server's shared secret (coturn: use-auth-secret)")
    bridge_port: int = param(
        9090, 'port of the rosbridge protocol; 0 takes a free one, -1 serves none', minimum=OFF, maximum=65535
    )
    bridge_clients: int = param(64, 'rosbridge clients at once', minimum=1, maximum=1024)


class RelayNode(StageNode[RelayParams]):
    """Serves the console page at :attr:`url` while it is active; the port is taken when it is configured."""

    def __init__(self, **node: Any) -> None:
        super().__init__('relay', RelayParams, **node)
        self.url = ''
        self._port = self.params.port
        self._listener: socket.socket | None = None
        self._service: Service | None = None
        self._inputs = Inputs(self)
        self._drawn: Any = None
        self._asked: dict[str, Any] = {}
        self._tls: ssl.SSLContext | None = None
        self._audit = Audit(None)
        self._problems: dict[str, str] = {}
        self._send_participants = publisher(self, PARTICIPANTS)
        self._end_session = self.create_service(EndSession, END_SESSION_SERVICE, self._on_end_session)
        params = self.params
        where = Where(params.host, params.bridge_port, params.bridge_clients)
        self.bridge = BridgePart(where, self.get_logger().error)

    def setup(self) -> None:
        """Take the port.

        :raises ParameterError: if the host is not the loopback interface and TLS or tokens are missing.
        :raises AccessError: if there is no key for the tokens, or the policy cannot be read.
        :raises HostError: if the port cannot be had.
        """
        params = self.params
        check_exposure(params.host, params.tls_certificate, params.tls_key, params.token_dir)
        self._tls = tls_context(params.tls_certificate, params.tls_key)
        rectangles(params.masks)
        self._door()  # what cannot be read is found out here
        self._listener = bind(params.host, params.port)
        self._port = self._listener.getsockname()[1]
        host = f'[{params.host}]' if ':' in params.host else params.host
        self.url = f'http{"s" if self._tls else ""}://{host}:{self._port}'
        self.detail = self.url

    def start(self) -> None:
        """Serve, and listen to the topics."""
        listener = self._listener or bind(self.params.host, self._port)
        self._listener = None
        settings = Settings(
            self.params.jpeg_quality,
            self.params.max_width,
            Limits(clients=self.params.max_clients),
            rectangles(self.params.masks),
            self.params.withhold_unjudged == 'always'
            or (self.params.withhold_unjudged == 'off_host' and self.params.host not in LOOPBACK),
            self._video_settings() if self.params.video else None,
        )
        door = self._door()
        self._drawn = publisher(self, ANNOTATIONS)
        self._asked = {op: self.create_client(type_, name) for op, (type_, name) in SERVICES.items()}
        self._audit.start()
        service = self._service = Service(
            listener,
            settings,
            self._on_tick,
            lambda problem: self._problem('pictures', problem),
            door,
            self._tls,
            self._tell_participants,
            Outward(self._draw, self._ask, self._inputs.watch),
        )
        service.start()
        self.get_logger().info(f'the console is at {self.url}')
        self._inputs.open(service)
        self.get_logger().info(f'video: {service.video_told}')
        if door.open:
            self.get_logger().info('no tokens are set up: whoever is on this host may do everything (docs/security.md)')
        self.bridge.start(self, service.loop, door, self._tls)
        if self.bridge.url:
            self.get_logger().info(f'rosbridge is at {self.bridge.url}')

    def stop(self) -> None:
        """Send every page away and let go of the port."""
        self.bridge.stop()
        self._inputs.close()
        if self._service is not None:
            self._service.stop()
            self._service = None
            self.destroy_publisher(self._drawn)
            for client in self._asked.values():
                self.destroy_client(client)
            self._asked = {}
            self._audit.stop()
            head = self._audit.head
            self.get_logger().info(f'the audit log ends with record {head.number}, {head.hash}')

    def teardown(self) -> None:
        """Let go of the port where it was never served."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.url = self.detail = ''

    def _door(self) -> Door:
        params = self.params
        tokens = TokenStore(Path(params.token_dir).expanduser()) if params.token_dir else None
        if tokens is not None:
            tokens.public_key()
        audit_file = Path(params.audit_file).expanduser() if params.audit_file else default_file()
        self._audit = Audit(audit_file, lambda problem: self._problem('audit', problem))
        door = Door(
            Policy.load(params.policy, self.get_namespace()),
            self._audit,
            tokens=tokens,
            limits=DoorLimits(connections=params.max_connections, per_address=params.max_connections_per_address),
            names=params.names,
            origins=params.origins,
            tls=bool(params.tls_certificate),
        )
        door.on_problem = lambda problem: self._problem('door', problem)
        return door

    def _problem(self, of: str, problem: str) -> None:
        """Tell what is wrong with one part, and keep what is wrong with the others. Any thread may call it."""
        if self._problems.get(of, '') != problem:
            self._problems[of] = problem
            self.fault('; '.join(filter(None, self._problems.values())))

    def _on_end_session(self, request: Any, response: Any) -> Any:
        """Serve ``end_session``."""
        try:
            if self._service is None:
                raise HostError('the relay does not serve anybody now', where='end_session')
            gone = self._service.end_session(request.participant, request.by)
        except GuidanceError as error:
            response.success, response.message = False, str(error)
        else:
            response.success, response.message = True, ', '.join(gone) or 'nobody was here'
        return response

    def _tell_participants(self, visits: Iterable[Visit]) -> None:
        message = messages.participants(visits)
        self.pulse(PARTICIPANTS, message)
        self._send_participants.publish(message)

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

    def _video_settings(self) -> VideoSettings:
        """Media leaves by the address that the page is served at, and by no other."""
        everywhere = self.params.host in ('0.0.0.0', '::')
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
            self.params.rtp_output,
            Reach(addresses, self.params.ice_servers, secret),
        )

    def _on_tick(self) -> None:
        self.done += 1
