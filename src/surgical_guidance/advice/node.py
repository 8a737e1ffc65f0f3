"""The advice stage: scenes in, suggestions and frame times out, the surgeon's responses in."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from std_msgs.msg import Header
from std_srvs.srv import Trigger
from surgical_guidance_msgs.msg import FrameTiming
from surgical_guidance_msgs.msg import SceneState as SceneMessage
from surgical_guidance_msgs.srv import RespondToSuggestion

from surgical_guidance import clock
from surgical_guidance.advice.counters import FrameCounters
from surgical_guidance.advice.features import ENERGY_TOOL
from surgical_guidance.advice.fonts import Fonts, find_fonts
from surgical_guidance.advice.messages import to_message
from surgical_guidance.advice.overlay import OUTLINES, Style
from surgical_guidance.advice.overlay_images import OverlayPublisher
from surgical_guidance.advice.record import ResponseRecord
from surgical_guidance.advice.rule_file import RuleFile
from surgical_guidance.advice.suggestion import Suggestion
from surgical_guidance.advice.synthesiser import Answer, Synthesiser, SynthesiserParams
from surgical_guidance.advice.texts import LANGUAGES, Language
from surgical_guidance.annotations import Annotation
from surgical_guidance.contract import (
    ANNOTATIONS,
    INSTRUMENT_CLASSES,
    LATENCY_LIMIT_MS,
    OPTICAL_FRAME,
    OVERLAY_COMPRESSED,
    OVERLAY_IMAGE,
    RELOAD_SERVICE,
    RESPOND_SERVICE,
    SCENE,
    SUGGESTION,
    TIMING,
)
from surgical_guidance.errors import FrameError, HostError, RuleTableError
from surgical_guidance.frames import Frame
from surgical_guidance.params import follow, param
from surgical_guidance.ports import FrameInput, publisher, subscription
from surgical_guidance.scene.messages import from_message, stages_to_message
from surgical_guidance.scene.state import SceneState, StageTime
from surgical_guidance.stage import StageNode, StageParams

STAGE = 'advice'

_LOOK_NS = clock.NS_PER_S  # how often the rule table's file is looked at
_TURN_S = 0.05  # how soon after its time an interruption is told
_UNDER_WAY_NS = 20 * clock.NS_PER_MS  # a scene that was ready may need this long to be taken in
_OLDEST_NS = 5 * clock.NS_PER_S  # a capture further back was on another boot's clock (a bag)


@dataclass(frozen=True)
class AdviceParams(StageParams):
    """What advice can be told."""

    rules: str = param('', "rule table, a YAML file; '' is the packaged one. Not clinically validated")
    energy_tool: str = param(ENERGY_TOOL, 'instrument class that carries energy', choices=INSTRUMENT_CLASSES)
    interrupt_after_s: float = param(
        0.1, 'without a valid scene for this long, or for three scene intervals if longer, advice is interrupted [s]',
        minimum=0.1, maximum=2.0,
    )  # fmt: skip
    min_display_s: float = param(
        1.5, 'how long a suggestion stays before another takes its place; a high one does at once [s]',
        minimum=0.0, maximum=10.0,
    )  # fmt: skip
    watch_rules: bool = param(True, 'load the rule table again when its file changes', live=True)
    log_directory: str = param('', "where the surgeon's answers are recorded (responses.jsonl); '' keeps no record")
    overlay: bool = param(False, 'draw outlines, way and text into pictures for overlay/image', live=True)
    overlay_outlines: str = param('all', 'which structures the overlay outlines', choices=OUTLINES, live=True)
    overlay_font: str = param('', "font file for the overlay's text; '' looks for one that has Chinese")
    surgeon_language: str = param('zh', "language of the overlay's text", choices=LANGUAGES, live=True)


class AdviceNode(StageNode[AdviceParams]):
    """Gives advice on every scene.

    :param scenes_by_topic: take scenes from the topic; else :meth:`on_scene` is called by who makes them.
    """

    def __init__(self, *, scenes_by_topic: bool, **node: Any) -> None:
        self._scenes_by_topic = scenes_by_topic
        self._lock = threading.Lock()  # between the thread that brings scenes and the node's own
        self._sending = threading.Lock()
        self._outbox: deque[tuple[Any, Any]] = deque()  # publisher and message, in the order in which they go out
        self._synthesiser: Synthesiser | None = None
        self._active = False
        self._counters = FrameCounters()
        self._stamp_offset_ns = clock.StampClock.from_system().offset_ns  # stamps minus monotonic time
        self._outputs: tuple[Any, ...] = ()
        self._timer: Any = None
        self._served: tuple[Any, ...] = ()
        self._subscription: Any = None
        self._frame_input: FrameInput | None = None
        self._rules = RuleFile()
        self._record = ResponseRecord('')
        self._fonts: Fonts | None = None
        self._overlay: OverlayPublisher | None = None
        self._overlay_outputs: tuple[Any, ...] = ()
        self._marks_input: Any = None
        self._looked_ns = 0
        super().__init__(STAGE, AdviceParams, **node)
        follow(self, lambda: self.params, self._on_parameters)

    def setup(self) -> None:
        """Load the rule table and find a font.

        :raises GuidanceError: if one of them cannot be used.
        """
        self._rules = RuleFile(self.params.rules)
        table = self._rules.load()
        self._record = ResponseRecord(self.params.log_directory)
        self._fonts = find_fonts(self.params.overlay_font)
        self._synthesiser = Synthesiser(
            table,
            SynthesiserParams(
                interrupt_after_s=self.params.interrupt_after_s,
                min_display_s=self.params.min_display_s,
                energy_tool=self.params.energy_tool,
            ),
        )
        self._outputs = publisher(self, SUGGESTION), publisher(self, TIMING)
        self.detail = f'{len(table.rules)} rules'
        raw, compressed = publisher(self, OVERLAY_IMAGE), publisher(self, OVERLAY_COMPRESSED)
        self._overlay_outputs = raw, compressed
        self._overlay = OverlayPublisher(raw, compressed, self._style(self.params), self._on_overlay_failure)
        self._marks_input = subscription(self, ANNOTATIONS, self._on_annotation)

    def start(self) -> None:
        """Take scenes."""
        self._counters = FrameCounters()
        self.done = 0
        self._active = True
        self._timer = self.every(_TURN_S, self._on_timer)
        self._served = (
            self.create_service(RespondToSuggestion, RESPOND_SERVICE, self._on_response),
            self.create_service(Trigger, RELOAD_SERVICE, self._on_reload),
        )
        if self._scenes_by_topic:
            self._subscription = subscription(self, SCENE, self._on_message)
            if self._frame_input is None:
                self._frame_input = FrameInput(self, self.on_frame, self._on_frame_problem)

    def stop(self) -> None:
        """Take no more scenes, and withdraw what is shown."""
        with self._lock:
            was_active, self._active = self._active, False
            if was_active and self._synthesiser is not None:
                self._queue(self._synthesiser.end('advice was stopped', self._now_ns()))
        self._send_queued()
        for owned, destroy in (
            (self._timer, self.destroy_timer),
            *((service, self.destroy_service) for service in self._served),
            (self._subscription, self.destroy_subscription),
        ):
            if owned is not None:
                destroy(owned)
        self._timer = self._subscription = None
        self._served = ()

    def teardown(self) -> None:
        """Drop the rules, and end the drawing."""
        overlay, self._overlay = self._overlay, None
        if overlay is not None:
            overlay.close()
        if self._marks_input is not None:
            self.destroy_subscription(self._marks_input)
            self._marks_input = None
        for owned in self._overlay_outputs:
            self.destroy_publisher(owned)
        self._overlay_outputs = ()
        with self._lock, self._sending:
            self._synthesiser = None
            self._outbox.clear()
            for owned in self._outputs:
                self.destroy_publisher(owned)
            self._outputs = ()

    def on_frame(self, frame: Frame) -> None:
        """Take a frame for the overlay, by reference; returns at once."""
        overlay = self._overlay
        if overlay is not None:
            overlay.on_frame(frame)

    def on_scene(self, scene: SceneState) -> None:
        """Give advice on a scene. Called by the thread that made it; what it does takes less than a millisecond."""
        start_ns = clock.monotonic_ns()
        captured_ns = _captured_ns(scene, start_ns)
        problem = ''
        with self._lock:
            if not self._active or self._synthesiser is None:
                return
            self._stamp_offset_ns = scene.stamp_ns - captured_ns
            self._counters.add(scene.sequence)
            counted = replace(self._counters)
            self.done += 1
            try:
                self._queue(self._synthesiser.on_scene(scene))
            except Exception as error:  # noqa: BLE001  (a defect here must not end inference's thread; it is told)
                problem = f'advice failed on frame {scene.sequence}: {type(error).__name__}: {error}'
                self._queue(self._synthesiser.fail('advice failed', self._now_ns()))
            shown = self._synthesiser.current
        self._send_queued()
        self.fault(problem)
        if self._overlay is not None:
            self._overlay.on_scene(scene, shown)
        end_ns = clock.monotonic_ns()
        own = StageTime(STAGE, (start_ns - captured_ns) / clock.NS_PER_MS, (end_ns - start_ns) / clock.NS_PER_MS)
        whole = StageTime('capture_to_advice', 0.0, (end_ns - captured_ns) / clock.NS_PER_MS)
        self._send_timing(scene, (*scene.stages, own, whole), counted)
        if whole.duration_ms > LATENCY_LIMIT_MS:
            self.events.warning(
                'over_limit', f'capture to advice took {whole.duration_ms:.0f} ms', frame=scene.sequence
            )

    def _on_message(self, message: SceneMessage) -> None:
        self.on_scene(from_message(message))

    def _on_annotation(self, message: Any) -> None:
        try:
            mark = Annotation.from_message(message)
        except ValueError as error:
            self.get_logger().warning(f'{ANNOTATIONS.name}: {error}', throttle_duration_sec=10.0)
            return
        if self._overlay is not None:
            self._overlay.on_annotation(mark, self._now_ns())

    def _on_timer(self) -> None:
        with self._lock:
            if self._active and self._synthesiser is not None:
                self._queue(self._synthesiser.on_time(self._now_ns() - _UNDER_WAY_NS))
                if self._overlay is not None:
                    self._overlay.on_suggestion(self._synthesiser.current)
        self._send_queued()
        if self.params.watch_rules and clock.monotonic_ns() - self._looked_ns > _LOOK_NS:
            self._looked_ns = clock.monotonic_ns()
            if self._rules.changed():
                self._reload()

    def _on_response(
        self, request: RespondToSuggestion.Request, response: RespondToSuggestion.Response
    ) -> RespondToSuggestion.Response:
        with self._lock:
            about: Suggestion | None = None
            now_ns = 0
            if not self._active or self._synthesiser is None:
                answer = Answer(False, 'advice is not active')
            else:
                now_ns, about = self._now_ns(), self._synthesiser.current
                answer = self._synthesiser.respond(request.sequence, request.response, request.by, now_ns)
                self._queue(answer.suggestions)
        self._send_queued()
        if about is not None:
            try:
                self._record.add(about, request.response, request.by, now_ns, answer.message)
            except HostError as error:
                self.get_logger().error(str(error))
        self.get_logger().info(f'{request.by} on suggestion {request.sequence}: {answer.message}')
        response.success, response.message = answer.success, answer.message
        return response

    def _on_reload(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self._reload()
        return response

    def _reload(self) -> tuple[bool, str]:
        """Take the rule table's file as it is now, all of it or nothing; tell what came of it."""
        try:
            table = self._rules.load()
        except RuleTableError as error:
            told = f'{error}. The rules in force stay'
            self.detail = told
            self.get_logger().error(told)
            return False, told
        with self._lock:
            if self._synthesiser is None:
                return False, 'advice is not active'
            self._queue(self._synthesiser.replace_rules(table, self._now_ns()))
        self._send_queued()
        self.detail = f'{len(table.rules)} rules'
        told = f'{self._rules.name}: {len(table.rules)} rules in force'
        self.get_logger().info(told)
        return True, told

    def _on_parameters(self, params: AdviceParams) -> None:
        self.params = params
        if self._overlay is not None:
            self._overlay.style = self._style(params)

    def _style(self, params: AdviceParams) -> Style | None:
        if not params.overlay or self._fonts is None:
            return None
        if not self._fonts.chinese and params.surgeon_language == 'zh':
            self.get_logger().warning(
                'no font that has Chinese is on this host: the overlay is in English; install fonts-noto-cjk or name '
                'one with overlay_font'
            )
        language: Language = 'zh' if params.surgeon_language == 'zh' else 'en'
        return Style(self._fonts, language, params.overlay_outlines)

    def _on_overlay_failure(self, problem: str, frame: int) -> None:
        self.events.error('overlay_failed', problem, frame=frame)

    def _on_frame_problem(self, problem: FrameError) -> None:
        self.get_logger().debug(str(problem))

    def _now_ns(self) -> int:
        """Now on the time line of the stamps [ns]: a step of any clock but the monotonic one does not move it."""
        return clock.monotonic_ns() + self._stamp_offset_ns

    def _queue(self, suggestions: Sequence[Suggestion]) -> None:
        """Line suggestions up in the order in which they were made. Called under the lock."""
        if self._outputs:
            self._outbox.extend((self._outputs[0], suggestion) for suggestion in suggestions)

    def _send_queued(self) -> None:
        """Publish what is lined up, outside the lock. If another thread is at it, it takes ours along."""
        while self._outbox and self._sending.acquire(blocking=False):
            try:
                while self._outbox:
                    output, item = self._outbox.popleft()
                    if self.context.ok():
                        topic, message = (
                            (SUGGESTION, to_message(item)) if isinstance(item, Suggestion) else (TIMING, item)
                        )
                        self.pulse(topic, message)
                        output.publish(message)
            finally:
                self._sending.release()

    def _send_timing(self, scene: SceneState, stages: tuple[StageTime, ...], counted: FrameCounters) -> None:
        timing = FrameTiming(
            header=Header(stamp=clock.to_time(scene.stamp_ns), frame_id=OPTICAL_FRAME),
            sequence=scene.sequence,
            stages=stages_to_message(stages),
            captured=counted.captured,
            processed=counted.processed,
            dropped=counted.dropped,
        )
        with self._lock:
            if self._outputs:
                self._outbox.append((self._outputs[1], timing))
        self._send_queued()


def _captured_ns(scene: SceneState, arrived_ns: int) -> int:
    """Give the capture on this boot's monotonic clock [ns]; of a scene from another (a bag) as if it had just come."""
    if 0 <= arrived_ns - scene.monotonic_ns <= _OLDEST_NS:
        return scene.monotonic_ns
    return arrived_ns - (scene.ready_ns - scene.stamp_ns)
