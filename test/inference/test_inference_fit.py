"""What is given up from the start: as little as makes the models fit, told, and taken back when they are faster."""

from __future__ import annotations

import numpy as np
import pytest
from inference_helpers import GivenEngine, as_frame, noise, told

from surgical_guidance.clock import NS_PER_MS
from surgical_guidance.inference.degradation import load_ladder
from surgical_guidance.inference.fit import find_fit
from surgical_guidance.inference.lineup import Lineup
from surgical_guidance.inference.pipeline import Pipeline

LADDER = load_ladder()
SEGMENTATION = told(
    'semantic_segmentation', {'labels': 'labels'}, name='segmentation', classes=['background', 'liver'],
    assumed_confidence=1.0, priority=100,
)  # fmt: skip
VIEW = told('multilabel', {'view': 'view'}, name='view', heads={'view': ['bleeding', 'blur']}, priority=50, stride=3)
PHASE = told(
    'classification', {'phase': 'phase'}, name='phase', heads={'phase': ['early', 'late']}, priority=10, stride=2
)
GIVEN = {
    'segmentation': {'labels': np.eye(8, dtype=np.uint8)[None]},
    'view': {'view': np.array([[0.9, 0.0]], np.float32)},
    'phase': {'phase': np.array([[0.2, 0.8]], np.float32)},
}


def lineup(segmentation_ms: float, view_ms: float = 6.0, phase_ms: float = 8.0, budget_ms: float = 25.0) -> Lineup:
    """A lineup that is warm, and takes so long at every size."""
    pipelines = [Pipeline(manifest, GivenEngine(GIVEN[manifest.name])) for manifest in (SEGMENTATION, VIEW, PHASE)]
    made = Lineup(pipelines, budget_ms, ladder=LADDER)
    for member, pace_ms in zip(made.members, (segmentation_ms, view_ms, phase_ms), strict=True):
        member.paces[1.0] = pace_ms
    return made


@pytest.mark.parametrize(
    ('segmentation_ms', 'step', 'fits'),
    [
        (19.0, 0, True),  # 19 + 6 / 3 + 8 / 2 = 25
        (19.1, 1, True),  # phase half as often: 23.1
        (21.5, 2, True),
        (23.0, 4, True),  # without the phase: 25
        (23.5, 5, True),  # the view half as often
        (40.0, 5, False),  # the scene's model is not touched
    ],
)
def test_as_little_is_given_up_as_makes_the_models_fit(segmentation_ms: float, step: int, fits: bool) -> None:
    fit = find_fit(LADDER, lineup(segmentation_ms).members, 25.0)
    assert (fit.step, fit.fits) == (step, fits)
    assert fit.full_ms == pytest.approx(segmentation_ms + 6.0)


def test_a_smaller_picture_counts_where_a_model_has_one() -> None:
    members = lineup(23.0, phase_ms=14.0).members
    assert find_fit(LADDER, members, 25.5).step == 4
    members[2].paces[0.5] = 3.0  # a quarter as often, at half the size: 23 + 2 + 0.4
    assert find_fit(LADDER, members, 25.5).step == 3


def test_it_is_in_force_from_the_first_frame_and_told() -> None:
    slow = lineup(22.0)
    assert slow.begin_where_it_fits().step == 2
    slow.look(as_frame(noise(0), 1))
    status = slow.status()
    assert status.step == 2
    assert status.step_name == f'{LADDER.steps[2].name}, for the models are too slow here'
    assert next(model.stride for model in status.models if model.name == 'phase') == 8


def test_a_step_that_is_asked_for_goes_below_it_and_none_above() -> None:
    slow = lineup(22.0)
    slow.begin_where_it_fits()
    for asked, step in ((5, 5), (1, 2), (0, 2)):
        slow.ask(asked)
        slow.look(as_frame(noise(asked), 10 - asked))
        assert slow.status().step == step
    slow.ask(5)
    slow.look(as_frame(noise(1), 12))
    assert slow.status().step_name == LADDER.steps[5].name


def test_what_fits_gives_nothing_up() -> None:
    fast = lineup(12.0)
    assert fast.begin_where_it_fits().step == 0
    fast.look(as_frame(noise(0), 1))
    assert fast.status().step == 0


@pytest.mark.parametrize(('cost_ms', 'step'), [(11.0, 0), (21.0, 2)])
def test_it_is_taken_back_when_the_models_turn_out_to_be_faster(
    monkeypatch: pytest.MonkeyPatch, cost_ms: float, step: int
) -> None:
    now = [0]

    def clock() -> int:
        now[0] += round(cost_ms * NS_PER_MS)
        return now[0]

    monkeypatch.setattr('surgical_guidance.inference.fitting.monotonic_ns', clock)  # asked twice a look
    slow = lineup(22.0, budget_ms=26.0)
    assert slow.begin_where_it_fits().step == 1
    slow.begin_where_it_fits()
    slow._floor = 2
    images = [noise(seed) for seed in range(2)]
    for sequence in range(1, 302):
        slow.look(as_frame(images[sequence % 2], sequence))
    assert slow.status().step == step
