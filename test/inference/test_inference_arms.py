"""A tip is where its arm said that it was when the frame was taken."""

from __future__ import annotations

import math

import pytest

from surgical_guidance.contract import OPTICAL_FRAME
from surgical_guidance.inference.arms import APART_NS, Arms

NOW = 10**12


def test_the_pose_nearest_to_the_frame_is_taken_in_millimetres() -> None:
    arms = Arms(sigma_mm=1.5)
    for step in range(-20, 3):
        assert arms.tell('PSM1', OPTICAL_FRAME, NOW + step * 5_000_000, (0.01, -0.02, 0.08 + step * 1e-3)) == ''
    (pose,) = arms.at(NOW)
    assert (pose.x_mm, pose.y_mm, pose.z_mm, pose.sigma_mm) == pytest.approx((10.0, -20.0, 80.0, 1.5))


def test_each_arm_has_its_own_and_one_that_fell_silent_has_none() -> None:
    arms = Arms(sigma_mm=2.0)
    arms.tell('PSM1', OPTICAL_FRAME, NOW, (0.0, 0.0, 0.07))
    arms.tell('PSM2', OPTICAL_FRAME, NOW - APART_NS - 1, (0.0, 0.0, 0.09))
    assert [pose.z_mm for pose in arms.at(NOW)] == pytest.approx([70.0])
    assert arms.at(NOW + 10**9) == ()


@pytest.mark.parametrize(
    ('frame_id', 'x', 'why'),
    [('PSM1_base', 0.0, 'PSM1_base'), ('', 0.0, OPTICAL_FRAME), (OPTICAL_FRAME, math.nan, 'number')],
)
def test_a_pose_of_which_nobody_knows_where_it_is_is_refused(frame_id: str, x: float, why: str) -> None:
    arms = Arms(sigma_mm=2.0)
    assert why in arms.tell('PSM1', frame_id, NOW, (x, 0.0, 0.1))
    assert arms.at(NOW) == ()


def test_a_stamp_of_0_means_that_the_pose_is_not_valid() -> None:
    arms = Arms(sigma_mm=2.0)
    assert 'stamp' in arms.tell('PSM1', OPTICAL_FRAME, 0, (0.0, 0.0, 0.1))
    assert arms.at(0) == ()
