"""The inference node: frames in, scenes out."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from surgical_guidance.clock import NS_PER_MS, elapsed_ms
from surgical_guidance.contract import SCENE
from surgical_guidance.errors import EngineError, FrameError, FrameOverwritten, GuidanceError, ModelError
from surgical_guidance.frames import Frame
from surgical_guidance.inference.engine import ENGINES
from surgical_guidance.inference.manifest import DEFAULT_MODEL
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.params import param
from surgical_guidance.ports import FrameInput, Mailbox, Output, publisher
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.messages import to_message
from surgical_guidance.scene.state import SceneState, StageTime
from surgical_guidance.stage import StageNode, StageParams

_JOIN_S = 5.0  # an inference that takes longer than this hangs


@dataclass(frozen=True)
class InferenceParams(StageParams):
    """What inference can be told."""

    model: str = param(DEFAULT_MODEL, 'a model that comes with the package, or the path of a manifest; docs/models.md')
    engine: str = param('auto', 'what runs it; auto takes the best one this host has', choices=ENGINES)
    threads: int = param(2, 'processor threads that one inference may use', minimum=1, maximum=64)


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
        self._pipeline: Pipeline | None = None
        self._builder = SceneBuilder()
        super().__init__('inference', InferenceParams, **node)
        self._publisher = publisher(self, SCENE)
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
        """Load the model and run it warm.

        :raises ModelError: if it cannot be used.
        """
        pipeline = Pipeline.load(self.params.model, self.params.engine, self.params.threads)
        try:
            if pipeline.manifest.task != 'semantic_segmentation':
                raise ModelError(
                    f'a scene is made from a segmentation, and this model is for {pipeline.manifest.task}',
                    where=self.params.model,
                    remedy=f'use {DEFAULT_MODEL} or another that segments',
                )
            pace_ms = pipeline.warm_up()
        except GuidanceError:
            pipeline.close()
            raise
        self._pipeline = pipeline
        self.detail = pipeline.describe()
        budget_ms = pipeline.manifest.budget_ms
        report = f'{self.detail}: {pace_ms:.1f} ms a frame when warm, its budget is {budget_ms:g} ms'
        if pace_ms > budget_ms:
            self.get_logger().warning(report)
        else:
            self.get_logger().info(report)

    def start(self) -> None:
        """Start the worker."""
        pipeline = self._pipeline
        if pipeline is None:
            raise EngineError('no model is loaded', where='inference', remedy='configure the stage first')
        mailbox: Mailbox[Frame] = Mailbox()
        self._thread = threading.Thread(target=self._work, args=(pipeline, mailbox), name='inference', daemon=True)
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
                self._pipeline = None  # it is still in use there: it is not closed but left to that thread
                raise EngineError(f'an inference has not ended for {_JOIN_S:g} s', where=self.detail)

    def teardown(self) -> None:
        """Give the model back."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.close()
        self.detail = ''

    def _on_frame_problem(self, problem: FrameError) -> None:
        if isinstance(problem, FrameOverwritten):
            self.torn += 1
        else:
            self.fault(str(problem))

    def _work(self, pipeline: Pipeline, mailbox: Mailbox[Frame]) -> None:
        stride = pipeline.manifest.stride
        while not mailbox.closed:
            frame = mailbox.take()
            if frame is None or frame.sequence % stride:
                continue
            try:
                self._look(pipeline, frame)
            except FrameOverwritten:
                self.torn += 1
            except Exception as error:  # noqa: BLE001  (told as a fault and in the scene; the next frame gets its chance)
                self._fail(frame, error)
            else:
                self.fault('')

    def _look(self, pipeline: Pipeline, frame: Frame) -> None:
        result = pipeline.run(frame)
        start_ms = (result.start_ns - frame.monotonic_ns) / NS_PER_MS
        stages = (
            StageTime('handover', 0.0, start_ms),
            StageTime('inference', start_ms, (result.end_ns - result.start_ns) / NS_PER_MS),
        )
        scene = self._builder.build(frame, result.segmentation, result.problem, stages)
        if not frame.intact:  # the builder has looked at the pixels once more
            raise FrameOverwritten(f'frame {frame.sequence} was overwritten while it was read', where=frame.ring)
        self._send(scene)

    def _fail(self, frame: Frame, error: Exception) -> None:
        problem = str(error) if isinstance(error, GuidanceError) else f'{type(error).__name__}: {error}'
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
        self._publisher.publish(to_message(scene))
        self.done += 1
