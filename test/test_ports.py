"""Mailboxes, outputs and the contract's quality of service."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    ReliabilityPolicy,
    qos_check_compatible,
)

from surgical_guidance import contract
from surgical_guidance.errors import FrameError
from surgical_guidance.frames import Frame, RingWriter, ring_scope
from surgical_guidance.ports import (
    SOON_HZ,
    FrameInput,
    Mailbox,
    Output,
    frame_ref,
    message_class,
    publisher,
    qos,
    quiet_qos,
    reader_qos,
    subscription,
)


def test_the_newest_wins_and_the_replaced_are_counted():
    box: Mailbox[int] = Mailbox()
    for item in (1, 2, 3):
        box.put(item)
    assert box.take(0) == 3
    assert box.dropped == 2
    assert box.take(0) is None


def test_a_waiting_taker_is_woken_by_an_item_and_by_the_end():
    box: Mailbox[str] = Mailbox()
    taken: list[str | None] = []
    thread = threading.Thread(target=lambda: taken.extend((box.take(), box.take())))
    thread.start()
    box.put('frame')
    while not taken and thread.is_alive() and box._item is not None:
        thread.join(0.001)
    box.close()
    thread.join(5)
    assert taken == ['frame', None]


def test_an_output_hands_over_the_object_itself():
    output: Output[object] = Output()
    got: list[object] = []
    output.connect(got.append)
    output.connect(got.append)
    item = object()
    output.send(item)
    assert got == [item, item]
    assert got[0] is item


@pytest.mark.parametrize('topic', contract.TOPICS, ids=lambda topic: topic.name)
def test_who_looks_by_its_own_clock_sets_no_timer_and_misses_no_last_message(topic):
    profile = quiet_qos(topic, 64)
    lasting = topic.durability is contract.Durability.TRANSIENT_LOCAL and topic.rate < SOON_HZ
    assert profile.depth == 64
    assert (profile.deadline.nanoseconds, profile.liveliness_lease_duration.nanoseconds) == (0, 0)
    assert (profile.durability == DurabilityPolicy.TRANSIENT_LOCAL) == lasting
    assert (profile.reliability == ReliabilityPolicy.BEST_EFFORT) or lasting


@pytest.mark.parametrize('topic', contract.TOPICS, ids=lambda topic: topic.name)
def test_readers_hear_their_publisher_and_only_what_is_repeated_soon_may_be_lost(topic):
    offered, asked = qos(topic), reader_qos(topic)
    assert qos_check_compatible(offered, asked)[0] != QoSCompatibility.ERROR
    given_up = (offered.reliability, offered.durability) != (asked.reliability, asked.durability)
    assert given_up == (topic in {contract.STATUS, contract.HEARTBEAT})


@pytest.mark.parametrize('topic', contract.TOPICS, ids=lambda topic: topic.name)
def test_every_topic_of_the_contract_has_a_message_and_its_quality_of_service(topic):
    assert message_class(topic).__name__ == topic.type.rsplit('/', 1)[1]
    profile = qos(topic)
    assert profile.history == HistoryPolicy.KEEP_LAST
    assert profile.depth == topic.depth
    assert (profile.reliability == ReliabilityPolicy.RELIABLE) == (topic.reliability is contract.Reliability.RELIABLE)
    assert (profile.durability == DurabilityPolicy.TRANSIENT_LOCAL) == (
        topic.durability is contract.Durability.TRANSIENT_LOCAL
    )
    assert profile.lifespan.nanoseconds == pytest.approx(topic.lifespan * 1e9)


def test_pictures_are_best_effort_of_depth_one_and_suggestions_are_kept_for_late_comers():
    for topic in (contract.FRAME, contract.IMAGE, contract.COMPRESSED_IMAGE, contract.SCENE):
        assert (topic.reliability, topic.depth) == (contract.Reliability.BEST_EFFORT, 1)
    for topic in (contract.SUGGESTION, contract.STATUS):
        assert topic.reliability is contract.Reliability.RELIABLE
        assert topic.durability is contract.Durability.TRANSIENT_LOCAL
        assert topic.deadline > 0
        assert topic.lifespan > 0
    assert contract.STATUS.lease > 0


@pytest.mark.parametrize('topic', contract.TOPICS, ids=lambda topic: topic.name)
def test_both_ends_of_every_topic_match(graph, topic):
    node = graph.node()
    sender = publisher(node, topic)
    got = []
    subscription(node, topic, got.append)
    assert graph.spin_until(lambda: sender.get_subscription_count() == 1)
    sender.publish(message_class(topic)())
    assert graph.spin_until(lambda: got)


def test_frames_of_another_process_come_as_views_and_a_lost_one_is_told(graph):
    node = graph.node()
    ring = RingWriter(ring_scope('test_ports'), 3, 300)
    frames: list[Frame] = []
    problems: list[FrameError] = []
    FrameInput(node, frames.append, problems.append)
    references = publisher(node, contract.FRAME)
    assert graph.spin_until(lambda: references.get_subscription_count() == 1)
    draft = ring.begin(10, 10)
    draft.image[:] = 8
    sent = ring.commit(draft, 17_000_000_003, 4)
    references.publish(frame_ref(sent, 30.0))
    assert graph.spin_until(lambda: frames)
    assert frames[0].stamp_ns == 17_000_000_003
    assert np.array_equal(frames[0].image, sent.image)
    assert not frames[0].image.flags.owndata
    message = frame_ref(sent)
    message.sequence = 999
    references.publish(message)
    assert graph.spin_until(lambda: problems)
    ring.close()
