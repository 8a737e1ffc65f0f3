import array
import threading

import cv2
import numpy as np
import pytest
from camera_doubles import Said
from sensor_msgs.msg import CompressedImage, Image

from surgical_guidance.camera.topic import TopicSource
from surgical_guidance.clock import monotonic_ns, to_time
from surgical_guidance.errors import EncodingError, SourceError, SourceLost


def image_message(pixels, encoding='bgr8', stamp_ns=0):
    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, step=int(pixels[0].nbytes))
    message.header.stamp = to_time(stamp_ns)
    message.data = array.array('B', pixels.tobytes())
    return message


def compressed_message(pixels, kind='jpeg'):
    message = CompressedImage(format=kind)
    message.data = array.array('B', cv2.imencode(f'.{kind}', pixels)[1].tobytes())
    return message


COLOUR = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


def drawn(shot):
    image = np.zeros((shot.height, shot.width, 3), np.uint8)
    shot.draw(image)
    return image


@pytest.fixture
def source():
    source = TopicSource('/image', compressed=False, silence_s=5.0)
    yield source
    source.close()


def opened(source, message):
    """Open a source on its first message, which comes while it waits."""
    before = source._messages  # what is in there when it opens does not count

    def feed():
        while source._messages is before:
            threading.Event().wait(0.001)
        source.accept(message)

    feeder = threading.Thread(target=feed)
    feeder.start()
    info = source.open()
    feeder.join()
    return info


def test_a_message_becomes_a_picture_with_its_stamp(source):
    before = monotonic_ns()
    info = opened(source, image_message(COLOUR, stamp_ns=1_700_000_000_123_456_789))
    assert (info.width, info.height, info.live, info.description) == (8, 6, True, 'sensor_msgs/Image')
    shot = source.read()
    assert shot.stamp_ns == 1_700_000_000_123_456_789
    assert before < shot.monotonic_ns <= monotonic_ns()
    assert np.array_equal(drawn(shot), COLOUR)


def test_a_stamp_of_zero_is_unknown(source):
    opened(source, image_message(COLOUR))
    assert source.read().stamp_ns is None


@pytest.mark.parametrize('encoding', ['mono8', 'rgb8'])
def test_other_encodings_become_bgr(source, encoding):
    pixels = COLOUR[..., 0] if encoding == 'mono8' else COLOUR[..., ::-1]
    opened(source, image_message(np.ascontiguousarray(pixels), encoding))
    expected = np.repeat(COLOUR[..., :1], 3, 2) if encoding == 'mono8' else COLOUR
    assert np.array_equal(drawn(source.read()), expected)


def test_the_newest_message_wins_and_the_others_are_counted(source):
    opened(source, image_message(COLOUR))
    source.read()
    for shade in range(4):
        source.accept(image_message(np.full_like(COLOUR, shade)))
    shot = source.read()
    assert (drawn(shot) == 3).all()
    assert shot.lost == 3
    source.accept(image_message(COLOUR))
    assert source.read().lost == 0


def test_a_compressed_message_becomes_a_picture():
    source = TopicSource('/image/compressed', compressed=True, silence_s=5.0)
    assert opened(source, compressed_message(COLOUR, 'png')).description == 'sensor_msgs/CompressedImage'
    assert np.array_equal(drawn(source.read()), COLOUR)
    source.close()


def test_a_message_that_cannot_be_read_is_named_and_the_next_one_is_read(source):
    opened(source, image_message(COLOUR))
    source.read()
    source.accept(image_message(COLOUR, 'bayer_what8'))
    with pytest.raises(EncodingError, match='bayer_what8'):
        source.read()
    source.accept(image_message(COLOUR))
    assert np.array_equal(drawn(source.read()), COLOUR)


def test_a_first_message_that_cannot_be_read_is_told_with_the_topic(source):
    with pytest.raises(SourceError, match=r'topic:/image: .*bayer_what8'):
        opened(source, image_message(COLOUR, 'bayer_what8'))


def test_silence_is_a_loss():
    source = TopicSource('/image', compressed=False, silence_s=0.02)
    with pytest.raises(SourceLost, match=r'topic:/image: no message for 0\.02 s; look at it with: ros2 topic info'):
        source.open()


def test_a_waiting_read_is_ended_by_another_thread(source):
    opened(source, image_message(COLOUR))
    source.read()
    said = Said()
    threading.Thread(target=lambda: said(source.read())).start()
    source.close()
    said.wait_for(lambda items: items == [None], 1.0)
