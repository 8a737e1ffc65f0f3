"""Several models on one stream of frames: what they say together, what one that fails costs, what a step takes away."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest
from inference_helpers import GivenEngine, as_frame, noise, told

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import EngineError, FrameOverwritten, ModelError
from surgical_guidance.frames import Frame
from surgical_guidance.inference.degradation import load_ladder
from surgical_guidance.inference.lineup import Lineup, Look
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.inference.runners import Outcome
from surgical_guidance.inference.selection import Backend
from surgical_guidance.inference.status import ModelStatus
from surgical_guidance.inference.threads import usual_threads


def labels() -> dict[str, np.ndarray]:
    values = np.zeros((1, 8, 8), np.uint8)
    values[0, :4] = 1
    return {'labels': values}


SEGMENTATION = told(
    'semantic_segmentation', {'labels': 'labels'}, name='segmentation', classes=['background', 'liver'],
    assumed_confidence=1.0, priority=100,
)  # fmt: skip
VIEW = told('multilabel', {'view': 'view'}, name='view', heads={'view': ['bleeding', 'blur']}, priority=50, stride=3)
PHASE = told(
    'classification', {'phase': 'phase'}, name='phase', heads={'phase': ['early', 'late']}, priority=10, stride=15
)


class Play:
    """A lineup of three told models and a stream of frames at 30 Hz."""

    def __init__(self, *manifests: Manifest, budget_ms: float = 1000.0, **lineup: object) -> None:
        given = {'segmentation': labels(), 'view': {'view': np.array([[0.9, 0.0]], np.float32)},
                 'phase': {'phase': np.array([[0.2, 0.8]], np.float32)}}  # fmt: skip
        self.engines = {manifest.name: GivenEngine(given[manifest.name]) for manifest in manifests}
        pipelines = [Pipeline(manifest, self.engines[manifest.name]) for manifest in manifests]
        self.lineup = Lineup(pipelines, budget_ms, **lineup)
        self.sequence = 0
        self.images = [noise(seed) for seed in range(2)]

    def frame(self, sequence: int, *, jump_s: float = 0.0) -> Frame:
        stamp_ns = 1000 * NS_PER_S + sequence * NS_PER_S // 30 + round(jump_s * NS_PER_S)
        frame = as_frame(self.images[sequence % 2], sequence)
        return Frame(sequence, stamp_ns, frame.monotonic_ns, frame.image, 'bgr8', 'test', 0, lambda: sequence)

    def next(self, count: int = 1, *, jump_s: float = 0.0, newer: bool = False) -> Look:
        for _ in range(count):
            self.sequence += 1
            look = self.lineup.look(self.frame(self.sequence, jump_s=jump_s), lambda: newer)
        return look

    def status(self, name: str) -> ModelStatus:
        return next(each for each in self.lineup.status().models if each.name == name)


@pytest.fixture
def play() -> Play:
    return Play(PHASE, VIEW, SEGMENTATION)


def test_what_all_say_comes_together(play: Play) -> None:
    look = play.next()
    assert look.makes_scene
    assert look.segmentation is not None
    assert look.context.phase == 'late'
    assert [(each.name, each.active) for each in look.context.conditions] == [('bleeding', True), ('blur', False)]
    assert look.end_ns >= look.start_ns


def test_what_was_said_stays_until_the_next_look(play: Play) -> None:
    play.next(2)
    play.engines['phase'].results['phase'] = np.array([[0.9, 0.1]], np.float32)
    assert {play.next().context.phase for _ in range(10)} == {'late'}
    assert play.next(20).context.phase == 'early'
    assert play.status('phase').age_ms < 15 * 1000 / 30 + 1


def test_what_is_not_believed_any_more_is_dropped_when_it_is_too_old(play: Play) -> None:
    play.next(2)
    play.engines['phase'].results['phase'] = np.array([[np.nan, 0.1]], np.float32)
    assert play.next(30).context.phase == 'late'
    assert play.status('phase').problem == 'the network gave NaN'
    assert play.next(30).context.phase == ''


@pytest.mark.parametrize('jump_s', [6.0, -1.0])
def test_a_jump_of_the_recording_forgets_what_was_said(play: Play, jump_s: float) -> None:
    play.next(20)
    play.engines['phase'].results['phase'] = np.array([[np.nan, 0.1]], np.float32)
    assert play.next(jump_s=jump_s).context.phase == ''


def test_another_size_of_the_picture_is_another_scene(play: Play) -> None:
    play.next(20)
    play.engines['phase'].results['phase'] = np.array([[np.nan, 0.1]], np.float32)
    play.images = [noise(seed, 80, 128) for seed in range(2)]
    look = play.next()
    assert look.segmentation is not None
    assert look.context.phase == ''


def test_who_can_wait_is_not_asked_while_a_newer_frame_waits(play: Play) -> None:
    play.next(newer=True)
    assert (play.engines['segmentation'].runs, play.engines['view'].runs, play.engines['phase'].runs) == (1, 1, 0)
    assert 'newer frame' in play.status('phase').decision
    play.next()
    assert play.engines['phase'].runs == 1


def test_a_model_that_fails_is_told_and_the_others_go_on(play: Play) -> None:
    play.engines['view'].failing = True
    look = play.next()
    assert look.segmentation is not None
    assert look.failures == {'view': 'the engine is told to fail'}
    assert play.next().failures == look.failures  # though it was not its turn: nothing has mended it
    play.engines['view'].failing = False
    assert play.next(3).failures == {}


def test_a_scenes_model_that_fails_leaves_a_scene_that_says_why(play: Play) -> None:
    play.engines['segmentation'].failing = True
    look = play.next()
    assert look.makes_scene
    assert (look.segmentation, look.problem) == (None, 'the engine is told to fail')
    assert look.context.phase == 'late'


def test_a_torn_frame_is_left_to_the_caller(play: Play) -> None:
    frame = play.frame(1)
    torn = Frame(1, frame.stamp_ns, frame.monotonic_ns, frame.image, 'bgr8', 'test', 0, lambda: 9)
    with pytest.raises(FrameOverwritten):
        play.lineup.look(torn)


def test_frames_that_the_scenes_model_passes_over_make_no_scene() -> None:
    play = Play(SEGMENTATION.model_copy(update={'stride': 3}), PHASE)
    made = [play.next().makes_scene for _ in range(10)]
    assert made.count(True) == 4
    assert made[0]


def test_a_runner_may_take_all_at_once_and_then_the_decisions_are_made_on_what_they_will_cost() -> None:
    taken: list[list[str]] = []

    def all_at_once(frame: Frame, pipelines: Iterable[Pipeline]) -> Iterator[tuple[Pipeline, Outcome]]:
        together = list(pipelines)
        taken.append([pipeline.manifest.name for pipeline in together])
        for pipeline in together:
            yield pipeline, pipeline.run(frame)

    play = Play(SEGMENTATION, VIEW, PHASE, budget_ms=12.0, run=all_at_once)  # 5 ms each, as their manifests say
    assert play.next().segmentation is not None
    assert taken == [['segmentation', 'view']]
    assert 'no room' in play.status('phase').decision


def test_a_step_is_in_force_from_the_next_frame_on_and_can_be_taken_back(play: Play) -> None:
    ladder = load_ladder()
    drop = next(index for index, step in enumerate(ladder.steps) if step.ordinary.dropped)
    play.next(2)
    play.lineup.ask(drop)
    assert play.lineup.status().step == 0
    assert play.status('phase').stride == 15
    play.next()
    status = play.lineup.status()
    assert (status.step, status.step_name, status.last_step) == (drop, ladder.steps[drop].name, ladder.last)
    assert play.status('phase').stride == 0
    assert 'dropped' in play.status('phase').decision
    runs = play.engines['phase'].runs
    assert play.next(60).context.phase == ''
    assert play.engines['phase'].runs == runs
    assert play.status('view').stride == 3
    play.lineup.ask(200)
    play.next()
    assert play.lineup.status().step == ladder.last
    assert (play.status('view').stride, play.status('segmentation').stride) == (6, 2)
    play.lineup.ask(0)
    play.next(15)
    assert play.lineup.status().step == 0
    assert play.engines['phase'].runs > runs


def test_a_step_swaps_in_a_smaller_input_that_was_made_ready_before() -> None:
    made: list[Manifest] = []

    def resize(manifest: Manifest) -> Pipeline:
        made.append(manifest)
        shape = manifest.input.shape
        return Pipeline(manifest, GivenEngine({'phase': np.array([[0.6, 0.4]], np.float32)}, shape))

    spec = PHASE.input.model_copy(update={'width': 64, 'height': 64, 'size_step': 16})
    phase = PHASE.model_copy(update={'input': spec})
    engines = [GivenEngine(labels()), GivenEngine({'phase': np.array([[0.2, 0.8]], np.float32)}, spec.shape)]
    lineup = Lineup([Pipeline(SEGMENTATION, engines[0]), Pipeline(phase, engines[1])], 1000.0, resize=resize)
    lineup.warm_up()
    assert [(manifest.input.width, manifest.input.height) for manifest in made] == [(32, 32)]
    ladder = load_ladder()
    lineup.ask(next(index for index, step in enumerate(ladder.steps) if step.ordinary.size < 1))
    stream = Play(SEGMENTATION)
    lineup.look(stream.frame(1))
    assert [(each.name, each.width) for each in lineup.status().models] == [('segmentation', 16), ('phase', 32)]
    assert lineup.look(stream.frame(61)).context.phase == 'early'
    lineup.ask(0)
    lineup.look(stream.frame(62))
    assert lineup.look(stream.frame(92)).context.phase == 'late'


def test_a_smaller_size_that_cannot_be_loaded_is_left_out_and_the_model_stays_at_its_full_size() -> None:
    def resize(manifest: Manifest) -> Pipeline:
        raise EngineError('the plan was built for other shapes', where='plan')

    spec = PHASE.input.model_copy(update={'width': 64, 'height': 64, 'size_step': 16})
    phase = PHASE.model_copy(update={'input': spec})
    engine = GivenEngine({'phase': np.array([[0.2, 0.8]], np.float32)}, spec.shape)
    lineup = Lineup([Pipeline(SEGMENTATION, GivenEngine(labels())), Pipeline(phase, engine)], 1000.0, resize=resize)
    lineup.warm_up()
    assert lineup.left_out == ['phase at 32 x 32: plan: the plan was built for other shapes']
    lineup.ask(next(index for index, step in enumerate(load_ladder().steps) if step.ordinary.size < 1))
    lineup.look(Play(SEGMENTATION).frame(1))
    assert [(each.name, each.width) for each in lineup.status().models] == [('segmentation', 16), ('phase', 64)]


def test_the_segmentation_that_ships_is_made_ready_for_smaller_pictures() -> None:
    lineup = Lineup.load(['phantom_segmentation'], 'onnxruntime')
    try:
        (member,) = lineup.members
        sizes = [(each.manifest.input.width, each.manifest.input.height) for each in member.pipelines.values()]
        assert sizes == [(512, 288), (384, 224)]
        assert lineup.left_out == []
    finally:
        lineup.close()


def test_a_camera_that_changes_its_resolution_is_followed_without_loading_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lineup = Lineup.load(['phantom_segmentation'], 'onnxruntime')
    try:
        monkeypatch.setattr('onnxruntime.InferenceSession', None)
        seen = {}
        for number, (width, height) in enumerate(((1920, 1080), (720, 576), (1280, 1024), (1920, 1080), (640, 480)), 1):
            look = lineup.look(as_frame(noise(number, height, width), number))
            (model,) = lineup.status().models
            assert look.segmentation is not None
            assert look.segmentation.labels.shape == (model.height, model.width)
            assert not look.failures
            seen[width, height] = model.width, model.height
        assert seen == {
            (1920, 1080): (512, 288),
            (720, 576): (448, 352),
            (1280, 1024): (448, 352),
            (640, 480): (448, 352),
        }
    finally:
        lineup.close()


def test_a_size_for_a_camera_that_the_engine_does_not_take_is_told_and_the_usual_one_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make(manifest: Manifest, _threads: int) -> GivenEngine:
        if manifest.input.width == 448:
            raise EngineError('the plan was built for other shapes', where='plan')
        return GivenEngine(labels() | {'confidence': np.full((1, 8, 8), 255, np.uint8)}, manifest.input.shape)

    monkeypatch.setattr('surgical_guidance.inference.selection.backends', lambda: {'given': Backend(lambda: '', make)})
    lineup = Lineup.load(['phantom_segmentation'])
    assert lineup.left_out[0] == 'phantom_segmentation at 448 x 352: plan: the plan was built for other shapes'
    lineup.look(as_frame(noise(1, 576, 720)))
    assert [(each.width, each.height) for each in lineup.status().models] == [(512, 288)]


def test_a_smaller_size_that_only_another_engine_takes_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(manifest: Manifest, *_: object) -> Pipeline:
        engine = GivenEngine(labels() | {'confidence': np.full((1, 8, 8), 255, np.uint8)}, manifest.input.shape)
        engine.describe = lambda: 'good' if manifest.input.width == 512 else 'slow'
        return Pipeline(manifest, engine)

    monkeypatch.setattr(Pipeline, 'of', of)
    lineup = Lineup.load(['phantom_segmentation'])
    assert lineup.left_out == [
        'phantom_segmentation at 384 x 224: phantom_segmentation: only another engine takes this size'
    ]
    assert list(lineup.members[0].pipelines) == [1.0]


def test_the_status_tells_turns_and_costs(play: Play) -> None:
    before = play.status('view')
    assert (before.looks, before.decision) == (0, 'its turn has not come yet')
    assert math.isnan(before.cost_p50_ms)
    assert math.isnan(before.age_ms)
    play.next(30)
    status = play.lineup.status()
    assert status.frames == 30
    assert [each.name for each in status.models] == ['segmentation', 'view', 'phase']
    view = play.status('view')
    assert view.looks == pytest.approx(10, abs=1)
    assert 0.0 < view.cost_p50_ms <= view.cost_p99_ms
    assert (view.stride, view.width, view.height, view.engine) == (3, 16, 16, 'given')


@pytest.mark.parametrize(
    ('manifests', 'said'),
    [
        ([VIEW], 'a scene is made from one segmentation: view does not segment'),
        ([SEGMENTATION, SEGMENTATION], 'segmentation is named twice'),
        ([SEGMENTATION, SEGMENTATION.model_copy(update={'name': 'view'})], 'segmentation and view both segment'),
        ([SEGMENTATION, VIEW, VIEW.model_copy(update={'name': 'phase'})], 'view and phase both tell'),
    ],
)
def test_models_of_which_no_scene_can_be_made_are_refused(manifests: list[Manifest], said: str) -> None:
    outputs: dict[str, Callable[[], dict[str, np.ndarray]]] = {
        'semantic_segmentation': labels,
        'multilabel': lambda: {'view': np.zeros((1, 2), np.float32)},
    }
    with pytest.raises(ModelError, match=said):
        Lineup([Pipeline(manifest, GivenEngine(outputs[manifest.task]())) for manifest in manifests])


@pytest.mark.parametrize(('cores', 'threads'), [(1, 1), (2, 1), (3, 2), (16, 2)])
def test_on_two_cores_a_model_leaves_one_to_the_picture(cores: int, threads: int) -> None:
    assert usual_threads(cores) == threads


def test_no_model_at_all_is_refused() -> None:
    with pytest.raises(ModelError, match='models: no model is named'):
        Lineup.load(())


def test_all_engines_are_given_back(play: Play) -> None:
    play.lineup.close()
    assert all(engine.closed for engine in play.engines.values())
