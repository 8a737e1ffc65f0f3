"""The ladder: what is given up, in which order; and a ladder of one's own that is no ladder is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from inference_helpers import told

from surgical_guidance.errors import ModelError
from surgical_guidance.inference.degradation import Share, group_of, load_ladder


def test_the_ladder_of_the_package_takes_from_the_ordinary_first_and_never_drops_what_is_safety_relevant() -> None:
    ladder = load_ladder()
    assert all(getattr(ladder.steps[0], group) == Share() for group in ('scene', 'safety', 'ordinary'))
    ordinary = [step.ordinary for step in ladder.steps]
    slower = next(index for index, share in enumerate(ordinary) if share.stride > 1)
    smaller = next(index for index, share in enumerate(ordinary) if share.size < 1)
    dropped = next(index for index, share in enumerate(ordinary) if share.dropped)
    assert slower < smaller < dropped
    for step in ladder.steps[: dropped + 1]:
        assert (step.safety, step.scene) == (Share(), Share())
    assert any(step.safety != Share() for step in ladder.steps)
    assert not any(step.safety.dropped or step.scene.dropped for step in ladder.steps)


def test_a_step_beyond_the_last_is_the_last() -> None:
    ladder = load_ladder()
    assert ladder.step(200) == (ladder.last, ladder.steps[-1])
    assert ladder.step(0)[1].name == 'nothing is given up'


def test_groups_follow_from_priority_and_from_making_the_scene() -> None:
    assert group_of(told('semantic_segmentation', {}, priority=1), makes_scene=True) == 'scene'
    assert group_of(told('multilabel', {}, priority=50), makes_scene=False) == 'safety'
    assert group_of(told('multilabel', {}, priority=49), makes_scene=False) == 'ordinary'


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('', 'valid tuple'),
        ('- {name: a, ordinary: {stride: 2}}', 'the first step must give nothing up'),
        ('- {name: a}\n- {name: b, scene: {dropped: true}}', '1: what is safety-relevant is never dropped'),
        (
            '- {name: a}\n- {name: b, ordinary: {stride: 4}}\n- {name: c, ordinary: {stride: 2}}',
            "'c' gives less up than 'b'",
        ),
        ('- {name: a}\n- {name: b, ordinary: {speed: 2}}', '1.ordinary.speed: Extra inputs'),
        ('- {name: a', 'this is not YAML'),
    ],
)
def test_what_is_no_ladder_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / 'ladder.yaml'
    path.write_text(text)
    with pytest.raises(ModelError) as refused:
        load_ladder(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
    assert '\n' not in str(refused.value)
