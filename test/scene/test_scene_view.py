"""The picture is measured the same whatever camera it came from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scene_drawing import round_view

from surgical_guidance.scene.view import ViewMeter


def texture(height: int, width: int) -> NDArray[np.uint8]:
    """The same pattern at any size."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(40, 220, (120, 213, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_a_picture_out_of_focus_is_less_sharp_at_every_step() -> None:
    meter, image = ViewMeter(), texture(1080, 1920)
    values = [meter.measure(cv2.GaussianBlur(image, (0, 0), sigma)).sharpness for sigma in (0.5, 4.0, 8.0, 16.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 20 * values[-1]


@pytest.mark.parametrize(('height', 'width'), [(720, 1280), (1080, 1920), (2160, 3840)])
def test_sharpness_does_not_depend_on_the_size_of_the_picture(height: int, width: int) -> None:
    assert ViewMeter().measure(texture(height, width)).sharpness == pytest.approx(
        ViewMeter().measure(texture(480, 853)).sharpness, rel=0.35
    )


def test_the_rim_of_a_round_view_does_not_make_a_blurred_picture_sharp() -> None:
    assert ViewMeter().measure(round_view(500).image).sharpness == 0


def test_a_round_field_of_view_is_found_and_brightness_is_measured_inside() -> None:
    view = ViewMeter().measure(round_view(500, grey=128).image)
    assert view.field is not None
    width = (view.field[:, 0].max() - view.field[:, 0].min()) * 1920
    assert width == pytest.approx(1000, abs=20)
    assert view.brightness == pytest.approx(128 / 255, abs=0.02)


def test_a_black_shaft_does_not_dent_the_field_of_view() -> None:
    picture = round_view(500)
    cv2.line(picture.image, (960, 540), (1919, 540), (0, 0, 0), 80)
    view = ViewMeter().measure(picture.image)
    assert view.field is not None
    assert cv2.pointPolygonTest(view.field, (1300 / 1920, 0.5), False) > 0


def test_a_picture_without_a_mask_and_a_dark_one_are_seen_whole() -> None:
    assert ViewMeter().measure(np.full((1080, 1920, 3), 128, np.uint8)).field is None
    dark = ViewMeter().measure(np.zeros((1080, 1920, 3), np.uint8))
    assert dark.field is None
    assert dark.brightness == 0


def test_grey_pictures_are_measured_too() -> None:
    grey = cv2.cvtColor(texture(720, 1280), cv2.COLOR_BGR2GRAY)
    assert ViewMeter().measure(np.asarray(grey, np.uint8)).sharpness > 100


def test_one_meter_takes_pictures_of_changing_size() -> None:
    meter = ViewMeter()
    for shape in ((1080, 1920, 3), (480, 640), (1080, 1920, 3), (4, 4, 3), (1, 1)):
        assert 0.49 < meter.measure(np.full(shape, 128, np.uint8)).brightness < 0.51
