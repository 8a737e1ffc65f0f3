"""A take is the same in every process, and its truth is what its picture shows."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import SourceError
from surgical_guidance.phantom.geometry import cloud, view_of
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import Events, FrameTruth

HOOK = 'l_hook_electrocautery'
SIZE = (640, 360)
DIGEST = """
import hashlib, sys
import numpy as np
from surgical_guidance.phantom.take import Take
take = Take('active_bleeding', 5, 256, 144, 'cassia')
digest = hashlib.sha256()
image = np.empty((144, 256, 3), np.uint8)
for index in {order}:
    take.render(index, image)
    one = hashlib.sha256(image.tobytes() + take.labels(index).tobytes() + take.depth(index).tobytes())
    one.update(take.truth(index).to_json().encode())
    print(index, one.hexdigest())
"""


@pytest.fixture(scope='module')
def near() -> Take:
    return Take('hook_near_bowel', 3, *SIZE)


@pytest.fixture(scope='module')
def bleeding() -> Take:
    return Take('active_bleeding', 3, *SIZE)


def picture(take: Take, index: int) -> np.ndarray:
    image = np.empty((take.height, take.width, 3), np.uint8)
    take.render(index, image)
    return image


def test_another_process_and_another_order_give_the_same_frames_and_truth() -> None:
    def digests(order: list[int]) -> list[str]:
        program = [sys.executable, '-c', DIGEST.format(order=order)]
        run = subprocess.run(program, capture_output=True, text=True, timeout=60, check=True)
        return sorted(run.stdout.splitlines())

    assert digests([0, 90, 150]) == digests([150, 0, 90])


def test_seed_scenario_and_vendor_each_make_another_picture() -> None:
    takes = [
        Take('active_bleeding', 5, 256, 144),
        Take('active_bleeding', 6, 256, 144),
        Take('active_bleeding', 5, 256, 144, 'borealis'),
        Take('smoke', 5, 256, 144),
    ]
    hashes = {hashlib.sha256(picture(take, 120).tobytes()).hexdigest() for take in takes}
    assert len(hashes) == len(takes)


def test_truth_survives_its_line_of_json(bleeding: Take) -> None:
    truth = bleeding.truth(100)
    line = truth.to_json()
    assert '\n' not in line
    assert FrameTruth.from_json(line) == truth
    assert truth.events.bleeding is not None


@pytest.mark.parametrize('line', ['no json', '{}', '{"scenario":"a"}'])
def test_a_line_that_is_no_truth_is_refused(line: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        FrameTruth.from_json(line)


def test_a_visible_tip_is_the_end_of_its_instrument(near: Take) -> None:
    for index in (0, 40, 100):
        truth, labels = near.truth(index), near.labels(index)
        for one in truth.instruments:
            rows, columns = np.nonzero(labels == CLASSES.index(one.class_name))
            along = (columns - one.tip[0]) * one.axis[0] + (rows - one.tip[1]) * one.axis[1]
            assert one.tip_visible
            assert -3.0 < along.max() < 3.0


def test_a_tip_in_space_is_seen_where_the_truth_says(near: Take) -> None:
    truth = near.truth(70)
    for one in truth.instruments:
        x, y, z = one.tip_mm
        camera = truth.camera
        assert camera.fx * x / z + camera.cx == pytest.approx(one.tip[0], abs=1e-6)
        assert camera.fy * y / z + camera.cy == pytest.approx(one.tip[1], abs=1e-6)


def test_a_shaft_is_as_wide_as_its_depth_makes_it(near: Take) -> None:
    truth, depth, labels = near.truth(0), near.depth(0), near.labels(0)
    one = truth.instrument(HOOK)
    assert one is not None
    back = 60.0  # pixels behind the tip, on the shaft
    middle = np.array(one.tip) - back * np.array(one.axis) + 6.0 * np.array([-one.axis[1], one.axis[0]])
    across = np.array([-one.axis[1], one.axis[0]])
    steps = [np.round(middle + step * across).astype(int) for step in np.arange(-30, 30, 0.25)]
    inside = [(x, y) for x, y in steps if labels[y, x] == CLASSES.index(HOOK)]
    width = len(inside) * 0.25
    nearest = min(depth[y, x] for x, y in inside)
    assert width == pytest.approx(truth.camera.fx * one.shaft_diameter_mm / (nearest + 2.5), rel=0.12)


@pytest.mark.parametrize('structure', ['gastrointestinal_tract', 'cystic_artery', 'gallbladder'])
def test_a_distance_is_the_one_that_depth_and_labels_give(near: Take, structure: str) -> None:
    truth = near.truth(90)
    labels, depth = near.labels(90), near.depth(90)
    points = cloud(depth, view_of(*SIZE))[labels == CLASSES.index(structure)]
    for one in truth.instruments:
        seen = np.sqrt(((points - np.array(one.tip_mm)) ** 2).sum(axis=1).min())
        assert one.distances[structure].mm == pytest.approx(seen, abs=0.6)  # what an instrument hides counts as well


def test_instruments_lie_before_the_tissue_but_where_they_press_into_it(near: Take) -> None:
    labels, depth = near.labels(90), near.depth(90)
    bare = near._studio.patient.depth(SIZE, near.moment(90).shift, 0.0, False)
    hook = labels == CLASSES.index(HOOK)
    assert np.mean(depth[hook] < bare[hook]) > 0.8
    assert np.max(depth[hook] - bare[hook]) < 6.0


def test_blood_is_red_where_the_truth_says_and_covers_the_share_it_says(bleeding: Take) -> None:
    index = bleeding.frames - 1
    image, labels, truth = picture(bleeding, index), bleeding.labels(index), bleeding.truth(index)
    blood = labels == CLASSES.index('blood')
    assert image[blood].mean(axis=0)[2] > 2.5 * image[blood].mean(axis=0)[1]
    assert truth.events.bleeding is not None
    assert truth.events.bleeding.share == pytest.approx(blood.mean(), rel=0.1)


def test_bleeding_starts_spreads_and_stops(bleeding: Take) -> None:
    events = [bleeding.truth(index).events.bleeding for index in (30, 60, 100, 140, 170, 200)]
    assert events[0] is None
    assert [bool(event and event.growing) for event in events] == [False, True, True, True, False, False]
    shares = [event.share for event in events[1:] if event]
    assert shares[0] < shares[1] < shares[2] < shares[3]
    assert shares[4] == pytest.approx(shares[3], rel=0.1)


def test_outside_the_body_there_is_nothing_of_it() -> None:
    take = Take('out_of_body', 1, 256, 144)
    truth = take.truth(90)
    assert truth.events.out_of_body
    assert not truth.instruments
    assert not take.labels(90).any()
    assert not take.depth(90).any()
    assert picture(take, 90).mean() > 40


def test_the_operation_goes_through_all_phases_in_order() -> None:
    take = Take('operation', 4, 128, 72)
    phases = [take.moment(index).phase for index in range(0, take.frames, 15)]
    order = list(dict.fromkeys(phases))
    assert order == [
        'Preparation', 'CalotTriangleDissection', 'ClippingCutting', 'GallbladderDissection', 'GallbladderPackaging',
        'CleaningCoagulation', 'GallbladderRetraction',
    ]  # fmt: skip
    assert take.frames != Take('operation', 5, 128, 72).frames  # no two take the same time


def test_what_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(SourceError, match=r"no scenario 'lunch'.*operation"):
        Take('lunch')
    with pytest.raises(SourceError, match=r"no vendor 'acme'.*plain"):
        Take('smoke', vendor='acme')
    with pytest.raises(IndexError, match='frames 0 to'):
        Take('smoke', 0, 128, 72).moment(10_000)


def test_a_level_that_wavers_is_still_one_event() -> None:
    going: tuple[str, ...] = ()
    told = []
    for level in (0.2, 0.26, 0.2, 0.16, 0.26, 0.14, 0.2):
        going = Events(smoke=level).active(going)
        told.append('smoke' in going)
    assert told == [False, True, True, True, True, False, False]
    assert Events(smoke=0.2).active() == ()


def test_the_events_alone_are_those_of_the_whole_truth() -> None:
    for name, index in (('hook_left_view', 80), ('active_bleeding', 120), ('out_of_body', 90), ('rolled_view', 150)):
        take = Take(name, 3, 320, 180)
        assert take.events(index) == take.truth(index).events
