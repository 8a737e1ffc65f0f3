"""Several models on one stream of frames: who looks at which, what they said, and what all of it says of a frame."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from surgical_guidance.clock import NS_PER_MS, NS_PER_S, elapsed_ms, monotonic_ns
from surgical_guidance.errors import EngineError, GuidanceError, ModelError
from surgical_guidance.frames import Frame
from surgical_guidance.inference.context import ContextKeeper
from surgical_guidance.inference.degradation import Ladder, group_of, load_ladder
from surgical_guidance.inference.fit import Fit, find_fit
from surgical_guidance.inference.manifest import DEFAULT_MODELS, Manifest, load_manifest
from surgical_guidance.inference.member import Member
from surgical_guidance.inference.memory import FORGET_S
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.inference.runners import Outcome, Runner, one_after_another, side_by_side
from surgical_guidance.inference.scheduler import Scheduler
from surgical_guidance.inference.status import Status
from surgical_guidance.inference.threads import usual_threads
from surgical_guidance.inference.together import check_together
from surgical_guidance.scene.state import Context, Segmentation

BUDGET_MS = 25.0
"""Time for all models that look at one frame: of the 33 ms between two frames some is for scene and advice [ms]."""

_RATE = 30.0  # of a camera of which nothing is known yet [Hz]
_RECONSIDERED = 300  # frames after which it is asked again whether what was given up at the start still must be
_ROOM = 0.8  # of the frame's time: what is taken back shall not have to be given up again
_SMOOTHING = 0.1  # share of a new frame interval in their running mean


@dataclass(frozen=True, slots=True)
class Look:
    """What the models say of a frame.

    :param makes_scene: the model that a scene is made of has looked; without it there is nothing to send.
    :param problem: why the scene cannot be trusted; '' where it can.
    :param failures: models that could not run when they were last tried, and why.
    """

    makes_scene: bool
    segmentation: Segmentation | None
    problem: str
    context: Context
    failures: Mapping[str, str]
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is kept of a frame."""

    stamp_ns: int
    sequence: int
    shape: tuple[int, ...]


class Lineup:
    """Models at work on one stream of frames. Used by one thread, but for :meth:`ask` and :meth:`status`.

    :param pipelines: exactly one of them segments.
    :param budget_ms: for all models that look at one frame [ms].
    :param run: how they are run.
    :param resize: loads a model for a smaller picture. A size that it cannot be loaded for is left out, and
        ``left_out`` says why: steps that ask for it leave the model at its full size, cameras at the commonest.
    :raises ModelError: if no scene can be made of what they tell.
    """

    def __init__(
        self,
        pipelines: Sequence[Pipeline],
        budget_ms: float = BUDGET_MS,
        *,
        ladder: Ladder | None = None,
        run: Runner = one_after_another,
        resize: Callable[[Manifest], Pipeline] | None = None,
    ) -> None:
        check_together(pipelines)
        self._ladder = ladder or load_ladder()
        self._run = run
        self.left_out: list[str] = []
        self._members: dict[str, Member] = {}
        for pipeline in sorted(pipelines, key=lambda each: -each.manifest.priority):
            self._members[pipeline.manifest.name] = self._member(pipeline, resize)
        self._scheduler = Scheduler([member.job for member in self._members.values()], budget_ms)
        self._keeper = ContextKeeper()
        self._asked = self._step = self._floor = 0
        self._frames = 0
        self._last: _Seen | None = None
        self._interval_s = 1.0 / _RATE

    @classmethod
    def load(
        cls,
        models: Sequence[str] = DEFAULT_MODELS,
        engine: str = 'auto',
        threads: int = 0,
        budget_ms: float = BUDGET_MS,
        ladder: Ladder | None = None,
    ) -> Lineup:
        """Load models by name or by the paths of their manifests.

        :param threads: of the processor that one look may use; 0: :func:`usual_threads`.
        :raises ModelError: what is wrong with which, where, and what to do.
        """
        if not models:
            raise ModelError(
                'no model is named', where='models', remedy=f'name one or more, such as {DEFAULT_MODELS[0]}'
            )
        with contextlib.ExitStack() as opened:

            def load(manifest: Manifest) -> Pipeline:
                pipeline = Pipeline.of(manifest, engine, threads or usual_threads())
                opened.callback(pipeline.close)
                return pipeline

            def resize(manifest: Manifest) -> Pipeline:
                pipeline = load(manifest)
                if pipeline.engine not in (each.engine for each in pipelines if each.manifest.name == manifest.name):
                    pipeline.close()  # a slower engine at a smaller size would give nothing up
                    raise EngineError('only another engine takes this size', where=manifest.name)
                return pipeline

            manifests = [load_manifest(model) for model in models]  # all of them first: to load one takes a while
            pipelines = [load(manifest) for manifest in manifests]
            run = side_by_side if all(pipeline.overlaps for pipeline in pipelines) else one_after_another
            lineup = cls(pipelines, budget_ms, ladder=ladder, run=run, resize=resize)
            opened.pop_all()
            return lineup

    def _member(self, pipeline: Pipeline, resize: Callable[[Manifest], Pipeline] | None) -> Member:
        manifest = pipeline.manifest
        group = group_of(manifest, makes_scene=pipeline.segments)
        at_sizes = {1.0: pipeline}
        self.left_out.extend(pipeline.left_out)
        for share in self._ladder.sizes(group) if resize is not None else ():
            smaller = manifest.input.scaled(share)
            if resize is not None and smaller != manifest.input and share not in at_sizes:
                try:
                    at_sizes[share] = resize(manifest.model_copy(update={'input': smaller}))
                except ModelError as error:
                    self.left_out.append(f'{manifest.name} at {smaller.width} x {smaller.height}: {error}')
        return Member(manifest, group, at_sizes)

    def warm_up(self) -> None:
        """Run every model until it has its pace, at every size that a degradation step may ask for.

        :raises EngineError: if one cannot run.
        """
        for name, member in self._members.items():
            for share, pipeline in member.pipelines.items():
                member.paces[share] = pipeline.warm_up()
            self._scheduler.forget_cost(name, member.paces[1.0])
        self._scheduler.give_strides({name: member.manifest.stride for name, member in self._members.items()})

    @property
    def members(self) -> tuple[Member, ...]:
        """The models, the highest priority first."""
        return tuple(self._members.values())

    @property
    def step(self) -> int:
        """The step of the degradation ladder that is in force."""
        return self._step

    def describe(self) -> str:
        """Tell in one line what runs what."""
        by_engine: dict[str, list[str]] = {}
        for member in self._members.values():
            by_engine.setdefault(member.pipeline.engine, []).append(member.manifest.name)
        return '; '.join(f'{engine}: {", ".join(names)}' for engine, names in by_engine.items())

    def paces(self) -> tuple[float, str]:
        """Tell what the models cost when warm: for a frame at their strides, on average [ms], and each in one line."""
        members = self._members.values()
        each = ', '.join(
            f'{member.manifest.name} {member.paces[1.0]:.1f} ms every {_ordinal(member.manifest.stride)}frame'
            for member in members
        )
        return sum(member.paces[1.0] / member.manifest.stride for member in members), each

    def ask(self, step: int) -> None:
        """Ask for a step of the degradation ladder; it takes effect when the next frame is looked at. Any thread."""
        self._asked = step

    def begin_where_it_fits(self) -> Fit:
        """Begin at the first step of the ladder at which the models, as fast as they were when warm, fit into a frame.

        It is a floor under what is asked for, and is lifted when the models turn out to be faster.
        """
        fit = find_fit(self._ladder, self._members.values(), self._scheduler.budget_ms)
        self._floor = fit.step
        return fit

    def look(self, frame: Frame, newer_waits: Callable[[], bool] = lambda: False) -> Look:
        """Let the models whose turn it is look at a frame.

        :param newer_waits: asked before each model that can wait.
        :raises FrameOverwritten: if the ring came round before the frame was read.
        """
        start_ns = monotonic_ns()
        self._apply_step()
        self._follow(frame)
        self._frames += 1
        makes_scene, segmentation, problem = False, None, ''
        expected: dict[str, float] = {}
        for pipeline, outcome in self._run(frame, self._decided(frame, start_ns, expected, newer_waits)):
            name = pipeline.manifest.name
            expected.pop(name, None)
            self._note(name, frame, outcome)
            if pipeline.segments:
                makes_scene, problem = True, self._members[name].problem
                segmentation = None if isinstance(outcome, Exception) else outcome.segmentation
        intervals = {name: turns.stride * self._interval_s for name, turns in self._scheduler.turns.items()}
        context = self._keeper.at(frame.stamp_ns, intervals)
        failures = {name: member.failure for name, member in self._members.items() if member.failure}
        return Look(makes_scene, segmentation, problem, context, failures, start_ns, monotonic_ns())

    def _decided(
        self, frame: Frame, start_ns: int, expected: dict[str, float], newer_waits: Callable[[], bool]
    ) -> Iterator[Pipeline]:
        """Give the models that look, deciding on each when it is asked for.

        :param expected: gets what those cost that were given out [ms]; who takes a result back takes it out.
        """
        for name in self._scheduler.due(frame.sequence):
            spent_ms = elapsed_ms(start_ns) + sum(expected.values())
            if self._scheduler.decide(name, spent_ms, newer_waits=newer_waits()).runs:
                expected[name] = self._scheduler.turns[name].cost.expected_ms
                yield self._members[name].pipeline

    def _note(self, name: str, frame: Frame, result: Outcome) -> None:
        member = self._members[name]
        if isinstance(result, Exception):
            member.problem = member.failure = _text(result)
            return
        member.problem, member.failure = result.problem, ''
        self._scheduler.looked(name, (result.end_ns - result.start_ns) / NS_PER_MS)
        if result.reading is not None:
            member.believed_ns = frame.stamp_ns
            self._keeper.note(name, frame.stamp_ns, result.reading)

    def _follow(self, frame: Frame) -> None:
        """Measure how often frames come, and forget what was said where they jump to another scene."""
        last = self._last
        self._last = _Seen(frame.stamp_ns, frame.sequence, frame.image.shape)  # not the frame: its slot is the camera's
        if last is None:
            return
        passed_s = (frame.stamp_ns - last.stamp_ns) / NS_PER_S
        frames = frame.sequence - last.sequence
        if frames <= 0 or not 0 <= passed_s <= FORGET_S or frame.image.shape != last.shape:
            self.forget()
        else:
            self._interval_s += _SMOOTHING * (passed_s / frames - self._interval_s)

    def _apply_step(self) -> None:
        if self._floor and self._frames % _RECONSIDERED == _RECONSIDERED - 1:
            self._reconsider()
        number, step = self._ladder.step(max(self._asked, self._floor))
        if number == self._step:
            return
        self._step = number
        strides = {}
        for name, member in self._members.items():
            kept = step.share(member.group)
            strides[name] = 0 if kept.dropped else member.manifest.stride * kept.stride
            member.failure = '' if kept.dropped else member.failure
            share = kept.size if kept.size in member.pipelines else 1.0
            if share != member.share and not kept.dropped:
                member.share = share
                member.pipeline.forget()
                self._scheduler.forget_cost(name, member.paces.get(share, member.manifest.budget_ms))
        self._scheduler.give_strides(strides)

    def _reconsider(self) -> None:
        """Take back what was given up at the start where the scene's model has become faster since."""
        name, scene = next((name, each) for name, each in self._members.items() if each.group == 'scene')
        slowdown = self._scheduler.turns[name].cost.quantile(0.5) / scene.paces[scene.share]
        fit = find_fit(self._ladder, self._members.values(), _ROOM * self._scheduler.budget_ms, slowdown)
        self._floor = min(self._floor, fit.step)

    def forget(self) -> None:
        """Let every model forget what it has seen, and what it said: another scene begins."""
        self._keeper.clear()
        self._scheduler.restart()
        for member in self._members.values():
            member.pipeline.forget()

    def status(self) -> Status:
        """Tell how the models fare. Any thread may ask."""
        number, step = self._ladder.step(self._step)
        now_ns = None if self._last is None else self._last.stamp_ns
        return Status(
            budget_ms=self._scheduler.budget_ms,
            step=number,
            step_name=f'{step.name}, for the models are too slow here' if self._floor > self._asked else step.name,
            last_step=self._ladder.last,
            frames=self._frames,
            models=tuple(member.status(self._scheduler.turns[name], now_ns) for name, member in self._members.items()),
        )

    def close(self) -> None:
        """Give all engines back."""
        for member in self._members.values():
            for pipeline in member.pipelines.values():
                pipeline.close()


def _ordinal(number: int) -> str:
    return {1: '', 2: '2nd ', 3: '3rd '}.get(number, f'{number}th ')


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, GuidanceError) else f'{type(error).__name__}: {error}'
