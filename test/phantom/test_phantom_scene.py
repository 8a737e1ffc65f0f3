"""The phantom is deterministic, its truth is what its picture shows, and it gives every first rule its reason."""

from __future__ import annotations

import hashlib
import itertools
import tracemalloc

import cv2
import numpy as np
import pytest

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom import script
from surgical_guidance.phantom.scene import Scene

HOOK = 'l_hook_electrocautery'
SIZE = (640, 360)


@pytest.fixture(scope='module')
def scene() -> Scene:
    return Scene(*SIZE, seed=3)


def picture(scene: Scene, time_s: float) -> np.ndarray:
    image = np.empty((scene.height, scene.width, 3), np.uint8)
    scene.render(time_s, image)
    return image


def middle(event: script.Event) -> float:
    return (event.start_s + event.end_s) / 2


def test_the_same_seed_size_and_time_give_the_same_bytes(scene: Scene) -> None:
    again = Scene(*SIZE, seed=3)
    for time_s in (0.0, 5.0, 16.9):
        one, other = (hashlib.sha256(picture(s, time_s).tobytes()).hexdigest() for s in (scene, again))
        assert one == other


def test_another_seed_is_another_patient(scene: Scene) -> None:
    assert not np.array_equal(picture(scene, 1.0), picture(Scene(*SIZE, seed=4), 1.0))


def test_the_cycle_joins_without_a_jump(scene: Scene) -> None:
    before, after = (picture(scene, time_s).astype(int) for time_s in (script.CYCLE_S - 1e-6, script.CYCLE_S))
    assert np.abs(before - after).max() <= 6  # edges are antialiased in sixteenths of a pixel


def test_the_picture_moves_from_frame_to_frame(scene: Scene) -> None:
    frames = [picture(scene, index / 30) for index in range(30)]
    assert all(not np.array_equal(a, b) for a, b in itertools.pairwise(frames))


def test_instruments_are_where_the_truth_says(scene: Scene) -> None:
    """Without its instruments the picture differs from the real one just where the truth has them."""
    truth = scene.truth(1.0)
    marked = np.isin(truth.labels, [CLASSES.index(HOOK), CLASSES.index('grasper')])
    bare = picture(scene, 1.0)
    scene.tissue.crop(bare, script.breath(1.0))
    changed = np.abs(bare.astype(int) - picture(scene, 1.0)).max(axis=2) > 25
    changed &= truth.labels != 0  # the round edge was drawn over as well
    overlap = (changed & marked).sum() / (changed | marked).sum()
    assert overlap > 0.85


def test_liver_is_red_and_fat_is_yellow_where_the_truth_says(scene: Scene) -> None:
    truth, image = scene.truth(1.0), picture(scene, 1.0)
    liver = image[truth.labels == CLASSES.index('liver')].mean(axis=0)
    fat = image[truth.labels == CLASSES.index('fat')].mean(axis=0)
    assert liver[2] > 2 * liver[1]
    assert fat[1] > 1.3 * fat[0]
    assert image[truth.labels == 0].mean() < 3  # the black around the round picture


def test_the_tip_is_the_end_of_the_hook(scene: Scene) -> None:
    truth = scene.truth(1.0)
    x, y = truth.tips[HOOK]
    rows, columns = np.nonzero(truth.labels == CLASSES.index(HOOK))
    assert np.hypot(columns - x, rows - y).min() < 2.5
    assert columns.min() > x - 3  # it comes from the right: nothing of it is further left


@pytest.mark.parametrize(
    ('structure', 'event'), [('gastrointestinal_tract', script.BOWEL), ('cystic_artery', script.ARTERY)]
)
def test_the_distance_told_is_the_distance_in_the_picture(scene: Scene, structure: str, event: script.Event) -> None:
    truth = scene.truth(middle(event), 1920, 1080)
    x, y = truth.tips[HOOK]
    outside = (truth.labels != CLASSES.index(structure)).astype(np.uint8)
    seen = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[round(y), round(x)]
    assert truth.distance_px(structure) == pytest.approx(seen, abs=4.0)


def test_a_shaft_of_5_mm_is_as_wide_as_the_scale_says(scene: Scene) -> None:
    truth = scene.truth(1.0, 1920, 1080)
    shaft = truth.labels[:, 1500] == CLASSES.index(HOOK)  # across a shaft that lies 13 degrees to the row
    assert shaft.sum() * np.cos(np.radians(14)) / truth.px_per_mm == pytest.approx(5.0, abs=0.4)


def test_every_event_gives_its_rule_a_reason(scene: Scene) -> None:
    during = {event.name: scene.truth(middle(event)) for event in script.EVENTS}
    assert during['bowel_proximity'].distance_mm['gastrointestinal_tract'] < 8.0
    assert during['artery_proximity'].distance_mm['cystic_artery'] < 2.0
    assert not during['hook_out_of_view'].tip_visible[HOOK]
    assert min(x for x, _ in during['tools_off_centre'].tips.values()) > 0.68 * SIZE[0]
    calm = during['dissection']
    assert calm.distance_mm['gastrointestinal_tract'] > 15.0
    assert calm.distance_mm['cystic_artery'] > 6.0


@pytest.mark.parametrize(
    ('event', 'structure', 'limit'),
    [(script.BOWEL, 'gastrointestinal_tract', 8.0), (script.ARTERY, 'cystic_artery', 2.0)],
)
def test_a_close_approach_is_held_while_the_tissue_breathes(
    scene: Scene, event: script.Event, structure: str, limit: float
) -> None:
    times = np.arange(event.start_s, event.end_s, 0.1)
    assert len(times) >= 15
    assert all(scene.truth(float(time)).distance_mm[structure] < limit for time in times)


def test_defocus_blurs_the_picture(scene: Scene) -> None:
    def sharpness(time_s: float) -> float:
        return float(cv2.Laplacian(cv2.cvtColor(picture(scene, time_s), cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())

    assert sharpness(middle(script.DEFOCUS)) < 0.1 * sharpness(1.0)


def test_drawing_allocates_nothing_of_the_size_of_a_frame(scene: Scene) -> None:
    image = np.empty((scene.height, scene.width, 3), np.uint8)
    for time_s in (1.0, 16.9):
        scene.render(time_s, image)
        tracemalloc.start()
        scene.render(time_s, image)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < image.nbytes / 4


@pytest.mark.parametrize('size', [(640, 480), (320, 180), (400, 400)])
def test_any_shape_of_picture_is_filled(size: tuple[int, int]) -> None:
    scene = Scene(*size)
    assert picture(scene, 1.0).mean() > 30
    assert scene.truth(1.0).labels.shape == size[::-1]
