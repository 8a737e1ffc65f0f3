"""The recorder as a managed node, in a process of its own: it outlives the frame path and costs it nothing.

:mod:`.recorder` takes, keeps and writes in threads of its own. The executor serves the service ``save_context``, asks
the nodes for their parameters and beats the heart.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.callback_groups import CallbackGroup
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.task import Future
from surgical_guidance_msgs.srv import SaveContext

from surgical_guidance.contract import DIAGNOSTICS, SAVE_CONTEXT_SERVICE
from surgical_guidance.errors import EvidenceError
from surgical_guidance.params import param
from surgical_guidance.ports import publisher
from surgical_guidance.recording.inputs import RECORDED, Inputs
from surgical_guidance.recording.parameters import Parameters
from surgical_guidance.recording.recorder import PICTURES, PICTURES_TYPE, Recorder, Settings
from surgical_guidance.recording.schemas import definition, message_class
from surgical_guidance.recording.vault import Limits, Vault
from surgical_guidance.stage import StageNode, StageParams

DIAGNOSIS: Final = 'recorder: evidence'


@dataclass(frozen=True)
class RecorderParams(StageParams):
    """What the recorder can be told."""

    directory: str = param(
        '', 'where evidence is kept; empty: surgical-guidance/evidence in $XDG_STATE_HOME or ~/.local/state'
    )
    keep_s: float = param(30.0, 'how much is always in memory [s]', minimum=5.0, maximum=300.0)
    memory_mb: int = param(
        64, 'what it may take at most; while evidence is written up to twice that [MB]', minimum=8, maximum=2048
    )
    post_roll_s: float = param(5.0, 'what is recorded after a cause [s]', minimum=0.0, maximum=60.0)
    gap_s: float = param(
        30.0, 'shortest time between two pieces of evidence; causes in between wait [s]', minimum=0.0, maximum=3600.0
    )
    pictures: bool = param(True, 'keep pictures; without them evidence shows no patient')
    picture_rate: float = param(10.0, 'pictures kept in a second, at most [Hz]', minimum=0.1, maximum=10.0)
    picture_width: int = param(640, 'width that larger pictures are scaled down to [px]', minimum=160, maximum=1920)
    jpeg_quality: int = param(75, 'quality of the pictures', minimum=30, maximum=95)
    keep_mb: int = param(
        2000, 'all evidence on disk; the oldest is deleted beyond that [MB]', minimum=50, maximum=1_000_000
    )
    keep_days: float = param(30.0, 'older evidence is deleted [days]', minimum=0.1, maximum=36500.0)
    protect_hours: float = param(
        72.0, 'younger evidence is never deleted, whatever the limits [h]', minimum=0.0, maximum=87600.0
    )
    keep_free_mb: int = param(500, 'stays free on the disk for the others [MB]', minimum=0, maximum=1_000_000)


class RecorderNode(StageNode[RecorderParams]):
    """Keeps the last seconds in memory and writes them when something goes wrong.

    :raises EvidenceError: if there is no place for evidence.
    """

    def __init__(self, **node: Any) -> None:
        super().__init__('recorder', RecorderParams, **node)
        p = self.params
        self.directory = Path(p.directory) if p.directory else _state_directory() / 'evidence'
        limits = Limits(p.keep_mb * 10**6, p.keep_days * 86400.0, p.protect_hours * 3600.0, p.keep_free_mb * 10**6)
        self._vault = Vault(self.directory, limits)
        self._recorder: Recorder | None = None
        self._asked_of = Parameters(self)
        self._unmet: set[str] = set()
        self._trouble = ''
        self._failure: Exception | None = None
        self._failed = self.create_guard_condition(self._raise_failure)
        self._diagnostics = publisher(self, DIAGNOSTICS)
        self.every(1.0 / DIAGNOSTICS.rate, self._on_timer)
        self.create_service(SaveContext, SAVE_CONTEXT_SERVICE, self._save)

    def setup(self) -> None:
        """See that evidence can be written: a folder, and the definitions of all messages.

        :raises EvidenceError: if it cannot.
        """
        self._vault.open()
        for topic in RECORDED:
            definition(topic.type)
        definition(PICTURES_TYPE)

    def start(self) -> None:
        """Begin to keep."""
        p = self.params
        rate = p.picture_rate if p.pictures else 0.0
        settings = Settings(
            p.keep_s, p.memory_mb * 10**6, p.post_roll_s, p.gap_s, rate, p.picture_width, p.jpeg_quality
        )
        inputs = Inputs(self, _Unattended())
        pictures = self.resolve_topic_name(PICTURES)
        self._recorder = Recorder(self, inputs, pictures, self._vault, self._asked_of, settings)

    def stop(self) -> None:
        """Write what is waiting to be written, and forget the rest."""
        if self._recorder is not None:
            recorder, self._recorder = self._recorder, None
            recorder.close()

    def decode(self, type_name: str, data: bytes) -> Any:
        """Give the message of its serialised form."""
        return deserialize_message(data, message_class(type_name))

    def encode(self, message: Any) -> bytes:
        """Give the serialised form of a message."""
        return bytes(serialize_message(message))

    def note(self, line: str) -> None:
        """Log a line."""
        self.get_logger().info(line)

    def trouble(self, problem: str) -> None:
        """Say at once, and for as long as it lasts, that evidence cannot be kept."""
        if problem != self._trouble:
            self._trouble = problem
            self.fault(problem)
            self._diagnose()

    def missed(self, why: str, frame: int) -> None:
        """Log that a message, or the picture of a frame, could not be kept."""
        self.events.warning('missed', why, frame=frame)

    def tell(self, detail: str) -> None:
        """Say with the heartbeat what is held."""
        self.detail = detail

    def meet(self, node: str) -> None:
        """Ask a node for its parameters when the executor turns next."""
        self._unmet.add(node)

    def turned(self) -> None:
        """Count a turn."""
        self.done += 1

    def failed(self, failure: Exception) -> None:
        """End the process by what ended the recorder's thread, so that it is started anew."""
        if self.context.ok():
            self._failure = failure
            self._failed.trigger()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _save(self, request: SaveContext.Request, response: SaveContext.Response) -> SaveContext.Response:
        recorder = self._recorder
        if recorder is None:
            response.message = 'the recorder is not active'
            return response
        written = Future()
        reason = f'{request.reason.strip() or "no reason given"} (asked by {request.by.strip() or "nobody named"})'
        recorder.save(reason, written.set_result)
        result = await written
        response.success = result.path is not None
        response.path = str(result.path or '')
        response.message = result.problem or f'written: {response.path}'
        return response

    def _on_timer(self) -> None:
        """Ask the nodes that are new for their parameters; one that does not answer yet is asked again."""
        self._diagnose()
        for name in self._unmet.copy():
            if self._asked_of.ask(name):
                self._unmet.discard(name)

    def _diagnose(self) -> None:
        if not self.context.ok():
            return
        level = DiagnosticStatus.ERROR if self._trouble else DiagnosticStatus.OK
        status = DiagnosticStatus(
            level=level, name=DIAGNOSIS, message=self._trouble or self.detail, hardware_id=socket.gethostname()
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


class _Unattended(CallbackGroup):
    """Keeps the executor away from subscriptions that the recorder's own thread takes from."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        raise AssertionError('nothing of this group is ever begun')


def _state_directory() -> Path:
    """Give where a user's programs keep such things.

    :raises EvidenceError: if there is no home directory.
    """
    base = os.environ.get('XDG_STATE_HOME', '')
    try:
        return (Path(base) if base else Path('~/.local/state').expanduser()) / 'surgical-guidance'
    except RuntimeError as error:
        raise EvidenceError(
            'there is no home directory to keep evidence in',
            remedy='set XDG_STATE_HOME or the directory parameter of the recorder',
        ) from error
