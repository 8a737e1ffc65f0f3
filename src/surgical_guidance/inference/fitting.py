"""One model at one size of its picture: frame in, what the model says and times out."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np

from surgical_guidance.clock import NS_PER_MS, monotonic_ns
from surgical_guidance.errors import EngineError, FrameOverwritten
from surgical_guidance.frames import Frame
from surgical_guidance.inference.checks import OutputCheck, PictureCheck
from surgical_guidance.inference.engine import Engine, Looks, warm_up
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.memory import Memory
from surgical_guidance.inference.placement import Placement, place
from surgical_guidance.inference.preprocess import Preprocessor
from surgical_guidance.inference.readings import Instances, Reading
from surgical_guidance.inference.tasks import make_task
from surgical_guidance.scene.state import Segmentation

_CAMERA = (1080, 1920)  # height and width of the picture that it is warmed with [px]


@dataclass(frozen=True, slots=True)
class Result:
    """What a model says of a frame.

    :param reading: None where the outputs cannot be believed; its arrays hold until the next run.
    :param problem: why they cannot; '' where they can.
    :param start_ns: start on ``CLOCK_MONOTONIC`` [ns].
    :param end_ns: end [ns].
    """

    reading: Reading | None
    problem: str
    start_ns: int
    end_ns: int

    @property
    def segmentation(self) -> Segmentation | None:
        """What a scene can be made of; None of a model that tells something else."""
        if isinstance(self.reading, Instances):
            return self.reading.segmentation
        return self.reading if isinstance(self.reading, Segmentation) else None


class Fitting:
    """A model and its engine, ready to run at one size. Used by one thread.

    :param manifest: what the model is.
    :param engine: that has loaded it.
    :raises ModelError: if the two do not fit together.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        self.manifest = manifest
        self._engine = engine
        self._looks = engine if isinstance(engine, Looks) else None
        read_as = manifest if self._looks is None else self._looks.reads_as
        self._task = make_task(read_as, engine)
        self._memory = Memory(manifest, engine)
        self._prepare = None
        if self._looks is None:
            self._prepare = Preprocessor(manifest.input, engine.input(manifest.input.name))
        self._picture = PictureCheck()
        self._check = OutputCheck(read_as, engine)
        self._begun: tuple[Frame, Placement, int] | None = None

    @property
    def segments(self) -> bool:
        """Whether a scene can be made of its results."""
        return self._task.segments

    @property
    def engine(self) -> str:
        """What runs it, one line for people."""
        return self._engine.describe()

    def warm_up(self, runs: int) -> float:
        """Run it until it has its pace; give the time that a look takes here [ms]: the median of the later half.

        The first runs allocate and choose kernels, and are many times slower than the rest. An engine that takes whole
        frames runs on what lies in its inputs, since a frame of no ring would cost it another copy.

        :raises EngineError: if it cannot run.
        """
        if self._looks is not None:
            return warm_up(self._engine, runs)
        picture = np.zeros((*_CAMERA, 3), np.uint8)
        picture[: _CAMERA[0] // 2] = 200
        now = monotonic_ns()
        frame = Frame(1, now, now, picture, 'bgr8', '', 0, lambda: 1)
        looks = [self.run(frame) for _ in range(runs)]
        self.forget()
        return statistics.median((look.end_ns - look.start_ns) / NS_PER_MS for look in looks[runs // 2 :])

    def run(self, frame: Frame) -> Result:
        """Look at a frame of any size.

        :raises FrameOverwritten: if the ring came round before the frame was read.
        :raises EngineError: if the engine fails.
        """
        self.start(frame)
        return self.finish()

    @property
    def overlaps(self) -> bool:
        """Whether the work goes on elsewhere between :meth:`start` and :meth:`finish`."""
        return self._looks is not None

    def start(self, frame: Frame) -> None:
        """Begin to look at a frame; :meth:`finish` must follow.

        :raises FrameOverwritten: if the ring came round before the frame was read.
        :raises EngineError: if the engine fails.
        """
        start_ns = monotonic_ns()
        self._picture.look(frame.image)
        if self._prepare is not None:
            placement = self._prepare(frame.image)
            _check_intact(frame)
        else:
            placement = place(self.manifest.input, frame.width, frame.height)
        self._memory.at(frame.stamp_ns)
        if self._looks is not None:
            self._looks.start(frame)
        self._begun = frame, placement, start_ns

    def finish(self) -> Result:
        """Give the result of what was begun.

        :raises FrameOverwritten: if the ring came round before the frame was read.
        :raises EngineError: if the engine fails.
        """
        if self._begun is None:
            raise EngineError('nothing was begun', where=self.manifest.name)
        (frame, placement, start_ns), self._begun = self._begun, None
        problem = ''
        if self._looks is not None:
            outputs, problem = self._looks.finish()
            _check_intact(frame)  # not earlier: the engine reads the slot while it works
        else:
            outputs = self._engine.infer()
        reading: Reading | None = None
        problem = problem or self._check.problem(outputs, moved=self._picture.moved)
        if self._task.needs_content and self._picture.flat:
            problem = 'the picture is the same everywhere: there is nothing to see in it'
        if not problem:
            reading, problem = self._task.read(outputs, placement)
        if problem:
            self._memory.clear()  # what cannot be believed is not to be remembered either
        else:
            self._memory.keep(outputs)
        return Result(reading, problem, start_ns, monotonic_ns())

    def forget(self) -> None:
        """Let the model forget what it has seen: another scene begins."""
        self._memory.clear()
        self._task.forget()
        self._check.forget()

    def close(self) -> None:
        """Give the engine back."""
        self._engine.close()


def _check_intact(frame: Frame) -> None:
    if not frame.intact:
        raise FrameOverwritten(f'frame {frame.sequence} was overwritten while it was read', where=frame.ring)
