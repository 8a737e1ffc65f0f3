"""The watchdog's node: a process of its own that outlives what it watches, so not a managed one.

It turns by a thread of its own, on the monotonic clock. The executor only serves the acknowledge service.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from surgical_guidance_msgs.srv import AcknowledgeAlarm, PauseAlarmAudio

from surgical_guidance.clock import NS_PER_MS, NS_PER_S, monotonic_ns
from surgical_guidance.contract import ACKNOWLEDGE_SERVICE, ALARM, NAMESPACE, PAUSE_AUDIO_SERVICE, STAGES, STATUS
from surgical_guidance.errors import HostError, ParameterError
from surgical_guidance.params import declare, param
from surgical_guidance.ports import publisher
from surgical_guidance.watchdog.alarm_table import Priority, alarm_table
from surgical_guidance.watchdog.alarms import Alarm, Change, Event
from surgical_guidance.watchdog.audio import AudioPause
from surgical_guidance.watchdog.diagnostics import Diagnosis, diagnose, rose
from surgical_guidance.watchdog.exposition import LOOPBACK, serve
from surgical_guidance.watchdog.inputs import Inputs
from surgical_guidance.watchdog.log import AlarmLog, entry, pause_entry, state_directory
from surgical_guidance.watchdog.messages import alarm_message, status_message
from surgical_guidance.watchdog.metrics import Metrics
from surgical_guidance.watchdog.processes import Processes
from surgical_guidance.watchdog.reporters import make_reporter
from surgical_guidance.watchdog.watch import Outcome, Watch

LATE_NS: Final = 20 * NS_PER_MS  # a look that comes so late was itself kept waiting
STATUS_EVERY_NS: Final = int(NS_PER_S / STATUS.rate)


@dataclass(frozen=True)
class WatchdogParams:
    """What the watchdog can be told."""

    stages: str = param(','.join(STAGES), 'the stages that are expected, separated by commas')
    start_grace_s: float = param(
        15.0,
        'how long the stages may take to start and load; what is missing then has failed [s]',
        minimum=1.0,
        maximum=600.0,
    )
    metrics_port: int = param(
        9464,
        'port of the metrics on 127.0.0.1, for Prometheus; 0 takes a free one, -1: no metrics',
        minimum=-1,
        maximum=65535,
    )
    log_directory: str = param(
        '', 'where the alarm log is kept; empty: surgical-guidance in $XDG_STATE_HOME or ~/.local/state'
    )


class WatchdogNode(Node):
    """Watches the stages, tells the state of the guidance, keeps the alarms.

    :param node: handed on to :class:`rclpy.node.Node`.
    :raises ParameterError: if a stage is asked for that there is none of.
    """

    def __init__(self, **node: Any) -> None:
        node.setdefault('namespace', NAMESPACE)
        super().__init__('watchdog', **node)
        params = declare(self, WatchdogParams)
        now_ns = monotonic_ns()
        self._watch = Watch(stage_names(params.stages), params.start_grace_s, now_ns)
        directory = Path(params.log_directory) if params.log_directory else state_directory()
        self._log = AlarmLog(directory, self.get_logger().error)
        self._processes = Processes()
        self._inputs = Inputs(self, self._watch, self._processes, _Unattended(), now_ns)
        self._metrics = Metrics(tuple(alarm_table(stage_names(params.stages)).values()))
        self._inputs.metrics = self._metrics
        self.metrics_port, self._end_metrics = self._serve_metrics(params.metrics_port)
        self._status = publisher(self, STATUS)
        self._alarm = publisher(self, ALARM)
        self._reporter = make_reporter(self)
        self._diagnoses: tuple[Diagnosis, ...] = ()
        self._gist: tuple[object, ...] = ()
        self._audio = AudioPause()
        self.on_alarm: list[Callable[[Alarm, bool], None]] = []
        """Called, by the watchdog's own thread, with every alarm that is raised (True) or cleared (False). Must return
        at once; what is raised in it ends the watchdog."""
        self._wake_due_ns = self._status_due_ns = self._report_due_ns = now_ns
        self._lock = threading.Lock()
        self._closing = False
        self._failure: Exception | None = None
        self._failed = self.create_guard_condition(self._raise_failure)
        self.create_service(AcknowledgeAlarm, ACKNOWLEDGE_SERVICE, self._acknowledge)
        self.create_service(PauseAlarmAudio, PAUSE_AUDIO_SERVICE, self._pause_audio)
        self._thread = threading.Thread(target=self._run, name='watchdog', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching; what is to be logged is written."""
        if self._closing:
            return
        self._closing = True
        self._processes.wake()
        self._thread.join()
        self._processes.close()
        self._end_metrics()
        self._log.close()

    def destroy_node(self) -> None:
        """Stop watching and take the node down."""
        self.close()
        super().destroy_node()

    def _run(self) -> None:
        try:
            while not self._closing and self.context.ok():
                ended = self._processes.wait((self._wake_due_ns - monotonic_ns()) / NS_PER_S)
                with self._lock:
                    self._look(monotonic_ns(), ended)
        except Exception as error:  # noqa: BLE001  (raised again in the executor, so that the process ends and is started anew)
            if self.context.ok():
                self._failure = error
                self._failed.trigger()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _look(self, now_ns: int, ended: tuple[int, ...]) -> None:
        """Take what has come; judge if the status is due, a silence is at its limit or a process has ended."""
        self._inputs.take(now_ns)  # first: the last word of a process that was taken down in good order
        for pid in ended:
            self._watch.process_ended(pid, now_ns)
        late_ns = now_ns - self._wake_due_ns
        if late_ns > LATE_NS:  # a host that stands still for a while is no reason to call every stage lost
            self._watch.excuse(late_ns, now_ns)
        if ended or now_ns >= self._next_turn_ns():
            self._turn(now_ns)
        self._wake_due_ns = self._next_turn_ns()

    def _next_turn_ns(self) -> int:
        return min(self._status_due_ns, self._watch.next_due_ns() or self._status_due_ns)

    def _turn(self, now_ns: int) -> None:
        stamp_ns = self.get_clock().now().nanoseconds
        outcome = self._watch.turn(now_ns, stamp_ns)
        self._tell(outcome.changes, stamp_ns)
        if self._audio.heed(outcome.changes):
            self._log.write(pause_entry(False, 'a new alarm of high priority', stamp_ns))
        if outcome.changed or outcome.changes or now_ns >= self._status_due_ns:
            pause = self._audio.at(now_ns)
            self._status.publish(status_message(outcome, self._watch.alarms.standing, stamp_ns, pause=pause))
            self._status_due_ns = now_ns + STATUS_EVERY_NS
        self._metrics.turn(outcome, self._watch.alarms.standing)
        self._report(outcome, now_ns)

    def _serve_metrics(self, port: int) -> tuple[int, Callable[[], None]]:
        """Serve the metrics; give the port, -1 where there are none. Without them the watchdog works all the same."""
        if port < 0:
            return -1, lambda: None
        try:
            served, end = serve(self._metrics, lambda: None, port)
        except HostError as error:
            self.get_logger().warning(str(error))
            return -1, lambda: None
        self.get_logger().info(f'the metrics are at http://{LOOPBACK}:{served}/metrics')
        return served, end

    def _tell(self, changes: tuple[Change, ...], stamp_ns: int) -> None:
        for change in changes:
            self._alarm.publish(alarm_message(change.alarm))
            self._log.write(entry(change, stamp_ns))
            definition = change.alarm.definition
            if change.event in (Event.RAISED, Event.CLEARED):
                for listener in self.on_alarm:
                    listener(change.alarm, change.event is Event.RAISED)
            line = f'{definition.id} {change.event.value}: {definition.text_en} ({change.alarm.detail})'
            news = change.event in (Event.RAISED, Event.ESCALATED)
            if not news or change.alarm.priority is Priority.LOW:
                self.get_logger().info(line)
            elif change.alarm.priority is Priority.MEDIUM:
                self.get_logger().warning(line)
            else:
                self.get_logger().error(line)

    def _report(self, outcome: Outcome, now_ns: int) -> None:
        due = now_ns >= self._report_due_ns
        gist = outcome.view.gist
        if not due and gist == self._gist and not outcome.changed and not outcome.changes:
            return  # no level can have changed
        diagnoses = diagnose(outcome, self._watch.alarms.standing, self._log)
        if due or rose(self._diagnoses, diagnoses):
            self._reporter.report(diagnoses)
            self._report_due_ns = now_ns + int(self._reporter.period_s * NS_PER_S)
        self._diagnoses, self._gist = diagnoses, gist

    def _acknowledge(
        self, request: AcknowledgeAlarm.Request, response: AcknowledgeAlarm.Response
    ) -> AcknowledgeAlarm.Response:
        with self._lock:
            response.success, response.message = self._acknowledged(request.id, request.by.strip())
        return response

    def _pause_audio(
        self, request: PauseAlarmAudio.Request, response: PauseAlarmAudio.Response
    ) -> PauseAlarmAudio.Response:
        by = request.by.strip()
        stamp_ns = self.get_clock().now().nanoseconds
        with self._lock:
            done, told = self._audio.ask(request.seconds, by, monotonic_ns(), stamp_ns)
            if done:
                self._log.write(pause_entry(request.seconds > 0.0, by, stamp_ns, seconds=request.seconds))
                self._status_due_ns = 0
                self._processes.wake()
        response.success, response.message = done, told
        return response

    def _acknowledged(self, alarm_id: str, by: str) -> tuple[bool, str]:
        if not by:
            return False, 'nobody is named who acknowledges; fill in "by"'
        if alarm_id and not self._watch.alarms.knows(alarm_id):
            return False, f'there is no alarm {alarm_id!r}'
        stamp_ns = self.get_clock().now().nanoseconds
        changes = tuple(self._watch.alarms.acknowledge(alarm_id, by, stamp_ns))
        self._tell(changes, stamp_ns)
        self._status_due_ns = 0  # the list of alarms is another one now
        self._processes.wake()
        if not changes:
            return True, 'nothing was waiting to be acknowledged'
        return True, ', '.join(change.alarm.definition.id for change in changes)


def stage_names(listed: str) -> tuple[str, ...]:
    """Read the parameter ``stages``.

    :raises ParameterError: if one of them is not a stage of the contract, or there is none.
    """
    names = tuple(name.strip() for name in listed.split(',') if name.strip())
    for name in names:
        if name not in STAGES:
            raise ParameterError(
                f'there is no stage {name!r}', where='stages', remedy=f'use some of {", ".join(STAGES)}'
            )
    if not names:
        raise ParameterError('there is no stage to watch', where='stages', remedy=f'use some of {", ".join(STAGES)}')
    return names


class _Unattended(CallbackGroup):
    """Keeps the executor away from subscriptions that the watchdog's own thread takes from."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        raise AssertionError('nothing of this group is ever begun')
