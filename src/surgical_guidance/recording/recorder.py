"""The recorder at work: takes what has come, keeps it, looks for causes, and has the evidence written.

A thread of its own turns ten times a second; another writes, and looks after the disk. Neither waits for the other.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sensor_msgs.msg import CompressedImage

from surgical_guidance.clock import NS_PER_S, from_time, monotonic_ns, wall_ns
from surgical_guidance.contract import (
    ALARM,
    FRAME,
    HEARTBEAT,
    INFERENCE_STATUS,
    SCENE,
    STAGES,
    STATUS,
    SUGGESTION,
    TIMING,
    Durability,
    Topic,
)
from surgical_guidance.errors import FrameError, FrameOverwritten
from surgical_guidance.frames import RingReaders
from surgical_guidance.recording.inputs import PARAMETER_EVENTS, RECORDED, ROSOUT, Inputs
from surgical_guidance.recording.memory import Memory, Record, shares
from surgical_guidance.recording.parameters import Parameters, hide
from surgical_guidance.recording.pictures import shrink
from surgical_guidance.recording.summary import Names
from surgical_guidance.recording.triggers import Cause, Triggers
from surgical_guidance.recording.vault import Vault
from surgical_guidance.recording.writer import Answer, EvidenceWriter, Job, Result

PICTURES: Final = 'recorder/image/compressed'
"""The topic of the pictures in the file; it is not published."""
PICTURES_TYPE: Final = 'sensor_msgs/msg/CompressedImage'
SAVE_CONTEXT: Final = 'save_context'
WATCHDOG_LOST: Final = 'watchdog_lost'
HIGH: Final = 3  # as in Alarm.msg

TURN_S: Final = 0.1  # a slot of the ring is written over after 7 frames at the earliest: 0.23 s at 30 Hz
WATCHDOG_SILENT_S: Final = 1.0  # its status comes ten times a second
FRESH_S: Final = (
    5.0  # an alarm that was raised longer ago is repeated to a late joiner; by the clock of both, which may step
)
WAIT_S: Final = 0.3  # for what is being written when the node is taken down, ...
CLOSE_S: Final = 0.9  # ... and for what is written then; `run` kills who takes longer than 1.5 s
MOST_ALARMS: Final = 256  # there are about fifty
MOST_OFTEN_S: Final = 2.0  # save_context writes no more often


class Host(Protocol):
    """What the recorder needs of its node. Any thread may call it."""

    def decode(self, type_name: str, data: bytes) -> Any:
        """Give the message of its serialised form."""

    def encode(self, message: Any) -> bytes:
        """Give the serialised form of a message."""

    def note(self, line: str) -> None:
        """Say something that is as it should be."""

    def trouble(self, problem: str) -> None:
        """Say what is wrong with evidence; '' when all is well again."""

    def missed(self, why: str, frame: int) -> None:
        """Say that a message, or the picture of a frame, could not be kept."""

    def tell(self, detail: str) -> None:
        """Say in one line what is held."""

    def meet(self, node: str) -> None:
        """Learn that a node is there that was not, or is a new process."""

    def turned(self) -> None:
        """Learn that the recorder has turned once more."""

    def failed(self, failure: Exception) -> None:
        """Learn that the recorder's thread has ended by a defect."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is kept, and when it is written.

    :param memory: bytes at most.
    :param picture_rate: at most [Hz]; 0: no pictures.
    """

    keep_s: float
    memory: int
    post_roll_s: float
    gap_s: float
    picture_rate: float
    picture_width: int
    jpeg_quality: int


class Recorder:
    """Keeps and writes from when it is made to :meth:`close`.

    :param pictures: full name of the topic that the pictures are kept under.
    """

    def __init__(
        self, host: Host, inputs: Inputs, pictures: str, vault: Vault, parameters: Parameters, settings: Settings
    ) -> None:
        self._host = host
        self._inputs = inputs
        self._vault = vault
        self._parameters = parameters
        self._settings = settings
        self._pictures = pictures
        self._types = {**inputs.types, pictures: PICTURES_TYPE}
        name = inputs.names
        latched = {name[topic]: topic.durability is Durability.TRANSIENT_LOCAL for topic in RECORDED} | {
            pictures: False
        }
        self._memory = Memory(settings.keep_s, shares(settings.memory, latched, pictures, name[SCENE]))
        self._triggers = Triggers(settings.post_roll_s, settings.gap_s)
        self._readers = RingReaders()
        self._asked: queue.SimpleQueue[tuple[str, Answer]] = queue.SimpleQueue()
        self._answers: list[Answer] = []
        self._last: tuple[int, Result] | None = None
        self._seen_alarms: dict[str, int] = {}
        self._pids: dict[str, int] = {}
        self._status_ns = 0
        self._picture_ns = 0
        names = Names(name[TIMING], name[STATUS], name[ALARM], name[SUGGESTION], name[ROSOUT], name[HEARTBEAT],
                      name[INFERENCE_STATUS], pictures)  # fmt: skip
        self._writer = EvidenceWriter(vault, self._types, names, self._decode, self._on_written, self._on_look)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name='recorder', daemon=True)
        self._thread.start()

    def save(self, reason: str, answer: Answer) -> None:
        """Have evidence written now. Any thread may call it; the answer comes from another."""
        self._asked.put((reason, answer))

    def close(self) -> None:
        """Write what is waiting, in bounded time, and let go."""
        self._closing.set()
        self._thread.join()
        self._inputs.close()
        if self._writer.wait(WAIT_S):
            self._begin(monotonic_ns(), at_once=True)
        if not self._writer.close(CLOSE_S):
            self._host.note('evidence that was being written is not finished')
        for _, answer in self._unanswered():
            answer(Result(None, 'the recorder was taken down'))

    def _run(self) -> None:
        try:
            while not self._closing.wait(TURN_S):
                self._turn(monotonic_ns())
        except Exception as error:  # noqa: BLE001  (raised again in the executor, so that the process ends and is started anew)
            self._host.failed(error)

    def _turn(self, now_ns: int) -> None:
        newest: Record | None = None
        for topic, record in self._inputs.take():
            kept: Record | None = record
            if topic is FRAME:
                newest = record
            elif topic is STATUS:
                self._on_status(now_ns)
            elif topic in (ALARM, HEARTBEAT, PARAMETER_EVENTS):
                kept = self._look_into(topic, record, now_ns)
            if kept is not None:
                self._memory.add(kept)
        self._memory.forget(now_ns)
        if newest is not None:
            self._keep_picture(newest, now_ns)
        self._look_for_silence(now_ns)
        self._take_requests(now_ns)
        if self._writer.idle:
            self._begin(now_ns)
        self._host.turned()

    def _look_into(self, topic: Topic, record: Record, now_ns: int) -> Record | None:
        """Look into a message; give what is to be kept of it, None where it cannot be read."""
        message = self._decode(record)
        if message is None:
            return None
        if topic is PARAMETER_EVENTS:
            return self._on_parameters(record, message)
        if topic is ALARM:
            self._on_alarm(message, now_ns)
        else:
            self._on_heartbeat(message)
        return record

    def _decode(self, record: Record) -> Any:
        """Give the message of a record; None where it cannot be read: anybody can send anything."""
        try:
            return self._host.decode(self._types[record.topic], record.data)
        except (ValueError, RuntimeError, TypeError) as error:  # text that is not UTF-8, bytes that are too few
            self._host.missed(f'{record.topic} cannot be read: {error}', 0)
            return None

    def _keep_picture(self, record: Record, now_ns: int) -> None:
        """Keep the newest frame as a picture, if one is due."""
        rate = self._settings.picture_rate
        if not rate or now_ns - self._picture_ns < (1.0 / rate - TURN_S / 2) * NS_PER_S:
            return
        reference = self._decode(record)
        if reference is None:
            return
        try:
            frame = self._readers.frame(reference.ring, reference.slot, reference.sequence)
            jpeg = shrink(frame, self._settings.picture_width, self._settings.jpeg_quality)
        except FrameOverwritten:
            return  # the next one
        except FrameError as error:
            self._host.missed(str(error), reference.sequence)
            return
        self._picture_ns = now_ns
        message = CompressedImage(header=reference.header, format='jpeg')
        message.data.frombytes(jpeg)
        data = self._host.encode(message)
        stamp_ns = from_time(reference.header.stamp)
        self._memory.add(Record(self._pictures, data, record.arrived_ns, record.log_ns, stamp_ns, frame.sequence))

    def _on_alarm(self, alarm: Any, now_ns: int) -> None:
        """Take a high alarm that was raised just now for a cause; one that is repeated to a late joiner is none."""
        if alarm.priority < HIGH or not alarm.active or self._seen_alarms.get(alarm.id) == alarm.count:
            return
        if len(self._seen_alarms) >= MOST_ALARMS:
            self._seen_alarms.clear()
        self._seen_alarms[alarm.id] = alarm.count
        if abs(wall_ns() - from_time(alarm.raised_at)) < FRESH_S * NS_PER_S:
            self._triggers.add(Cause(alarm.id, alarm.detail or alarm.text_en, now_ns))

    def _on_heartbeat(self, beat: Any) -> None:
        if beat.stage in STAGES and self._pids.get(beat.stage) != beat.pid:
            self._pids[beat.stage] = beat.pid
            self._host.meet(beat.stage)

    def _on_status(self, now_ns: int) -> None:
        if self._status_ns == 0:
            self._host.meet('watchdog')
        self._status_ns = now_ns

    def _on_parameters(self, record: Record, message: Any) -> Record:
        event = hide(message)
        self._parameters.follow(event)
        data = self._host.encode(event)
        return Record(record.topic, data, record.arrived_ns, record.log_ns, record.publish_ns)

    def _look_for_silence(self, now_ns: int) -> None:
        """Look for the silence of the one who raises the alarms: nobody raises one for it."""
        if self._status_ns and now_ns - self._status_ns > WATCHDOG_SILENT_S * NS_PER_S:
            silent_s = (now_ns - self._status_ns) / NS_PER_S
            self._triggers.add(Cause(WATCHDOG_LOST, f'no status for {silent_s:.1f} s', now_ns))
            self._status_ns = 0

    def _unanswered(self) -> list[tuple[str, Answer]]:
        found = []
        while not self._asked.empty():
            found.append(self._asked.get_nowait())
        return found

    def _take_requests(self, now_ns: int) -> None:
        for reason, answer in self._unanswered():
            last = self._last
            if last is not None and now_ns - last[0] < MOST_OFTEN_S * NS_PER_S:
                answer(last[1])  # written a moment ago: the same seconds
                continue
            self._triggers.add(Cause(SAVE_CONTEXT, reason, now_ns), at_once=True)
            self._answers.append(answer)

    def _begin(self, now_ns: int, *, at_once: bool = False) -> None:
        """Hand over to the writer what is due."""
        causes = self._triggers.take(now_ns, at_once=at_once)
        if causes:
            answers, self._answers = self._answers, []
            self._writer.put(
                Job(
                    causes,
                    self._memory.snapshot(),
                    wall_ns(),
                    self._parameters.values,
                    self._memory.shortened(),
                    self._triggers.left_out,
                    answers,
                )
            )

    def _on_written(self, job: Job, result: Result) -> None:
        """Tell what became of it; called by the writer's thread."""
        self._last = (monotonic_ns(), result)
        for answer in job.answers:
            answer(result)
        if result.path is not None:
            self._host.note(f'evidence of {job.causes[0].id}: {result.path}')
        self._host.trouble(result.problem)

    def _on_look(self) -> None:
        """Say what is held, and whether evidence could be kept now; called by the writer's thread while it is idle."""
        self._host.tell(
            f'{self._memory.size / 1e6:.1f} of {self._memory.limit / 1e6:.0f} MB held, '
            f'{self._vault.count} pieces of evidence in {self._vault.directory}'
        )
        problem = self._vault.problem(self._memory.size)
        self._host.trouble(f'new evidence would not be kept: {problem}' if problem else '')
