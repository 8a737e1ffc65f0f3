"""One model at work on one stream of frames, at the size of picture that is meant for the camera."""

from __future__ import annotations

from collections.abc import Sequence

from surgical_guidance.errors import ModelError
from surgical_guidance.frames import Frame
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.fitting import Fitting, Result
from surgical_guidance.inference.manifest import Manifest, load_manifest
from surgical_guidance.inference.selection import choose

WARM_UP_RUNS = 20
"""Of the size that is commonest;"""
OTHER_RUNS = 4
"""and of each other size, whose time nobody asks for: what a first run has to get is got then."""

__all__ = ['Pipeline', 'Result']


class Pipeline:
    """A model, ready to run at every size that its manifest has for cameras. Used by one thread.

    Everything for every size is made here. A camera whose resolution changes changes which of it is used: nothing is
    built, loaded or allocated then.

    :param manifest: what the model is.
    :param engine: that has loaded it.
    :param others: the same model at other sizes, each with its engine.
    :raises ModelError: if manifest and engine do not fit together.
    """

    def __init__(self, manifest: Manifest, engine: Engine, others: Sequence[tuple[Manifest, Engine]] = ()) -> None:
        self.manifest = manifest
        self.passed_over = engine.passed_over
        """Better engines that were not taken, each with the reason."""
        self.left_out: tuple[str, ...] = ()
        """Sizes that the engine does not take, and why: cameras of theirs get the commonest."""
        self._main = self._fitting = Fitting(manifest, engine)
        self._fittings = {_size(manifest): self._main}
        self._fittings |= {_size(other): Fitting(other, its_engine) for other, its_engine in others}
        self._resolution = (0, 0)

    @classmethod
    def load(cls, model: str, engine: str = 'auto', threads: int = 2) -> Pipeline:
        """Load a model by name or by the path of its manifest.

        :raises ModelError: what is wrong with the manifest or the model, where, and what to do.
        """
        return cls.of(load_manifest(model), engine, threads)

    @classmethod
    def of(cls, manifest: Manifest, engine: str = 'auto', threads: int = 2) -> Pipeline:
        """Load the model that a manifest tells of.

        :raises ModelError: what is wrong with the model, where, and what to do.
        """
        choice = choose(engine, manifest, threads)
        engines, others, left_out = [choice.engine], [], []
        try:
            for size in manifest.input.sizes[1:]:
                other = manifest.model_copy(update={'input': manifest.input.at(size)})
                try:
                    chosen = choose(choice.name, other, threads)
                except ModelError as error:
                    left_out.append(f'{manifest.name} at {size[0]} x {size[1]}: {error}')
                else:
                    engines.append(chosen.engine)
                    others.append((chosen.manifest, chosen.engine))
            made = cls(choice.manifest, choice.engine, others)
        except BaseException:
            for each in engines:
                each.close()
            raise
        made.left_out = tuple(left_out)
        return made

    @property
    def segments(self) -> bool:
        """Whether a scene can be made of its results."""
        return self._main.segments

    @property
    def engine(self) -> str:
        """What runs it, one line for people."""
        return self._main.engine

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the network's picture for the camera that was looked through last [px]."""
        return _size(self._fitting.manifest)

    def warm_up(self) -> float:
        """Run it at every size until it has its pace; give the time that a look takes at the commonest [ms].

        :raises EngineError: if it cannot run.
        """
        for fitting in self._fittings.values():
            if fitting is not self._main:
                fitting.warm_up(OTHER_RUNS)
        return self._main.warm_up(WARM_UP_RUNS)

    def run(self, frame: Frame) -> Result:
        """Look at a frame. The frames' size may change from one to the next.

        :raises FrameOverwritten: if the ring came round before the frame was read.
        :raises EngineError: if the engine fails.
        """
        self.start(frame)
        return self.finish()

    @property
    def overlaps(self) -> bool:
        """Whether the work goes on elsewhere between :meth:`start` and :meth:`finish`."""
        return self._main.overlaps

    def start(self, frame: Frame) -> None:
        """Begin to look at a frame; :meth:`finish` must follow.

        :raises FrameOverwritten: if the ring came round before the frame was read.
        :raises EngineError: if the engine fails.
        """
        if (frame.width, frame.height) != self._resolution:
            self._resolution = frame.width, frame.height
            self._fit()
        self._fitting.start(frame)

    def finish(self) -> Result:
        """Give the result of what was begun.

        :raises FrameOverwritten: if the ring came round before the frame was read.
        :raises EngineError: if the engine fails.
        """
        return self._fitting.finish()

    def forget(self) -> None:
        """Let the model forget what it has seen: another scene begins."""
        for fitting in self._fittings.values():
            fitting.forget()

    def describe(self) -> str:
        """Tell in one line what runs what."""
        return f'{self.engine}, {self.manifest.name}'

    def close(self) -> None:
        """Give the engines back."""
        for fitting in self._fittings.values():
            fitting.close()

    def _fit(self) -> None:
        """Take what is for the camera's resolution. What was seen at another size is forgotten."""
        wanted = self._fittings.get(self.manifest.input.size_for(*self._resolution), self._main)
        if wanted is not self._fitting:
            self._fitting = wanted
            wanted.forget()


def _size(manifest: Manifest) -> tuple[int, int]:
    return manifest.input.width, manifest.input.height
