"""The watchdog's node: a process of its own that outlives what it watches, so not a managed one.

It turns by a thread of its own, on the monotonic clock. The executor only serves the acknowledge service.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from surgical_guidance_msgs.msg import DegradationStep, GuidanceStatus
from surgical_guidance_msgs.srv import AcknowledgeAlarm, PauseAlarmAudio

from surgical_guidance.clock import NS_PER_MS, NS_PER_S, monotonic_ns, to_time, wall_ns
from surgical_guidance.contract import (
    ACKNOWLEDGE_SERVICE,
    ALARM,
    DEGRADATION_STEP,
    NAMESPACE,
    PAUSE_AUDIO_SERVICE,
    STAGES,
    STATUS,
)
from surgical_guidance.errors import HostError, ParameterError
from surgical_guidance.params import declare, param
from surgical_guidance.ports import publisher
from surgical_guidance.watchdog.alarm_table import Priority
from surgical_guidance.watchdog.alarms import Alarm, Change, Event
from surgical_guidance.watchdog.audio import AudioPause
from surgical_guidance.watchdog.clock_steps import ClockSteps
from surgical_guidance.watchdog.diagnostics import Diagnosis, diagnose, rose
from surgical_guidance.watchdog.exposition import LOOPBACK, serve
from surgical_guidance.watchdog.growth import Growth
from surgical_guidance.watchdog.host import Host
from surgical_guidance.watchdog.inputs import Inputs
from surgical_guidance.watchdog.log import AlarmLog, entry, pause_entry, state_directory
from surgical_guidance.watchdog.memorial import Memorial
from surgical_guidance.watchdog.messages import alarm_message, status_message
from surgical_guidance.watchdog.metrics import Metrics
from surgical_guidance.watchdog.picture import PictureFacts, PictureWatch
from surgical_guidance.watchdog.processes import Processes
from surgical_guidance.watchdog.reporters import make_reporter
from surgical_guidance.watchdog.state import State
from surgical_guidance.watchdog.surroundings import Surroundings
from surgical_guidance.watchdog.surveyor import Surveyor
from surgical_guidance.watchdog.watch import Outcome, Watch

LATE_NS: Final = 20 * NS_PER_MS  # a look that comes so late was itself kept waiting
SHORTEST_LOOK_NS: Final = 25 * NS_PER_MS  # at one that may be frozen or black, however fast the source is
RESTART_TOLD_NS: Final = 5 * NS_PER_S
NEARLY_NS: Final = 10 * NS_PER_MS  # what is due so soon is done now: waking up once more costs more than what is done
STATUS_EVERY_NS: Final = int(NS_PER_S / STATUS.rate)
USUAL_LOOK_NS: Final = STATUS_EVERY_NS // 2  # at the pictures; in step with the status
LOOKS_A_FRAME: Final = 4 / 3  # the third equal picture of 30 Hz is seen less than 0.1 s after the last other one
CALM: Final = frozenset((State.OK, State.DEGRADED))


@dataclass(frozen=True)
class WatchdogParams:
    """What the watchdog can be told."""

    stages: str = param(','.join(STAGES), 'the stages that are expected, separated by commas')
    start_grace_s: float = param(
        60.0,
        'how long the stages may take to start and load; what is missing then, or 5 s after all of the frame path are '
        'active, has failed [s]',
        minimum=1.0,
        maximum=600.0,
    )
    hung_after_s: float = param(
        3.0,
        'a stage that is alive and does nothing for this long is ended, so that it is started again; 0: never [s]',
        minimum=0.0,
        maximum=60.0,
    )
    escalate_after_s: float = param(
        60.0,
        'an alarm of medium priority that lasts this long and nobody acknowledges becomes one of high priority [s]',
        minimum=5.0,
        maximum=3600.0,
    )
    degradation_steps: int = param(
        7, 'how many steps of the degradation ladder may be asked of inference; 0: none', minimum=0, maximum=30
    )
    memory_growth_mb: float = param(
        150.0, 'a process that takes this much more memory than when it had settled is told [MiB]',
        minimum=10.0, maximum=65536.0,
    )  # fmt: skip
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
        self._watch = Watch(
            stage_names(params.stages),
            params.start_grace_s,
            now_ns,
            degradation_steps=params.degradation_steps,
            hung_after_s=params.hung_after_s,
            escalate_after_s=params.escalate_after_s,
        )
        directory = Path(params.log_directory) if params.log_directory else state_directory()
        self._log = AlarmLog(directory, self.get_logger().error)
        self._processes = Processes()
        self._pictures = PictureWatch()
        self._picture = PictureFacts()
        self._clock_steps = ClockSteps()
        self._clock_told = ''
        self._inputs = Inputs(self, self._watch, self._processes, self._pictures, _Unattended(), now_ns)
        self._memorial = Memorial(directory)
        self._restart = self._remember()
        self._restart_told_ns = now_ns + RESTART_TOLD_NS
        self._surveyor = Surveyor(
            Host(directory), Growth(params.memory_growth_mb), self._hosts, self.get_logger().warning
        )
        self._metrics = Metrics(tuple(self._watch.alarms.table.values()))
        self._inputs.metrics = self._metrics
        self.metrics_port, self._end_metrics = self._serve_metrics(params.metrics_port)
        self._steps = publisher(self, DEGRADATION_STEP)
        self._status = publisher(self, STATUS)
        self._alarm = publisher(self, ALARM)
        self._reporter = make_reporter(self)
        self._steps.publish(DegradationStep(stamp=to_time(wall_ns()), step=0, reason='the watchdog has started'))
        self._diagnoses: tuple[Diagnosis, ...] = ()
        self._gist: tuple[object, ...] = ()
        self._audio = AudioPause()
        self.on_alarm: list[Callable[[Alarm, bool], None]] = []
        """Called, by the watchdog's own thread, with every alarm that is raised (True) or cleared (False). Must return
        at once; what is raised in it ends the watchdog."""
        self._wake_due_ns = self._status_due_ns = self._report_due_ns = self._picture_due_ns = now_ns
        self._status_asked = False
        self._told = GuidanceStatus()
        self._repeatable = False
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
        self._end_metrics()
        self._surveyor.close()
        self._processes.close()
        self._log.also(self._memorial.remove)
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
        """Take what has come, look at the pictures; judge them if something is new, or a silence at its limit.

        Otherwise the status is due at times. While all is calm, every other one is the last one once more.
        """
        late_ns = now_ns - self._wake_due_ns
        self._inputs.take(now_ns)  # first: the last word of a process that was taken down in good order
        for pid in ended:
            self._watch.process_ended(pid, now_ns)
            self._inputs.process_ended()
            self._surveyor.process_ended()
        if late_ns > LATE_NS:  # a host that stands still for a while is no reason to call every stage lost
            self._watch.excuse(late_ns, now_ns)
        stopped = self._processes.stopped(self._inputs.stirred)
        died = self._look_at_pictures(now_ns) | self._watch.processes_stopped(stopped)
        before, self._clock_told = self._clock_told, self._clock_steps.look(monotonic_ns(), wall_ns())
        silence_due_ns = self._watch.next_due_ns()
        news = ended or died or self._clock_told != before or self._watch.news or self._status_asked
        if news or now_ns >= (silence_due_ns or math.inf) or (self._status_is_due(now_ns) and not self._repeatable):
            self._turn(now_ns)
            silence_due_ns = self._watch.next_due_ns()
        elif self._status_is_due(now_ns):
            self._repeat(now_ns)
        self._wake_due_ns = min(self._status_due_ns, self._picture_due_ns, silence_due_ns or self._status_due_ns)

    def _status_is_due(self, now_ns: int) -> bool:
        return self._status_asked or now_ns + NEARLY_NS >= self._status_due_ns

    def _look_at_pictures(self, now_ns: int) -> bool:
        """Look at the new pictures if it is time; True if they have just frozen or gone black."""
        if now_ns + NEARLY_NS < self._picture_due_ns:
            return False
        if not self._pictures.following:
            self._picture_due_ns = now_ns + STATUS_EVERY_NS
            return False
        before, self._picture = self._picture, self._pictures.look()
        shortest_ns = SHORTEST_LOOK_NS if self._pictures.suspicious else USUAL_LOOK_NS
        every_ns = max(shortest_ns, int(self._watch.frame_interval_s / LOOKS_A_FRAME * NS_PER_S))
        self._picture_due_ns = next_due_ns(self._picture_due_ns, every_ns, now_ns)
        return bool((self._picture.frozen or self._picture.black) and not (before.frozen or before.black))

    def _turn(self, now_ns: int) -> None:
        stamp_ns = wall_ns()
        self._watch.around = Surroundings(
            picture=self._picture,
            host=self._surveyor.host,
            growth=self._surveyor.growth,
            clock=self._clock_told,
            log='' if self._log.sound else f'{self._log.path}: {self._log.lost} entries are lost',
            restarted=self._restart if now_ns < self._restart_told_ns else '',
        )
        outcome = self._watch.turn(now_ns, stamp_ns)
        self._repeatable = outcome.state in CALM and not outcome.changed and not outcome.changes
        for pid, why in outcome.hung.items():
            if self._processes.kill(pid):
                self.get_logger().error(f'process {pid} was ended: {why}')
        if outcome.asked is not None:
            self._ask(outcome.asked.step, outcome.asked.reason, stamp_ns)
        self._tell(outcome.changes, stamp_ns)
        if self._audio.heed(outcome.changes):
            self._log.write(pause_entry(False, 'a new alarm of high priority', stamp_ns))
        if outcome.changed or outcome.changes or self._status_is_due(now_ns):
            pause = self._audio.at(now_ns)
            self._told = status_message(outcome, self._watch.alarms.standing, stamp_ns, step=outcome.step, pause=pause)
            self._tell_status(now_ns)
        self._metrics.turn(outcome, self._watch.alarms.standing)
        self._report(outcome, now_ns)

    def _repeat(self, now_ns: int) -> None:
        """Tell the last status once more."""
        self._repeatable = False
        self._told.stamp = to_time(wall_ns())
        self._tell_status(now_ns)

    def _tell_status(self, now_ns: int) -> None:
        self._status.publish(self._told)
        if self._status_is_due(now_ns):
            self._status_due_ns = next_due_ns(self._status_due_ns, STATUS_EVERY_NS, now_ns)
        self._status_asked = False

    def _serve_metrics(self, port: int) -> tuple[int, Callable[[], None]]:
        """Serve the metrics; give the port, -1 where there are none. Without them the watchdog works all the same."""
        if port < 0:
            return -1, lambda: None
        try:
            served, end = serve(self._metrics, lambda: self._surveyor.host, port)
        except HostError as error:
            self.get_logger().warning(str(error))
            return -1, lambda: None
        self.get_logger().info(f'the metrics are at http://{LOOPBACK}:{served}/metrics')
        return served, end

    def _ask(self, step: int, reason: str, stamp_ns: int) -> None:
        self._steps.publish(DegradationStep(stamp=to_time(stamp_ns), step=step, reason=reason))
        self.get_logger().warning(f'degradation step {step}: {reason}')

    def _remember(self) -> str:
        """Let the alarms of a watchdog that died stand again; tell so, or ''."""
        left = self._memorial.last_words(self._watch.alarms.table)
        self._keep_memorial()
        if left is None:
            return ''
        self._watch.alarms.restore(left)
        return f'the last one had died; {len(left)} alarms of it wait to be acknowledged'

    def _keep_memorial(self) -> None:
        text = self._memorial.text(self._watch.alarms.standing)
        self._log.also(lambda: self._memorial.write(text))

    def _hosts(self) -> dict[int, list[str]]:
        """Give the processes of the guidance and the stages each hosts. Called by the surveyor's thread."""
        hosts: dict[int, list[str]] = {}
        for name, stage in self._watch.stages.items():
            if stage.pid:
                hosts.setdefault(stage.pid, []).append(name)
        return hosts

    def _tell(self, changes: tuple[Change, ...], stamp_ns: int) -> None:
        if changes:
            self._keep_memorial()
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
        stamp_ns = wall_ns()
        with self._lock:
            done, told = self._audio.ask(request.seconds, by, monotonic_ns(), stamp_ns)
            if done:
                self._log.write(pause_entry(request.seconds > 0.0, by, stamp_ns, seconds=request.seconds))
                self._ask_for_status()
        response.success, response.message = done, told
        return response

    def _ask_for_status(self) -> None:
        self._status_asked = True
        self._processes.wake()

    def _acknowledged(self, alarm_id: str, by: str) -> tuple[bool, str]:
        if not by:
            return False, 'nobody is named who acknowledges; fill in "by"'
        if alarm_id and not self._watch.alarms.knows(alarm_id):
            return False, f'there is no alarm {alarm_id!r}'
        stamp_ns = wall_ns()
        changes = tuple(self._watch.alarms.acknowledge(alarm_id, by, stamp_ns))
        self._tell(changes, stamp_ns)
        self._ask_for_status()  # the list of alarms is another one now
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


def next_due_ns(due_ns: int, every_ns: int, now_ns: int) -> int:
    """Tell when something that was due is due again: in step as long as it is on time, anew where it is not.

    All times in [ns], monotonic.
    """
    return due_ns + every_ns if due_ns + every_ns > now_ns else now_ns + every_ns


class _Unattended(CallbackGroup):
    """Keeps the executor away from subscriptions that the watchdog's own thread takes from."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        raise AssertionError('nothing of this group is ever begun')
