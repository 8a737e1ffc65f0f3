"""What a model says of the view counts; what it does not say is judged by the picture."""

from __future__ import annotations

import numpy as np
import pytest
from scene_drawing import Map, Picture

from surgical_guidance.contract import CLASSES, CONDITIONS
from surgical_guidance.phantom.take import Take
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import Condition, Context, SceneState, Segmentation


def seen(scenario: str, time_s: float, vendor: str | None = None) -> dict[str, Condition]:
    take = Take(scenario, 105, 1280, 720, vendor)
    image, index = np.empty((720, 1280, 3), np.uint8), round(time_s * take.rate)
    take.render(index, image)
    labels = take.labels(index, 512, 288)
    network = Segmentation(labels, np.full(labels.shape, 230, np.uint8), CLASSES)
    return by_name(SceneBuilder().build(Picture(image), network))


def by_name(scene: SceneState) -> dict[str, Condition]:
    assert len({one.name for one in scene.conditions}) == len(scene.conditions)
    return {one.name: one for one in scene.conditions}


@pytest.mark.parametrize(
    ('scenario', 'time_s', 'name'),
    [
        ('smoke', 3.0, 'smoke'),
        ('lens_fogged', 2.4, 'fog'),
        ('glare', 4.0, 'glare'),
        ('perception_low', 4.0, 'low_light'),
        ('blur', 3.0, 'blur'),
        ('out_of_body', 3.0, 'out_of_body'),
        ('active_bleeding', 6.0, 'bleeding'),
    ],
)
def test_the_picture_tells_what_goes_on(scenario: str, time_s: float, name: str) -> None:
    active = {one.name for one in seen(scenario, time_s).values() if one.active}
    assert name in active


@pytest.mark.parametrize('vendor', [None, 'cassia', 'elara'])
def test_a_clear_picture_has_nothing_of_it(vendor: str | None) -> None:
    assert not [one for one in seen('hook_near_bowel', 0.5, vendor).values() if one.active]


def test_a_model_is_believed_before_the_picture() -> None:
    told = tuple(Condition(name, 0.3, active=True) for name in ('smoke', 'blur'))
    scene = SceneBuilder().build(Picture(), Map().segmentation(), context=Context(conditions=told))
    assert scene.conditions[:2] == told
    assert by_name(scene).keys() == set(CONDITIONS) - {'splash'}


def test_where_a_model_tells_all_nothing_is_added() -> None:
    told = tuple(Condition(name, 0.0, active=False) for name in CONDITIONS)
    assert SceneBuilder().build(Picture(), Map().segmentation(), context=Context(conditions=told)).conditions == told
