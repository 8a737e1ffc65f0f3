"""The calibration given last holds for pictures of its shape, and what is wrong is told once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from surgical_guidance.inference.optics import Optics


def info(**changes: Any) -> SimpleNamespace:
    fields = {
        'width': 1920, 'height': 1080, 'distortion_model': 'plumb_bob', 'd': [0.0] * 5,
        'k': [1100.0, 0.0, 959.5, 0.0, 1100.0, 539.5, 0.0, 0.0, 1.0], 'r': [0.0] * 9, 'p': [0.0] * 12,
    }  # fmt: skip
    return SimpleNamespace(**fields | changes)


def test_without_a_calibration_there_is_nothing_to_fit() -> None:
    assert Optics().fit(1920, 1080) is None


def test_a_calibration_is_fitted_once_for_each_size_of_picture() -> None:
    optics = Optics()
    assert optics.hear(info()) == ''
    fit = optics.fit(1920, 1080)
    assert fit is not None
    assert (fit.camera.focal_px, fit.good) == (1100.0, True)
    assert optics.fit(1920, 1080) is None
    assert optics.hear(info()) == ''
    assert optics.fit(1920, 1080) is None  # the same one again is no new one
    smaller = optics.fit(1280, 720)
    assert (round(smaller.camera.focal_px), smaller.good) == (733, False)
    assert 'in pictures of 1280 x 720, scaled from 1920 x 1080' in smaller.told


def test_for_pictures_of_another_shape_it_is_refused_and_the_camera_counts_as_not_calibrated() -> None:
    optics = Optics()
    optics.hear(info())
    fit = optics.fit(720, 576)
    assert fit.camera is None
    assert 'it is for pictures of 1920 x 1080 pixels, not 720 x 576' in fit.told
    assert optics.fit(720, 576) is None  # told once
    assert optics.fit(1920, 1080).good


def test_a_broken_message_is_told_once_and_the_calibration_before_it_stays() -> None:
    optics = Optics()
    optics.hear(info())
    optics.fit(1920, 1080)
    broken = info(k=np.zeros(9))
    assert 'not calibrated' in optics.hear(broken)
    assert optics.hear(broken) == ''
    assert optics.fit(1920, 1080) is None
    assert 'distortion_model' in optics.hear(info(distortion_model='fisheye'))
    assert 'distortion_coefficients' in optics.hear(info(d=[0.0] * 3))
    assert optics.fit(1920, 1080) is None
