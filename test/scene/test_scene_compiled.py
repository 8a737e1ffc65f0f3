"""What is compiled gives what it must for any map, and is compiled once."""

from __future__ import annotations

import cmath
import math

import cv2
import numba
import numpy as np
import pytest
from scene_drawing import Map, Picture

from surgical_guidance.contract import CLASSES
from surgical_guidance.scene.builder import SceneBuilder
from surgical_guidance.scene.compiled import (
    corners,
    edges,
    jit,
    nearest,
    outlines,
    pairing,
    parts,
    recall,
    spread,
    tools,
)
from surgical_guidance.scene.regions import RegionFinder
from surgical_guidance.scene.state import Segmentation

LIVER = CLASSES.index('liver')


def blotches(seed: int, shape: tuple[int, int] = (90, 128), classes: int = 4) -> np.ndarray:
    """A map of ragged parts, some in others, some touching at corners alone."""
    noise = np.random.default_rng(seed).random(shape, np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0 + seed % 3)
    order = smooth.ravel().argsort().argsort().reshape(shape)
    return np.ascontiguousarray(order * classes // order.size, np.uint8)


def segmentation(labels: np.ndarray) -> Segmentation:
    return Segmentation(labels, np.full(labels.shape, 200, np.uint8), CLASSES)


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('columns', [128, 101])
def test_regions_have_the_borders_and_areas_that_opencv_finds(seed: int, columns: int) -> None:
    labels = blotches(seed, (90, columns)) + np.uint8(LIVER - 1)
    regions = RegionFinder().structures(segmentation(labels))
    assert regions
    for region in regions:
        mask = (labels == CLASSES.index(region.class_name)).astype(np.uint8)
        _, marks = cv2.connectedComponents(mask, connectivity=8)
        mine = (marks == marks[region.outline[0, 1], region.outline[0, 0]]).astype(np.uint8)
        (outline,), _ = cv2.findContours(mine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        np.testing.assert_array_equal(region.outline, outline.reshape(-1, 2))
        np.testing.assert_array_equal(region.owners == region.number, mine != 0)
        assert (region.left, region.top, region.width, region.height) == cv2.boundingRect(outline)
        assert region.area == np.count_nonzero(mine)


@pytest.mark.parametrize('seed', range(4))
def test_an_outline_encloses_what_opencv_says_and_stays_within_its_tolerance(seed: int) -> None:
    for region in RegionFinder().structures(segmentation(blotches(seed) + np.uint8(LIVER - 1))):
        area, x, y, xx, xy, yy = outlines.enclosed(region.outline)
        moments = cv2.moments(region.outline)
        assert area == pytest.approx(moments['m00'])
        assert (x, y) == pytest.approx((moments['m10'] / area, moments['m01'] / area))
        assert (xx, xy, yy) == pytest.approx((moments['mu20'] / area, moments['mu11'] / area, moments['mu02'] / area))
        kept, (end,) = outlines.simplify(region.outline, np.array([len(region.outline)]), 0.75, 1.0, 1.0)
        assert end < len(region.outline)
        apart = [abs(cv2.pointPolygonTest(kept[:end], (float(u), float(v)), True)) for u, v in region.outline]
        assert max(apart) <= 0.75 + 1e-6


@pytest.mark.parametrize('seed', range(4))
def test_what_is_clear_of_instruments_is_remembered_and_filled_in_where_they_are(seed: int) -> None:
    labels, before = blotches(seed), blotches(seed + 10)
    covered = (blotches(seed + 20, classes=3) == 0).astype(np.uint8)
    near = cv2.dilate(covered, np.ones((5, 5), np.uint8)) > 0
    known, whole = before.copy(), np.empty_like(labels)
    recall.complete(labels, covered, known, whole)
    np.testing.assert_array_equal(known, np.where(near, before, labels))
    np.testing.assert_array_equal(whole, np.where(covered > 0, before, labels))


def test_the_largest_parts_of_a_class_are_kept_and_those_of_one_size_in_their_order() -> None:
    labels = np.zeros((90, 300), np.uint8)
    sizes = (12, 20, 12, 16, 20, 12, 12, 12)
    for number, size in enumerate(sizes):
        labels[20 : 20 + size, 10 + 30 * number :][:, :size] = LIVER
    regions = RegionFinder().structures(segmentation(labels))
    assert [(region.width, region.left) for region in regions] == [
        (20, 40), (20, 130), (16, 100), (12, 10), (12, 70), (12, 160),
    ]  # fmt: skip
    assert [region.number for region in regions] == [1, 2, 3, 4, 5, 6]
    assert sorted(np.unique(regions[0].owners)) == [0, 1, 2, 3, 4, 5, 6]


def test_a_part_that_is_seen_has_a_score_whichever_rows_are_covered() -> None:
    labels, covered = np.zeros((90, 128), np.uint8), np.zeros((90, 128), np.uint8)
    labels[20:60, 20:100] = LIVER
    covered[::4] = 1
    (region,) = RegionFinder().structures(segmentation(labels), covered=covered)
    assert region.area == 30 * 80
    assert region.score == pytest.approx(200 / 255)


def test_a_line_of_pixels_encloses_nothing_and_still_has_a_direction() -> None:
    labels = np.zeros((60, 200), np.uint8)
    labels[30, 20:120] = LIVER
    (region,) = RegionFinder().structures(segmentation(labels))
    area, x, y, xx, xy, yy = outlines.enclosed(region.outline)
    assert (area, y, yy, xy) == (0.0, 30.0, 0.0, 0.0)
    assert x == pytest.approx(69.5)
    assert math.sqrt(12 * xx) == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize('shape', [(87, 307), (3, 3), (2, 5)])
def test_edges_are_those_that_opencv_finds(shape: tuple[int, int]) -> None:
    grey = np.random.default_rng(4).integers(0, 256, shape).astype(np.uint8)
    laplacian = cv2.Laplacian(grey, cv2.CV_64F)
    assert edges.laplacian(grey) == (grey.size, laplacian.sum(), (laplacian**2).sum())


def test_what_most_corners_agree_on_is_found_among_as_many_that_go_elsewhere() -> None:
    rng = np.random.default_rng(4)
    before = rng.uniform(0, 120, (24, 2)).astype(np.float32)
    turn, shift = 1.05 * cmath.rect(1.0, 0.1), 3 - 5j
    now = turn * (before[:, 0] + 1j * before[:, 1]) + shift
    after = np.stack((now.real, now.imag), axis=1).astype(np.float32)
    after[14:] += rng.uniform(3, 30, (10, 2)).astype(np.float32)
    found_turn, found_shift, agreeing, spread = corners.agreed(before, after, 0.7)
    assert (found_turn, found_shift) == pytest.approx((turn, shift), abs=1e-4)
    assert agreeing == 14
    assert spread == pytest.approx(math.hypot(*before[:14].std(axis=0)))


def test_corners_in_one_place_agree_on_nothing() -> None:
    place = np.full((12, 2), 60, np.float32)
    assert corners.agreed(place, place, 0.7)[2:] == (0, 0.0)
    assert corners.agreed(place[:0], place[:0], 0.7)[2:] == (0, 0.0)


def test_nothing_is_compiled_again_for_maps_of_another_size_or_that_may_not_be_written_to() -> None:
    drawn = Map().disc('gallbladder', 500, 500, 200).disc('blood', 1200, 700, 150).rod('clipper', (960, 400), 90, 80)
    once, wide = SceneBuilder(), drawn.segmentation()
    half = Segmentation(wide.labels[::2, ::2], wide.confidence[::2, ::2], CLASSES)  # with gaps
    sealed = Segmentation(wide.labels.copy(), wide.confidence.copy(), CLASSES)
    sealed.labels.flags.writeable = sealed.confidence.flags.writeable = False
    scenes = [
        once.build(Picture(stamp_ns=10**9 + step * 10**8), one)
        for one in (wide, half, sealed, drawn.segmentation())
        for step in range(5)
    ]
    assert all(len(scene.instruments) == 1 and len(scene.structures) == 2 for scene in scenes)
    loops = [
        loop
        for module in (corners, edges, nearest, outlines, pairing, parts, recall, spread, tools)
        for name, loop in vars(module).items()
        if hasattr(loop, 'signatures') and not name.startswith('_')
    ]
    assert len(loops) > 10
    assert {loop.py_func.__name__: len(loop.signatures) for loop in loops if len(loop.signatures) > 1} == {}


def test_where_nothing_may_be_kept_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    njit = numba.njit

    def nowhere(**options: object) -> object:
        if options.pop('cache', False):
            raise RuntimeError('cannot cache function: no locator available')
        return njit(**options)

    monkeypatch.setattr(jit.numba, 'njit', nowhere)
    assert jit.compiled(lambda a, b: a / b)(1.0, 0.0) == math.inf
