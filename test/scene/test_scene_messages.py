"""A scene is the same after it was a message."""

from __future__ import annotations

import dataclasses

import numpy as np
from rclpy.serialization import deserialize_message, serialize_message
from scene_drawing import HEIGHT, WIDTH, Map
from surgical_guidance_msgs.msg import Instrument as InstrumentMessage
from surgical_guidance_msgs.msg import SceneState as SceneMessage
from surgical_guidance_msgs.msg import Structure as StructureMessage

from surgical_guidance.scene.messages import from_message, to_message
from surgical_guidance.scene.state import (
    Condition,
    Energy,
    Instrument,
    Landmark,
    Proximity,
    SceneState,
    StageTime,
    Structure,
    Zone,
)


def through_a_message(scene: SceneState) -> SceneState:
    return from_message(deserialize_message(serialize_message(to_message(scene)), SceneMessage))


def assert_same(one: object, other: object) -> None:
    """Equal field by field; NaN equals NaN."""
    assert type(one) is type(other)
    if dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other or (one != one and other != other)


def test_a_built_scene_comes_back_without_loss() -> None:
    drawn = Map().disc('liver', 300, 300, 120).polygon('fat', (0, 900), (WIDTH, 900), (WIDTH, HEIGHT), (0, HEIGHT))
    drawn.rod('suction', (960, 500), 73, width=80).rod('clipper', (WIDTH + 99, 700), 0, width=60)
    scene = drawn.scene()
    assert scene.proximities
    assert_same(through_a_message(scene), scene)


def test_every_field_comes_back() -> None:
    contour = np.array([[1.5, 2.5], [3.0, 4.0], [-5.0, np.inf]], np.float32)
    scene = SceneState(
        stamp_ns=1_700_000_000_123_456_789,
        sequence=2**63,
        monotonic_ns=987_654_321_987,
        width=1920,
        height=1080,
        valid=False,
        problem='模糊',
        instruments=(
            Instrument(
                'grasper',
                0.1,
                contour,
                7,
                True,
                1 / 3,
                2 / 3,
                0.6,
                0.8,
                81.2,
                0.06,
                0.002,
                Energy.ON,
                1.5,
                -0.5,
                2.5,
                0.7,
            ),
        ),
        structures=(Structure('blood', 0.2, contour[:0], 0.3, 0.01, 7.5, 8.5, True),),
        proximities=(Proximity(0, 0, 12.3, 0.77, 0.1, 'shaft_width', 5.5, 6.6), Proximity(0, 0, 1.0)),
        quality=0.4,
        sharpness=55.5,
        brightness=0.5,
        stages=(StageTime('inference', 1.5, 20.25),),
        phase='ClippingCutting',
        phase_probability=0.9,
        action='clip',
        action_probability=0.8,
        conditions=(Condition('smoke', 0.4, True), Condition('blur', 0.0, False)),
        zones=(Zone('no_go', contour[:2], 'below the line'),),
        landmarks=(Landmark('rouviere_sulcus', 10.5, 20.5, 3.0),),
        critical_view=(1.0, 0.5, 0.0),
        roll=0.3,
        drift_x=-4.5,
        drift_y=5.5,
        energy=Energy.ON,
    )
    assert all(getattr(scene, field.name) != field.default for field in dataclasses.fields(scene))
    assert_same(through_a_message(scene), scene)


def test_an_unknown_energy_state_and_half_a_point_are_taken_for_what_they_are() -> None:
    message = SceneMessage(
        energy=9, instruments=[InstrumentMessage(energised=9)], structures=[StructureMessage(contour=[1.0, 2.0, 3.0])]
    )
    scene = from_message(message)
    assert scene.energy is scene.instruments[0].energised is Energy.UNKNOWN
    np.testing.assert_array_equal(scene.structures[0].contour, [[1.0, 2.0]])
