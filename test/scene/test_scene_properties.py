"""Whatever a network, a device or a clock says, a scene comes out, and the same one again."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scene_drawing import Map, Picture

from surgical_guidance.contract import CLASSES, CONDITIONS
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.calibration import CameraModel, StereoRig
from surgical_guidance.scene.messages import from_message, to_message
from surgical_guidance.scene.rulers import Aids, ToolPose
from surgical_guidance.scene.state import Condition, Context, Energy, SceneState, Segmentation

NUMBER = st.floats(allow_nan=True, allow_infinity=True)
EYE = CameraModel(64, 48, (60.0, 0, 31.5, 0, 60.0, 23.5, 0, 0, 1.0))
RIG = StereoRig(EYE, EYE, (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), (-4.5, 0.0, 0.0))


@st.composite
def networks(draw: st.DrawFn) -> Segmentation:
    """Blobs and noise of any class, also of indices that no class has."""
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 60))
    labels = draw(arrays.arrays(np.uint8, (rows, columns), elements=st.integers(0, 17), fill=st.just(0)))
    for _ in range(draw(st.integers(0, 6))):
        top, left = draw(st.integers(0, rows - 1)), draw(st.integers(0, columns - 1))
        high, wide = draw(st.integers(1, 30)), draw(st.integers(1, 50))
        labels[top : top + high, left : left + wide] = draw(st.sampled_from([1, 2, 3, 4, 6, 10, 11, 12, 200]))
    return Segmentation(labels, np.full(labels.shape, draw(st.integers(0, 255)), np.uint8), CLASSES)


contexts = st.builds(
    Context,
    phase=st.sampled_from(['', 'ClippingCutting', 'x']),
    phase_probability=NUMBER,
    conditions=st.lists(st.builds(Condition, st.sampled_from(CONDITIONS), NUMBER, st.booleans()), max_size=3).map(
        tuple
    ),
    energy=st.sampled_from(Energy),
    critical_view=st.tuples(NUMBER, NUMBER, NUMBER),
    identified=st.lists(st.sampled_from(CLASSES), max_size=2).map(tuple),
)
images = arrays.arrays(
    np.uint8, st.sampled_from([(48, 64, 3), (48, 64), (5, 7, 3), (1, 1)]), elements=st.integers(0, 255)
)
poses = st.lists(st.builds(ToolPose, NUMBER, NUMBER, NUMBER, NUMBER), max_size=3).map(tuple)
steps = st.sampled_from([0, 1, 33_000_000, 120_000_000, 5_000_000_000, -40_000_000, -(10**12)])
moments = st.lists(
    st.tuples(st.none() | networks(), images, contexts, poses, steps, st.booleans()), min_size=1, max_size=6
)  # fmt: skip


def played(frames: list[tuple], builder: SceneBuilder) -> list[SceneState]:
    scenes, stamp = [], 10**13
    for index, (network, image, context, arms, step, stereo) in enumerate(frames):
        stamp += step
        fits = image.shape[:2] == (48, 64)
        aids = Aids(image[:, ::-1].copy() if stereo else None, arms) if fits else Aids()
        scenes.append(builder.build(Picture(image, index, stamp), network, context=context, aids=aids))
    return scenes


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(moments)
def test_every_input_gives_a_scene_and_the_same_again(frames: list[tuple]) -> None:
    scenes, again = played(frames, SceneBuilder(rig=RIG)), played(frames, SceneBuilder(rig=RIG))
    for one, other in zip(scenes, again, strict=True):
        assert same(replace(one, stages=(), monotonic_ns=0), replace(other, stages=(), monotonic_ns=0))
        from_message(to_message(one))
        for near in one.proximities:
            assert near.distance_px >= 0.0
            assert math.isnan(near.distance_mm) == (near.method == '')
            assert math.isnan(near.distance_mm) or near.sigma_mm > 0.0
        assert all(tool.id > 0 for tool in one.instruments)
        assert len({tool.id for tool in one.instruments}) == len(one.instruments)


def same(one: object, other: object) -> bool:
    """Equal field by field; NaN equals NaN."""
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))  # type: ignore[arg-type]
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)  # type: ignore[arg-type]
    return one == other or (one != one and other != other)


def test_a_map_of_noise_is_taken_too() -> None:
    labels = np.random.default_rng(2).integers(0, len(CLASSES), (144, 256)).astype(np.uint8)
    scene = SceneBuilder().build(Picture(), Segmentation(labels, labels, CLASSES))
    assert scene.instruments == scene.structures == ()


def test_what_was_known_before_a_jump_of_the_stamps_plays_no_part() -> None:
    drawn = Map().disc('blood', 960, 540, 150).rod('suction', (900, 500), 73, width=80).segmentation()
    used = SceneBuilder()
    for index in range(20):
        used.build(Picture(stamp_ns=10**12 + index * 33_000_000), drawn)
    after, fresh = (one.build(Picture(stamp_ns=10**9), drawn) for one in (used, SceneBuilder()))
    unlike = {'stages': (), 'monotonic_ns': 0, 'instruments': ()}
    assert same(replace(after, **unlike), replace(fresh, **unlike))
