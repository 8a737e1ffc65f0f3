"""On the true label maps of the phantom the scene agrees with its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scene_drawing import Picture

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom.scene import Scene, Truth
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.state import SceneState, Segmentation

WIDTH, HEIGHT, STEP_S, CYCLE_S = 960, 540, 0.5, 18.0
LABEL_PX = WIDTH / 512
HOOK = 'l_hook_electrocautery'


@dataclass
class Moment:
    """A time of the phantom, its truth, and what the scene says."""

    time_s: float
    truth: Truth
    scene: SceneState


@pytest.fixture(scope='module')
def moments() -> list[Moment]:
    phantom, builder, found = Scene(WIDTH, HEIGHT), SceneBuilder(), []
    picture = Picture(np.empty((HEIGHT, WIDTH, 3), np.uint8))
    for time_s in np.arange(0.0, CYCLE_S, STEP_S):
        phantom.render(time_s, picture.image)
        labels = phantom.truth(time_s, 512, 288).labels
        segmentation = Segmentation(labels, np.full(labels.shape, 230, np.uint8), CLASSES)
        found.append(Moment(time_s, phantom.truth(time_s), builder.build(picture, segmentation)))
    return found


def tips(moments: list[Moment], class_name: str) -> list[float]:
    """How far each visible tip is from the true one [label pixels]."""
    return [
        float(np.hypot(*(np.subtract(moment.truth.tips[class_name], (tool.tip_x, tool.tip_y))))) / LABEL_PX
        for moment in moments
        for tool in moment.scene.instruments
        if tool.class_name == class_name and tool.tip_visible
    ]


@pytest.mark.parametrize('class_name', [HOOK, 'grasper'])
def test_tips_are_found_to_within_a_few_label_pixels(moments: list[Moment], class_name: str) -> None:
    off = tips(moments, class_name)
    assert len(off) > 0.7 * len(moments)
    assert np.median(off) < 2.0
    assert max(off) < 3.0


def test_a_tip_is_visible_when_it_truly_is(moments: list[Moment]) -> None:
    wrong = [
        (moment.time_s, name)
        for moment in moments
        for name, visible in moment.truth.tip_visible.items()
        if visible != any(tool.class_name == name and tool.tip_visible for tool in moment.scene.instruments)
    ]
    assert len(wrong) <= 2, wrong  # at the very edge of the view


def distances(moments: list[Moment], structure: str) -> list[tuple[float, float, float]]:
    """Measured, sigma and true distance of the hook [mm], where millimetres are known."""
    found = []
    for moment in moments:
        scene = moment.scene
        near = [
            (near.distance_mm, near.sigma_mm)
            for near in scene.proximities
            if scene.instruments[near.instrument].class_name == HOOK
            and scene.structures[near.structure].class_name == structure
            and not np.isnan(near.distance_mm)
        ]
        if near:
            found.append((*min(near), moment.truth.distance_mm[structure]))
    return found


@pytest.mark.parametrize('structure', ['gastrointestinal_tract', 'cystic_artery'])
def test_distances_are_right_within_two_sigma(moments: list[Moment], structure: str) -> None:
    measured, sigma, true = np.array(distances(moments, structure)).T
    assert len(measured) > 0.6 * len(moments)
    assert np.mean(np.abs(measured - true) <= 2 * sigma) >= 0.95
    assert np.median(np.abs(measured - true) / np.maximum(true, 1.0)) < 0.1


def test_sharpness_tells_focus_from_defocus(moments: list[Moment]) -> None:
    blurred = [moment.scene.sharpness for moment in moments if 'defocus' in moment.truth.events]
    sharp = [moment.scene.sharpness for moment in moments if moment.time_s < 15.0]
    assert blurred
    assert max(blurred) < 12 < 50 < min(sharp)
