"""Distances in the image plane, and how far they can be trusted."""

from __future__ import annotations

import pytest
from scene_drawing import Map

from surgical_guidance.scene.state import Proximity, SceneState


def near(scene: SceneState, structure: str) -> Proximity:
    (found,) = [one for one in scene.proximities if scene.structures[one.structure].class_name == structure]
    return found


def drawn(blood_from: float | None) -> SceneState:
    """A hook above a duct that ends 300 px to the right of its tip; blood begins there and comes nearer."""
    drawing = Map().rod('l_hook_electrocautery', (700.0, 500.0), -90.0, 48.0)
    drawing.polygon('cystic_duct', (1000.0, 480.0), (1500.0, 480.0), (1500.0, 520.0), (1000.0, 520.0))
    if blood_from is not None:
        drawing.polygon('blood', (blood_from, 440.0), (1000.0, 440.0), (1000.0, 560.0), (blood_from, 560.0))
    return drawing.scene()


def test_a_tube_that_goes_on_under_blood_may_be_as_near_as_the_blood_is() -> None:
    scene = drawn(blood_from=800.0)
    tube, blood = near(scene, 'cystic_duct'), near(scene, 'blood')
    assert blood.distance_mm < tube.distance_mm / 2
    assert tube.distance_mm == near(drawn(None), 'cystic_duct').distance_mm
    assert tube.distance_mm - 2 * tube.sigma_mm <= blood.distance_mm


def test_blood_elsewhere_makes_no_distance_less_sure() -> None:
    apart = Map().rod('l_hook_electrocautery', (700.0, 500.0), -90.0, 48.0)
    apart.polygon('cystic_duct', (1000.0, 480.0), (1500.0, 480.0), (1500.0, 520.0), (1000.0, 520.0))
    scene = apart.disc('blood', 600.0, 800.0, 60.0).scene()
    assert near(scene, 'cystic_duct').sigma_mm == pytest.approx(near(drawn(None), 'cystic_duct').sigma_mm)
