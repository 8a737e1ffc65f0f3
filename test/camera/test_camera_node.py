"""The camera as a managed node: what it hands on, announces and publishes, and how it fails."""

import array
import os
from functools import partial

import numpy as np
import pytest
from camera_doubles import Said, ScriptedSource, make_clip
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from surgical_guidance_msgs.msg import FrameRef, StageStatus

from surgical_guidance import ports
from surgical_guidance.camera import sources
from surgical_guidance.camera.node import CameraNode
from surgical_guidance.contract import COMPRESSED_IMAGE, FRAME, HEARTBEAT, IMAGE
from surgical_guidance.errors import SourceLost
from surgical_guidance.frames import Claim, RingReaders, living_rings, ring_scope


@pytest.fixture
def camera(graph, request):
    """Make a camera in a namespace of its own, so that tests beside each other do not share a ring's scope."""

    def make(source, **parameters):
        values = {'source': source, 'autostart': False, **parameters}
        node = CameraNode(
            namespace=f'/t{os.getpid()}/{request.node.name.partition("[")[0]}',
            context=graph.context,
            parameter_overrides=[Parameter(name, value=value) for name, value in values.items()],
        )
        node.seen = Said()
        node.frames.connect(node.seen)
        return graph.add(node)

    return make


def listen(graph, camera, topic):
    """Collect the messages of a topic of a camera."""
    node = graph.node(f'listener_{topic.name.replace("/", "_")}', camera.get_namespace())
    heard = []
    node.subscription_ = ports.subscription(node, topic, heard.append)
    return heard


def scope_of(camera):
    return ring_scope(camera.get_namespace(), str(camera.context.get_domain_id()))


def activate(camera):
    assert camera.request(camera.trigger_configure)
    assert camera.request(camera.trigger_activate)


def test_it_captures_hands_on_and_announces(graph, camera, clip):
    node = camera(f'file:{clip}?loop=1')
    references = listen(graph, node, FRAME)
    activate(node)
    assert graph.spin_until(lambda: len(references) > 5)
    reference: FrameRef = references[-1]
    by_sequence = {frame.sequence: frame for frame in node.seen.items}
    frame = by_sequence[reference.sequence]
    assert (reference.width, reference.height, reference.encoding, reference.step) == (64, 48, 'bgr8', 64 * 3)
    assert (reference.nominal_rate, reference.header.frame_id) == (25.0, 'endoscope_optical')
    assert reference.monotonic_ns == frame.monotonic_ns
    assert np.array_equal(RingReaders().frame(reference.ring, reference.slot, reference.sequence).image, frame.image)
    assert node.detail == f'file:{clip}?loop=1, 64x48 at 25 Hz, mov, mpeg4 yuv420p, decoded in software'


def test_it_lives_through_its_whole_life_twice(camera, clip):
    node = camera(f'file:{clip}?loop=1')
    for _ in range(2):
        captured = len(node.seen.items)
        activate(node)
        node.seen.wait_for(lambda frames, least=captured: len(frames) >= least + 2)
        assert list(living_rings(scope_of(node))) == [node.seen.items[-1].ring]
        assert node.request(node.trigger_deactivate)
        silent = len(node.seen.items)
        assert node.done == silent - captured
        assert node.request(node.trigger_cleanup)
        assert not list(living_rings(scope_of(node)))
        assert len(node.seen.items) == silent


@pytest.mark.parametrize(
    ('source', 'says'),
    [
        ('file:/no/such/clip.mp4', 'cannot configure: /no/such/clip.mp4: it does not exist'),
        ('nonsense', 'cannot configure: nonsense: this is no source URI'),
        ('topic:/9 lives', 'no topic named'),
        ('topic:/9lives', 'no name of a topic'),
    ],
)
def test_a_failed_configure_tells_why_and_leaves_the_process_alive(graph, camera, source, says):
    node = camera(source)
    beats = listen(graph, node, HEARTBEAT)
    assert not node.request(node.trigger_configure)
    assert graph.spin_until(lambda: beats)
    assert beats[-1].state == StageStatus.FAILED
    assert says in beats[-1].detail
    assert not list(living_rings(scope_of(node)))


def test_it_can_be_configured_once_the_file_is_there(camera, tmp_path):
    path = tmp_path / 'later.mp4'
    node = camera(f'file:{path}')
    assert not node.request(node.trigger_configure)
    make_clip(path)
    activate(node)
    node.seen.wait_for(lambda frames: frames)


def test_a_second_guidance_in_the_same_place_is_refused(graph, camera, clip):
    node = camera(f'file:{clip}')
    other = Claim(scope_of(node), 'camera')
    beats = listen(graph, node, HEARTBEAT)
    assert not node.request(node.trigger_configure)
    told = f'another guidance is running (process {os.getpid()})'
    assert graph.spin_until(lambda: beats and told in beats[-1].detail)
    other.release()
    assert node.request(node.trigger_configure)


def test_the_end_of_a_file_is_told_and_is_no_fault(graph, camera, clip):
    node = camera(f'file:{clip}?pace=0')
    beats = listen(graph, node, HEARTBEAT)
    activate(node)
    assert graph.spin_until(node.ended.is_set)
    assert len(node.seen.items) == 20
    beats.clear()
    assert graph.spin_until(lambda: beats)
    assert (beats[-1].state, beats[-1].done) == (StageStatus.FINISHED, 20)


def test_a_file_that_is_broken_is_played_to_the_break_and_told(graph, camera, tmp_path):
    path = make_clip(tmp_path / 'a.mkv', codec='libx264', pictures=100, size=(320, 240))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    node = camera(f'file:{path}?pace=0')
    beats = listen(graph, node, HEARTBEAT)
    activate(node)
    assert graph.spin_until(lambda: beats and beats[-1].state == StageStatus.FAILED)
    assert node.ended.is_set()
    assert 'the file is broken at' in beats[-1].detail
    assert beats[-1].done == len(node.seen.items) > 20


def test_a_live_source_that_is_lost_is_a_fault_until_it_is_back(graph, camera, monkeypatch):
    lost = SourceLost('the cable is out', where='scope')
    source = ScriptedSource([0, lost], [lost], [lost], [1, ScriptedSource.WAIT], live=True)
    monkeypatch.setattr(sources, '_kinds', {})
    sources.register('scripted', lambda _: source, live=True)
    node = camera('scripted:')
    beats = listen(graph, node, HEARTBEAT)
    activate(node)
    assert graph.spin_until(lambda: any(beat.state == StageStatus.ERROR for beat in beats))
    assert next(beat for beat in beats if beat.state == StageStatus.ERROR).detail == 'scope: the cable is out'
    assert graph.spin_until(lambda: beats[-1].state == StageStatus.ACTIVE and beats[-1].done == 2)
    assert beats[-1].detail == 'scripted:, 8x6 at 25 Hz, scripted'
    assert [frame.sequence for frame in node.seen.items] == [1, 2]


def test_a_live_source_that_is_not_there_does_not_keep_it_from_starting(graph, camera):
    node = camera('device:/dev/video97')
    beats = listen(graph, node, HEARTBEAT)
    activate(node)
    assert graph.spin_until(lambda: beats and beats[-1].state == StageStatus.ERROR)
    assert 'there is no such device' in beats[-1].detail


@pytest.mark.parametrize(('topic', 'message'), [(IMAGE, Image), (COMPRESSED_IMAGE, CompressedImage)])
def test_images_are_published_while_somebody_subscribes(graph, camera, clip, topic, message):
    node = camera(f'file:{clip}?loop=1')
    activate(node)
    node.seen.wait_for(lambda frames: len(frames) > 2)
    images = listen(graph, node, topic)
    assert graph.spin_until(lambda: len(images) > 2)
    assert isinstance(images[0], message)
    stamps = {(frame.stamp_ns // 10**9, frame.stamp_ns % 10**9) for frame in node.seen.items}
    assert all((image.header.stamp.sec, image.header.stamp.nanosec) in stamps for image in images)
    if message is Image:
        assert (images[0].width, images[0].height, images[0].encoding) == (64, 48, 'bgr8')


def test_nothing_is_encoded_while_nobody_subscribes(graph, camera, clip, monkeypatch):
    encoded = []
    monkeypatch.setattr('surgical_guidance.camera.images.encode_image', encoded.append)
    monkeypatch.setattr('surgical_guidance.camera.images.encode_compressed', encoded.append)
    node = camera(f'file:{clip}?pace=0')
    activate(node)
    assert graph.spin_until(node.ended.is_set)
    assert node.request(node.trigger_deactivate)
    assert not encoded


def test_a_topic_of_another_node_is_a_source(graph, camera):
    node = camera('topic:/scope/image')
    activate(node)
    other = graph.node('scope', '/')
    publisher = other.create_publisher(Image, '/scope/image', 1)
    pixels = np.full((6, 8, 3), 9, np.uint8)
    message = Image(height=6, width=8, encoding='bgr8', step=24, data=array.array('B', pixels.tobytes()))
    message.header.stamp.sec = 1234
    other.create_timer(0.02, partial(publisher.publish, message))
    assert graph.spin_until(lambda: len(node.seen.items) > 2)
    frame = node.seen.items[-1]
    assert frame.stamp_ns == 1234 * 10**9
    assert (frame.image == 9).all()
