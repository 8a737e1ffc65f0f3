"""The inference node: frames in, scenes out."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger
from surgical_guidance_msgs.msg import DegradationStep, SessionContext

from surgical_guidance.clock import NS_PER_MS, NS_PER_S, elapsed_ms, monotonic_ns
from surgical_guidance.contract import (
    ARM_TIP,
    CAMERA_INFO,
    DEGRADATION_STEP,
    INFERENCE_STATUS,
    RESET_REFERENCE_SERVICE,
    SCENE,
    SESSION_CONTEXT,
)
from surgical_guidance.errors import EngineError, FrameError, FrameOverwritten, GuidanceError
from surgical_guidance.frames import Frame
from surgical_guidance.inference import messages
from surgical_guidance.inference.arms import Arms
from surgical_guidance.inference.degradation import LADDER, Ladder, load_ladder
from surgical_guidance.inference.engine import ENGINES
from surgical_guidance.inference.fit import Fit
from surgical_guidance.inference.lineup import BUDGET_MS, Lineup
from surgical_guidance.inference.manifest import DEFAULT_MODELS
from surgical_guidance.inference.operating_room import OperatingRoom
from surgical_guidance.inference.optics import Optics
from surgical_guidance.params import param
from surgical_guidance.ports import FrameInput, Mailbox, Output, publisher, subscription
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.calibration import load_camera
from surgical_guidance.scene.messages import to_message
from surgical_guidance.scene.rulers import Aids
from surgical_guidance.scene.state import SceneState, StageTime
from surgical_guidance.scene.warm import warm_up
from surgical_guidance.stage import StageNode, StageParams

_scene_is_warm = threading.Event()  # what is compiled is the process's
_LONG_S = 2.0  # in which what was compiled before has long been loaded
_JOIN_S = 5.0  # an inference that takes longer than this hangs


@dataclass(frozen=True)
class InferenceParams(StageParams):
    """What inference can be told."""

    models: tuple[str, ...] = param(
        DEFAULT_MODELS,
        'models that come with the package, or paths of manifests, exactly one of which segments; docs/models.md',
    )
    engine: str = param('auto', 'what runs them; auto takes the best one this host has', choices=ENGINES)
    threads: int = param(
        0, 'processor threads that one inference may use; 0: one with two cores, two with more', minimum=0, maximum=64
    )
    budget_ms: float = param(
        BUDGET_MS, 'time for all models that look at one frame; who can wait, waits [ms]', minimum=1.0, maximum=1000.0
    )
    fit_at_start: bool = param(
        True, 'begin at the first step of the ladder at which the models, as fast as they are here, fit into budget_ms'
    )
    ladder: str = param('', "what is given up step by step under load, a YAML file; '' is the packaged one")
    calibration: str = param(
        '', "calibration of the camera, a file of ROS's camera_calibration; '' listens to camera/camera_info"
    )
    energy_timeout_s: float = param(
        0.5, 'how long energy is believed after session_context told it; then it is unknown [s]',
        minimum=0.05, maximum=10.0,
    )  # fmt: skip
    arm_topics: tuple[str, ...] = param(
        (ARM_TIP.name,), "where arms tell their instruments' tips in the camera's optical frame, a topic for each arm"
    )
    arm_sigma_mm: float = param(
        2.0, 'standard deviation of such a tip, calibration of arm to camera included [mm]', minimum=0.1, maximum=50.0
    )


class InferenceNode(StageNode[InferenceParams]):
    """Looks at the newest frame, again and again, in a thread of its own.

    ``scenes`` hands each scene to the neighbours in this process before it is published. A frame that came while
    another was looked at waits; a newer one takes its place.

    :param frames_by_topic: frames come from a camera in another process, by reference into its ring; else by
        :meth:`accept`.
    """

    def __init__(self, *, frames_by_topic: bool, **node: Any) -> None:
        self.scenes: Output[SceneState] = Output()
        self.torn = 0
        self._dropped = 0
        self._mailbox: Mailbox[Frame] | None = None
        self._thread: threading.Thread | None = None
        self._lineup: Lineup | None = None
        self._step = 0
        self._told_step = 0
        self._builder = SceneBuilder()
        self._optics = Optics()
        self._reset_asked = False
        self._refused = ''
        self._doubt_told = False
        self._refused_tips: dict[str, str] = {}
        super().__init__('inference', InferenceParams, **node)
        self._room = OperatingRoom(self.params.energy_timeout_s)
        self._publisher = publisher(self, SCENE)
        self._status = publisher(self, INFERENCE_STATUS)
        self._status_timer = self.every(1.0 / INFERENCE_STATUS.rate, self._send_status)
        self._steps = subscription(self, DEGRADATION_STEP, self._on_step)
        self._contexts = subscription(self, SESSION_CONTEXT, self._on_context)
        self._infos = None if self.params.calibration else subscription(self, CAMERA_INFO, self._on_camera_info)
        self._arms = Arms(self.params.arm_sigma_mm)
        self._tips = [
            subscription(self, replace(ARM_TIP, name=topic), partial(self._on_tip, topic))
            for topic in dict.fromkeys(self.params.arm_topics)
            if topic
        ]
        self._resets = self.create_service(Trigger, RESET_REFERENCE_SERVICE, self._on_reset)
        self._input = FrameInput(self, self.accept, self._on_frame_problem) if frames_by_topic else None

    @property
    def dropped(self) -> int:
        """Frames that were never looked at: a newer one came first, or the ring came round."""
        mailbox = self._mailbox
        return self._dropped + self.torn + (mailbox.dropped if mailbox is not None else 0)

    def accept(self, frame: Frame) -> None:
        """Take a frame, by reference. Returns at once; before the stage is active, frames are let go."""
        mailbox = self._mailbox
        if mailbox is not None:
            mailbox.put(frame)

    def setup(self) -> None:
        """Load the models and run them warm.

        :raises ModelError: if they cannot be used.
        :raises CalibrationError: if the calibration cannot.
        """
        params = self.params
        if params.calibration:
            self._optics.give(load_camera(Path(params.calibration)))
        ladder = load_ladder(Path(params.ladder) if params.ladder else LADDER)
        lineup = Lineup.load(params.models, params.engine, params.threads, params.budget_ms, ladder)
        try:
            lineup.warm_up()
        except GuidanceError:
            lineup.close()
            raise
        lineup.ask(self._step)
        if params.fit_at_start:
            self._tell_fit(lineup.begin_where_it_fits(), ladder)
        compiling_s = 0.0 if _scene_is_warm.is_set() else warm_up()
        _scene_is_warm.set()
        if compiling_s > _LONG_S:
            self.get_logger().info(f'the scene was compiled in {compiling_s:.0f} s, once on this machine')
        self._lineup = lineup
        self.detail = lineup.describe()
        self.get_logger().info(self.detail)
        for told in {member.pipeline.passed_over: None for member in lineup.members}:  # each once
            if told:
                reasons = '; '.join(f'{engine}: {reason}' for engine, reason in told)
                self.get_logger().info(f'engines passed over: {reasons}')
        for left_out in lineup.left_out:
            self.get_logger().warning(f'a size of picture is done without: {left_out}')
        for member in lineup.members:
            pace_ms, budget_ms = member.paces[1.0], member.manifest.budget_ms
            report = f'{member.manifest.name}: {pace_ms:.1f} ms a look when warm, its budget is {budget_ms:g} ms'
            if pace_ms > budget_ms:
                self.get_logger().warning(report)
            else:
                self.get_logger().info(report)

    def _tell_fit(self, fit: Fit, ladder: Ladder) -> None:
        """Say what is given up from the start, if anything is."""
        if not fit.step:
            return
        self.get_logger().warning(
            f'the models cost {fit.full_ms:.1f} ms a frame here and have {fit.budget_ms:g} ms: begins at degradation '
            f'step {fit.step} ({ladder.steps[fit.step].name}), {fit.cost_ms:.1f} ms a frame'
        )
        if not fit.fits:
            self.get_logger().warning('even so there will be fewer scenes than frames: this host is too slow')

    def start(self) -> None:
        """Start the worker."""
        lineup = self._lineup
        if lineup is None:
            raise EngineError('no model is loaded', where='inference', remedy='configure the stage first')
        lineup.forget()
        mailbox: Mailbox[Frame] = Mailbox()
        self._thread = threading.Thread(target=self._work, args=(lineup, mailbox), name='inference', daemon=True)
        self._thread.start()
        self._mailbox = mailbox  # from here on frames come in

    def stop(self) -> None:
        """End the worker; returns when it has ended.

        :raises EngineError: if an inference hangs.
        """
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            mailbox.close()
            self._dropped += mailbox.dropped
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_JOIN_S)
            if thread.is_alive():
                self._lineup = None  # it is still in use there: it is not closed but left to that thread
                raise EngineError(f'an inference has not ended for {_JOIN_S:g} s', where=self.detail)

    def teardown(self) -> None:
        """Give the models back."""
        lineup, self._lineup = self._lineup, None
        if lineup is not None:
            lineup.close()
        self.detail = ''

    def _on_step(self, message: DegradationStep) -> None:
        if message.step != self._step:
            reason = f': {message.reason}' if message.reason else ''
            self.get_logger().warning(f'degradation step {message.step} is asked for{reason}')
        self._step = message.step  # kept over a clean-up: the topic is latched, and will not say it again
        lineup = self._lineup
        if lineup is not None:
            lineup.ask(message.step)

    def _on_context(self, message: SessionContext) -> None:
        refused = self._room.tell(message.energy, message.critical_view, message.identified, monotonic_ns())
        if refused and refused != self._refused:  # once: such a message comes again and again
            self.get_logger().error(f'{SESSION_CONTEXT.name}: {refused}; the rest of it is taken')
        self._refused = refused
        if not self._doubt_told and not any(message.critical_view):
            self._doubt_told = True
            self.get_logger().warning(
                f'{SESSION_CONTEXT.name}: critical_view is 0, 0, 0: taken as "no criterion is met"; NaN is "not told"'
            )

    def _on_camera_info(self, message: CameraInfo) -> None:
        refused = self._optics.hear(message)
        if refused:
            self.get_logger().error(f'{CAMERA_INFO.name} is refused: {refused}')

    def _on_tip(self, topic: str, message: PoseStamped) -> None:
        at, stamp = message.pose.position, message.header.stamp
        stamp_ns = stamp.sec * NS_PER_S + stamp.nanosec
        refused = self._arms.tell(topic, message.header.frame_id, stamp_ns, (at.x, at.y, at.z))
        if refused and self._refused_tips.get(topic) != refused:  # once: poses come many times a second
            self.get_logger().error(f'{topic} is refused: {refused}')
        self._refused_tips[topic] = refused

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self._thread is not None
        if response.success:
            self._reset_asked = True
            response.message = 'the next good picture is what roll and drift refer to'
        else:
            response.message = 'inference is not active'
        return response

    def _send_status(self) -> None:
        lineup = self._lineup
        if lineup is not None and self.context.ok():
            status = messages.to_message(lineup.status(), self.get_clock().now().to_msg())
            self._status.publish(status)
            self.pulse(INFERENCE_STATUS, status)

    def _on_frame_problem(self, problem: FrameError) -> None:
        if isinstance(problem, FrameOverwritten):
            self.torn += 1
        else:
            self.fault(str(problem))

    def _work(self, lineup: Lineup, mailbox: Mailbox[Frame]) -> None:
        while not mailbox.closed:
            frame = mailbox.take()
            if frame is None:
                continue
            try:
                self._look(lineup, frame, mailbox)
            except FrameOverwritten:
                self.torn += 1
            except Exception as error:  # noqa: BLE001  (told as a fault and in the scene; the next frame gets its chance)
                self._fail(frame, error)

    def _look(self, lineup: Lineup, frame: Frame, mailbox: Mailbox[Frame]) -> None:
        look = lineup.look(frame, lambda: mailbox.waiting)
        if lineup.step != self._told_step:
            self._told_step = lineup.step
            self._send_status()
        if look.makes_scene:
            start_ms = (look.start_ns - frame.monotonic_ns) / NS_PER_MS
            stages = (
                StageTime('handover', 0.0, start_ms),
                StageTime('inference', start_ms, (look.end_ns - look.start_ns) / NS_PER_MS),
            )
            self._prepare(frame)
            context = self._room.merge(look.context, monotonic_ns())
            aids = Aids(poses=self._arms.at(frame.stamp_ns))
            scene = self._builder.build(frame, look.segmentation, look.problem, stages, context, aids)
            if not frame.intact:  # the builder has looked at the pixels once more
                raise FrameOverwritten(f'frame {frame.sequence} was overwritten while it was read', where=frame.ring)
            if look.problem:
                self.events.warning('scene_invalid', look.problem, frame=frame.sequence)
            self._send(scene)
        failed = '; '.join(f'{name} failed: {why}' for name, why in look.failures.items())
        self.fault(failed)

    def _prepare(self, frame: Frame) -> None:
        """Let what was asked of the scene from outside take effect, between two frames."""
        if self._reset_asked:
            self._reset_asked = False
            self._builder.reset_reference()
        fit = self._optics.fit(frame.width, frame.height)
        if fit is not None:
            self._builder.calibrate(fit.camera)
            if fit.good:
                self.get_logger().info(fit.told)
            else:
                self.get_logger().warning(fit.told)

    def _fail(self, frame: Frame, error: Exception) -> None:
        problem = str(error) if isinstance(error, GuidanceError) else f'{type(error).__name__}: {error}'
        self.events.error('inference_failed', problem, frame=frame.sequence)
        self.fault(f'inference failed: {problem}')
        waited_ms = elapsed_ms(frame.monotonic_ns)
        self._send(
            SceneState(
                frame.stamp_ns,
                frame.sequence,
                frame.monotonic_ns,
                frame.width,
                frame.height,
                valid=False,
                problem=problem,
                stages=(StageTime('handover', 0.0, waited_ms),),
            )
        )

    def _send(self, scene: SceneState) -> None:
        self.scenes.send(scene)
        message = to_message(scene)
        self.pulse(SCENE, message)
        self._publisher.publish(message)
        self.done += 1
