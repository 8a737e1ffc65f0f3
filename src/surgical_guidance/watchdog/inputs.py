"""What the stages send, from their boards and, of those that have none here, from their topics; turn by turn.

A stage of this host writes what the watchdog needs into shared memory (:mod:`surgical_guidance.pulses`), where it is
read at every turn for a few microseconds. Topics are listened to only as far as somebody publishes on them who has no
board: a stage on another host or of another make, or a stranger. Listening costs two percent of a core: each of the
150 messages a second wakes the middleware up. Whatever the way, facts are the same from :meth:`Inputs._saw` on; where a
stage has a board, what comes by its topics is only counted, so that a flood is noticed and nobody else is believed.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

from surgical_guidance_msgs.msg import Suggestion

from surgical_guidance.clock import NS_PER_MS
from surgical_guidance.contract import FRAME, HEARTBEAT, SCENE, STAGES, SUGGESTION, TIMED_STAGES, TIMING, Topic
from surgical_guidance.ports import message_class, quiet_qos
from surgical_guidance.pulses import BoardReader, Pulse, living_boards, pulse_of
from surgical_guidance.watchdog.facts import RECORDER, StageState
from surgical_guidance.watchdog.metrics import Metrics
from surgical_guidance.watchdog.picture import PictureWatch
from surgical_guidance.watchdog.processes import Processes
from surgical_guidance.watchdog.watch import Watch

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node
    from rclpy.subscription import Subscription

KEPT: Final = 64  # messages of a topic that wait for the next turn, however late it is
LOOK_ROUND_MS: Final = 2000
"""How often to look for boards and for others who publish."""

LOOK_FOR_MISSING_MS: Final = 100
"""The same while a stage has no board."""

NO_REASON: Final = 'it does not say why'

_STATES: Final = frozenset(StageState)


class Inputs:
    """Feeds a :class:`Watch` with what the stages it expects, and the recorder, send.

    :param pictures: is told which ring the frames are in.
    :param unattended: a callback group that keeps the executor away from the subscriptions.
    """

    def __init__(
        self,
        node: Node,
        watch: Watch,
        processes: Processes,
        pictures: PictureWatch,
        unattended: CallbackGroup,
        now_ns: int,
    ) -> None:
        self._node = node
        self._watch = watch
        self._processes = processes
        self._pictures = pictures
        self._unattended = unattended
        self.metrics: Metrics | None = None
        self.stirred: set[int] = set()
        """Processes that had written something on their boards at the last take."""
        self._taken_ns = now_ns
        self._boards: dict[str, BoardReader] = {}
        self._subscriptions: dict[str, Subscription[Any]] = {}
        self._look_round_ns = now_ns
        self._saw_of = {
            HEARTBEAT.name: self._heartbeat,
            FRAME.name: self._frame,
            SCENE.name: self._scene,
            TIMING.name: self._timing,
            SUGGESTION.name: self._suggestion,
        }

    def take(self, now_ns: int) -> None:
        """Hand on everything that has come since the last time."""
        self.stirred.clear()
        for board in self._boards.values():
            for topic, pulse in board.take():
                self._saw(topic, pulse)
                self.stirred.add(board.pid)
        if now_ns >= self._look_round_ns:  # after the last word of one that has just gone
            self._look_round(now_ns)
        for name, subscription in self._subscriptions.items():
            self._take_messages(self._watch.messages[name].topic, subscription, now_ns)
        self._taken_ns = now_ns

    def process_ended(self) -> None:
        """Look for the board of the one that takes its place at the next turn."""
        self._look_round_ns = 0

    def _look_round(self, now_ns: int) -> None:
        """Find the boards of stages that have come, and who else publishes."""
        domain = str(self._node.context.get_domain_id())
        living = living_boards(self._node.get_namespace(), domain, (*STAGES, RECORDER))
        self._boards = {stage: board for stage, board in self._boards.items() if living.get(stage) == board.name}
        for stage in living.keys() - self._boards.keys():
            with contextlib.suppress(OSError):  # it has just gone
                self._boards[stage] = BoardReader(living[stage], stage)
        for name, messages in self._watch.messages.items():
            known = len(self._boards) if messages.topic is HEARTBEAT else messages.topic.publisher in self._boards
            self._listen(messages.topic, listen=self._node.count_publishers(name) > known)
        all_here = self._watch.stages.keys() <= self._boards.keys()
        self._look_round_ns = now_ns + NS_PER_MS * (LOOK_ROUND_MS if all_here else LOOK_FOR_MISSING_MS)

    def _listen(self, topic: Topic, *, listen: bool) -> None:
        if listen and topic.name not in self._subscriptions:
            self._subscriptions[topic.name] = self._node.create_subscription(
                message_class(topic), topic.name, _never_called, quiet_qos(topic, KEPT), callback_group=self._unattended
            )
        elif not listen and topic.name in self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop(topic.name))

    def _take_messages(self, topic: Topic, subscription: Subscription[Any], now_ns: int) -> None:
        for _ in range(KEPT):  # a flood must not keep the one who watches from judging
            with subscription.handle:
                taken = subscription.handle.take_message(subscription.msg_type, False)
            if taken is None:
                return
            message, info = taken
            at_ns = self._arrival_ns(info['received_timestamp'], now_ns)
            self._watch.messages[topic.name].arrived(at_ns)
            if (message.stage if topic is HEARTBEAT else topic.publisher) not in self._boards:
                self._saw(topic, pulse_of(topic, message, at_ns))

    def _arrival_ns(self, received_ns: int, now_ns: int) -> int:
        """Turn the middleware's note (system time) into monotonic time; it was after the last turn in any case."""
        ago_ns = time.time_ns() - received_ns  # bounded by the turn on both sides: a step of that clock does no harm
        return now_ns - min(max(ago_ns, 0), now_ns - self._taken_ns)

    def _saw(self, topic: Topic, pulse: Pulse) -> None:
        arrivals = self._watch.topics.get(topic.name)
        if arrivals is not None:
            arrivals.arrived(pulse.at_ns)
        elif topic is not HEARTBEAT:
            return  # not expected: not watched
        look = self._saw_of.get(topic.name)
        if look is not None:
            look(pulse)

    def _heartbeat(self, pulse: Pulse) -> None:
        pid, state, done, *_ = map(int, pulse.numbers[:3])
        name, _, detail = pulse.text.partition(' ')
        if self.metrics is not None:
            self.metrics.heartbeat(name, pid, detail)
        stage = self._watch.recorder if name == RECORDER else self._watch.stages.get(name)
        if stage is None:
            return
        if pid != stage.pid:
            self._processes.follow(pid)
        if state not in _STATES:
            state, detail = StageState.ERROR, f'its state {state} is not known'
        self._watch.news |= stage.beat(pulse.at_ns, pid, StageState(state), detail, done)

    def _frame(self, pulse: Pulse) -> None:
        sequence, rate = pulse.numbers[:2]
        self._watch.saw_frame(pulse.at_ns, pulse.text, int(sequence), rate)
        self._pictures.follow(pulse.text)

    def _scene(self, pulse: Pulse) -> None:
        self._watch.saw_scene(pulse.at_ns, '' if pulse.numbers[0] else pulse.text or NO_REASON)

    def _timing(self, pulse: Pulse) -> None:
        captured, dropped, *took = pulse.numbers
        stages = dict(zip(TIMED_STAGES, took, strict=False))
        self._watch.saw_timing(pulse.at_ns, stages['capture_to_advice'], int(captured), int(dropped), stages)
        if self.metrics is not None:
            self.metrics.timing(stages, int(captured), int(dropped))

    def _suggestion(self, pulse: Pulse) -> None:
        status, priority, sequence = map(int, pulse.numbers[:3])
        rule, _, reason = pulse.text.partition(' ')
        if self.metrics is not None and status == Suggestion.STATUS_VALID:
            self.metrics.suggestion(rule, priority, sequence)
        interrupted = status == Suggestion.STATUS_INTERRUPTED
        self._watch.saw_suggestion(pulse.at_ns, (reason or NO_REASON) if interrupted else '')


def _never_called(_: Any) -> None:
    raise AssertionError('the executor has taken a message that the watchdog takes by itself')
