"""Random samples are repeatable, and show all that a model has to know."""

from __future__ import annotations

import numpy as np
import pytest

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom.randomise import Randomiser, Sample, sample
from surgical_guidance.phantom.truth import EVENTS
from surgical_guidance.phantom.vendors import HELD_OUT, TRAINING, VENDORS


@pytest.fixture(scope='module')
def samples() -> list[Sample]:
    maker = Randomiser(np.random.default_rng(1), 192, 108)
    return [maker.sample() for _ in range(120)]


def test_the_same_numbers_give_the_same_sample() -> None:
    one, other = (sample(np.random.default_rng(3), 128, 72) for _ in range(2))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])
    assert one[2] == other[2]
    assert not np.array_equal(one[0], sample(np.random.default_rng(4), 128, 72)[0])


def test_every_class_but_the_hepatic_vein_is_shown(samples: list[Sample]) -> None:
    shown = np.unique(np.concatenate([np.unique(labels) for _, labels, _ in samples]))
    assert {CLASSES[index] for index in shown} == set(CLASSES) - {'hepatic_vein'}


def test_every_disturbance_happens(samples: list[Sample]) -> None:
    happened = {name for _, _, truth in samples for name in truth.events.active()}
    assert happened >= set(EVENTS) - {'tip_left_view', 'out_of_body'}


def test_cameras_that_are_held_out_are_never_used(samples: list[Sample]) -> None:
    used = {truth.vendor for _, _, truth in samples}
    assert used == {'random', 'plain'}
    assert not used & set(HELD_OUT)
    assert set(TRAINING) | set(HELD_OUT) == set(VENDORS)
    assert len(VENDORS) >= 5


def test_each_patient_has_a_camera_of_its_own_and_keeps_it() -> None:
    maker = Randomiser(np.random.default_rng(4), 96, 54, views=3)
    cameras = []
    for _ in range(4):
        seen = set()
        for _ in range(3):
            maker.sample()
            seen.add(maker._camera)
        assert len(seen) == 1
        cameras += seen
    assert len({camera for camera in cameras if camera.name == 'random'}) >= 2


def test_cameras_can_be_named() -> None:
    maker = Randomiser(np.random.default_rng(1), 96, 54, vendors=TRAINING, views=20)
    assert {maker.sample()[2].vendor for _ in range(20)} <= set(TRAINING)


def test_an_instrument_in_the_truth_is_in_the_labels(samples: list[Sample]) -> None:
    for _, labels, truth in samples:
        for one in truth.instruments:
            solid = one.class_name in ('l_hook_electrocautery', 'suction')  # between jaws there may be a gap
            if solid and one.tip_visible and one is truth.instruments[-1]:  # nothing hides the last one
                x, y = (round(value) for value in one.tip)
                around = labels[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5]
                assert (around == CLASSES.index(one.class_name)).any()
