"""Never outlines over another frame; never a picture held back for long."""

from __future__ import annotations

import random

from relay_facts import MS, advice, captured_ns, scene

from surgical_guidance.relay.facts import AdviceStatus, SceneFact
from surgical_guidance.relay.pairing import KEPT, WAIT_NS, Pairing, Picture


def picture(sequence: int) -> Picture:
    at_ns = captured_ns(sequence)
    return Picture(sequence, advice(sequence).stamp_ns, at_ns, 1280, 720, b'jpeg')


def test_a_picture_waits_for_its_own_scene() -> None:
    pairing = Pairing()
    assert pairing.on_picture(picture(1), captured_ns(1) + 8 * MS, wait=True) is None
    assert pairing.on_scene(scene(9), captured_ns(1) + 20 * MS) is None
    pair = pairing.on_scene(scene(1), captured_ns(1) + 25 * MS)
    assert pair is not None
    assert pair.picture.sequence == pair.scene.sequence == 1


def test_a_scene_may_come_before_its_picture() -> None:
    pairing = Pairing()
    pairing.on_scene(scene(1), captured_ns(1) + 5 * MS)
    pair = pairing.on_picture(picture(1), captured_ns(1) + 8 * MS, wait=True)
    assert pair is not None
    assert pair.scene is not None


def test_a_picture_goes_without_outlines_when_its_scene_is_too_late() -> None:
    pairing = Pairing()
    pairing.on_picture(picture(1), captured_ns(1) + 8 * MS, wait=True)
    assert pairing.next_due_ns() == captured_ns(1) + WAIT_NS
    assert pairing.overdue(captured_ns(1) + WAIT_NS - 1) is None
    pair = pairing.overdue(captured_ns(1) + WAIT_NS)
    assert pair is not None
    assert pair.scene is None
    assert pairing.on_scene(scene(1), captured_ns(1) + WAIT_NS + MS) is None  # the picture is gone


def test_nothing_waits_while_no_scenes_flow() -> None:
    pair = Pairing().on_picture(picture(1), captured_ns(1) + 8 * MS, wait=False)
    assert pair is not None
    assert pair.scene is None


def test_the_newest_goes_and_takes_the_older_ones_away() -> None:
    pairing = Pairing()
    for sequence in (1, 2, 3):
        pairing.on_picture(picture(sequence), captured_ns(sequence) + 8 * MS, wait=True)
    pair = pairing.on_scene(scene(2), captured_ns(3) + 9 * MS)
    assert pair is not None
    assert pair.picture.sequence == 2
    assert pairing.superseded == 1
    assert pairing.on_scene(scene(1), captured_ns(3) + 10 * MS) is None
    assert pairing.on_picture(picture(1), captured_ns(3) + 10 * MS, wait=True) is None  # never back in time


def test_a_restarted_camera_does_not_get_the_outlines_of_the_old_one() -> None:
    pairing = Pairing()
    pairing.on_scene(SceneFact(1, captured_ns(1), {}), captured_ns(1) + 20 * MS)
    restarted = Picture(1, 0, captured_ns(50), 1280, 720, b'jpeg')
    assert pairing.on_picture(restarted, captured_ns(50) + 8 * MS, wait=True) is None
    pair = pairing.overdue(captured_ns(50) + WAIT_NS)
    assert pair is not None
    assert pair.scene is None


def test_the_path_is_drawn_over_the_frame_it_was_found_in_only() -> None:
    pairing = Pairing()
    path = (1.0, 2.0, 3.0, 4.0)
    pairing.on_advice(advice(1, path=path), captured_ns(1) + 26 * MS)
    pairing.on_picture(picture(2), captured_ns(2) + 8 * MS, wait=True)
    assert pairing.on_scene(scene(2), captured_ns(2) + 25 * MS) is None  # its advice follows at once
    pair = pairing.on_advice(advice(2, path=path), captured_ns(2) + 26 * MS)
    assert pair is not None
    assert (pair.scene.sequence, pair.path) == (2, path)

    pairing.on_picture(picture(3), captured_ns(3) + 8 * MS, wait=True)
    pairing.on_scene(scene(3), captured_ns(3) + 25 * MS)
    pair = pairing.overdue(captured_ns(3) + 35 * MS)  # no advice came for this frame: it waited 10 ms
    assert pair is not None
    assert (pair.scene.sequence, pair.path) == (3, ())


def test_a_path_that_is_not_current_is_not_drawn() -> None:
    pairing = Pairing()
    pairing.on_picture(picture(1), captured_ns(1) + 8 * MS, wait=True)
    pairing.on_advice(advice(1, AdviceStatus.INTERRUPTED, path=(1.0, 2.0, 3.0, 4.0)), captured_ns(1) + 10 * MS)
    pair = pairing.on_scene(scene(1), captured_ns(1) + 25 * MS)
    assert pair is not None
    assert pair.path == ()


def test_in_whatever_order_things_come_no_picture_gets_another_scene_and_none_goes_back() -> None:
    chance = random.Random(3)  # noqa: S311  (the same every time)
    pairing = Pairing()
    events = [
        (captured_ns(n) + chance.randint(1, 200) * MS, kind, n) for n in range(1, 300) for kind in ('p', 's', 'a')
    ]
    newest = 0
    for now_ns, kind, number in sorted(events):
        if kind == 'p':
            pair = pairing.on_picture(picture(number), now_ns, wait=chance.random() < 0.8)
        elif kind == 's':
            pair = pairing.on_scene(scene(number), now_ns)
        else:
            pair = pairing.on_advice(advice(number, path=(float(number),) * 4), now_ns)
        for done in (pair, pairing.overdue(now_ns)):
            if done is None:
                continue
            assert done.picture.sequence > newest
            newest = done.picture.sequence
            assert done.scene is None or done.scene.sequence == newest
            assert done.path in ((), (float(newest),) * 4)
    assert newest > 250


def test_memory_is_bounded() -> None:
    pairing = Pairing()
    for sequence in range(1, 10 * KEPT):
        pairing.on_picture(picture(sequence), captured_ns(sequence), wait=True)
        pairing.on_scene(scene(sequence + 10_000), captured_ns(sequence))
        pairing.on_advice(advice(sequence + 10_000, path=(1.0, 2.0)), captured_ns(sequence))
    assert max(len(kept) for kept in (pairing._pictures, pairing._scenes, pairing._ways)) <= KEPT
