"""Image messages of others become the picture they show, or are refused by name; frames become messages."""

from __future__ import annotations

import array
import importlib.util
import sys
import time

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from surgical_guidance.errors import EncodingError, FrameOverwritten
from surgical_guidance.frames import Frame, encodings
from surgical_guidance.frames.encodings import (
    MAX_PIXELS,
    READABLE,
    decode_compressed,
    decode_image,
    encode_compressed,
    encode_image,
)

HEIGHT, WIDTH = 6, 10
PACKED = {
    # encoding: channels, bytes of a value, where blue, green and red are in a pixel
    'bgr8': (3, 1, (0, 1, 2)),
    'rgb8': (3, 1, (2, 1, 0)),
    'bgra8': (4, 1, (0, 1, 2)),
    'rgba8': (4, 1, (2, 1, 0)),
    'mono8': (1, 1, (0,)),
    'bgr16': (3, 2, (0, 1, 2)),
    'rgb16': (3, 2, (2, 1, 0)),
    'bgra16': (4, 2, (0, 1, 2)),
    'rgba16': (4, 2, (2, 1, 0)),
    'mono16': (1, 2, (0,)),
}
YUV = ('yuyv', 'yuv422_yuy2', 'uyvy', 'yuv422', 'nv12', 'nv21')


@pytest.fixture(params=['own', 'cv_bridge'] if importlib.util.find_spec('cv_bridge') else ['own'])
def both_converters(request, monkeypatch):
    """Our own, and ``cv_bridge`` where the machine has one."""
    if request.param == 'own':
        monkeypatch.setattr(encodings, '_bridge', lambda: None)


@pytest.fixture
def fresh_bridge():
    """Look for ``cv_bridge`` anew, before and after."""
    encodings._bridge.cache_clear()
    yield
    encodings._bridge.cache_clear()


def message(rows: np.ndarray, width: int, height: int, encoding: str, padding: int = 0, big: bool = False) -> Image:
    """Make a message of rows of bytes, each followed by padding that no reader may show."""
    padded = np.full((rows.shape[0], rows.shape[1] + padding), 0xEE, np.uint8)
    padded[:, : rows.shape[1]] = rows
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(big),
        step=padded.shape[1],
        data=array.array('B', padded.tobytes()),
    )


def bgr_of_yuv(y: float, u: float, v: float) -> list[int]:
    """BT.601, limited range: the textbook's formula for one pixel."""
    luma = 1.164 * (y - 16)
    colours = luma + 2.018 * (u - 128), luma - 0.813 * (v - 128) - 0.391 * (u - 128), luma + 1.596 * (v - 128)
    return [int(min(255, max(0, round(colour)))) for colour in colours]


@pytest.mark.usefixtures('both_converters')
@pytest.mark.parametrize('padding', [0, 1, 7])
@pytest.mark.parametrize('encoding', PACKED)
def test_a_packed_encoding_gives_the_colours_it_holds(encoding, padding):
    channels, depth, order = PACKED[encoding]
    dtype = np.uint8 if depth == 1 else np.uint16
    values = np.random.default_rng(1).integers(0, 256**depth, (HEIGHT, WIDTH, channels)).astype(dtype)
    values.flat[:2] = 0, 256**depth - 1
    for big in (False, True):
        wire = values.astype(values.dtype.newbyteorder('>' if big else '<'))
        rows = np.frombuffer(wire.tobytes(), np.uint8).reshape(HEIGHT, -1)
        image = decode_image(message(rows, WIDTH, HEIGHT, encoding, padding, big))
        expected = values[..., list(order)]
        if depth == 2:
            expected = np.rint(expected * (255 / 65535)).astype(np.uint8)
        assert image.dtype == np.uint8
        assert image.shape == ((HEIGHT, WIDTH) if len(order) == 1 else (HEIGHT, WIDTH, 3))
        np.testing.assert_array_equal(image.reshape(expected.shape), expected)


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', YUV)
def test_a_yuv_encoding_gives_the_colours_it_holds(encoding, padding):
    random = np.random.default_rng(2)
    down = 2 if encoding.startswith('nv') else 1
    y = random.integers(16, 236, (HEIGHT, WIDTH))
    u, v = random.integers(64, 192, (2, HEIGHT // down, WIDTH // 2))
    if down == 2:
        first, second = (u, v) if encoding == 'nv12' else (v, u)
        rows = np.vstack([y, np.dstack([first, second]).reshape(HEIGHT // 2, WIDTH)])
    else:
        pairs = (
            [y[:, 0::2], u, y[:, 1::2], v] if encoding in ('yuyv', 'yuv422_yuy2') else [u, y[:, 0::2], v, y[:, 1::2]]
        )
        rows = np.dstack(pairs).reshape(HEIGHT, -1)
    image = decode_image(message(rows.astype(np.uint8), WIDTH, HEIGHT, encoding, padding))
    expected = [
        [
            bgr_of_yuv(y[row, column], u[row // down, column // 2], v[row // down, column // 2])
            for column in range(WIDTH)
        ]
        for row in range(HEIGHT)
    ]
    np.testing.assert_allclose(image.astype(int), expected, atol=1)


def test_every_readable_encoding_is_tested_here():
    assert set(READABLE) == {*PACKED, *YUV}


@pytest.mark.parametrize('encoding', ['bgr8', 'mono8'])
def test_what_is_in_the_frame_paths_form_already_is_not_copied(encoding):
    channels = PACKED[encoding][0]
    msg = message(np.zeros((HEIGHT, WIDTH * channels), np.uint8), WIDTH, HEIGHT, encoding, padding=3)
    image = decode_image(msg)
    assert np.shares_memory(image, np.frombuffer(msg.data, np.uint8))
    assert not image.flags.writeable


@pytest.mark.parametrize('encoding', ['16UC1', '32FC1', 'bayer_rggb8', '8UC3', 'h264', '', 'BGR8'])
def test_an_encoding_that_cannot_be_read_is_refused_by_name(encoding):
    with pytest.raises(EncodingError, match=f"'{encoding}' cannot be read; send one of bgr8, mono8, rgb8"):
        decode_image(Image(height=2, width=2, step=2, encoding=encoding, data=array.array('B', bytes(4))))


@pytest.mark.usefixtures('both_converters')
@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'width': 0}, 'an image of 0x6 rgb8 is not read'),
        ({'height': 0}, 'an image of 10x0 rgb8 is not read'),
        ({'height': MAX_PIXELS}, 'is not read'),
        ({'step': 29}, 'rows of 29 bytes and needs 30'),
        ({'step': 31}, 'with a step of 31 holds 180 bytes and not 186'),
        ({'height': 5}, 'holds 180 bytes and not 150'),
        ({'height': 7}, 'holds 180 bytes and not 210'),
        ({'encoding': 'yuyv', 'width': 9, 'step': 30}, '9x6 yuyv cannot be: its size must be a multiple of 2x1'),
        ({'encoding': 'nv12', 'height': 5, 'step': 30}, '10x5 nv12 cannot be: its size must be a multiple of 2x2'),
        ({'encoding': 'nv12', 'step': 30}, 'holds 180 bytes and not 270'),
    ],
)
def test_a_message_that_does_not_hold_what_it_says_is_refused(changes, told):
    fields = {'height': HEIGHT, 'width': WIDTH, 'step': 3 * WIDTH, 'encoding': 'rgb8', **changes}
    with pytest.raises(EncodingError, match=told):
        decode_image(Image(**fields, data=array.array('B', bytes(3 * WIDTH * HEIGHT))))


small = st.integers(0, 9)


@pytest.mark.usefixtures('both_converters')
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    encoding=st.sampled_from(READABLE) | st.text(max_size=8),
    width=small | st.integers(0, 2**32 - 1),
    height=small | st.integers(0, 2**32 - 1),
    step=st.integers(0, 80) | st.integers(0, 2**32 - 1),
    length=st.integers(0, 700),
    big=st.integers(0, 1),
)
def test_no_message_raises_anything_but_an_encoding_error(encoding, width, height, step, length, big):
    msg = Image(width=width, height=height, step=step, encoding=encoding, is_bigendian=big)
    msg.data = array.array('B', bytes(length))
    try:
        image = decode_image(msg)
    except EncodingError:
        return
    assert image.shape[:2] == (height, width)


@pytest.mark.usefixtures('both_converters')
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    encoding=st.sampled_from(READABLE),
    width=st.sampled_from([2, 4, 6]),
    height=st.sampled_from([2, 4]),
    padding=st.integers(0, 9),
    big=st.integers(0, 1),
    extra=st.sampled_from([-1, 0, 1]),
)
def test_a_message_is_read_exactly_when_its_length_is_right(encoding, width, height, padding, big, extra):
    channels, depth, _ = PACKED.get(encoding, (1 if encoding.startswith('nv') else 2, 1, ()))
    step = width * channels * depth + padding
    length = step * (height * 3 // 2 if encoding.startswith('nv') else height) + extra
    msg = Image(width=width, height=height, step=step, encoding=encoding, is_bigendian=big)
    msg.data = array.array('B', bytes(length))
    if extra:
        with pytest.raises(EncodingError):
            decode_image(msg)
    else:
        assert decode_image(msg).shape[:2] == (height, width)


@pytest.mark.usefixtures('fresh_bridge')
def test_a_cv_bridge_that_is_installed_and_sound_is_used(monkeypatch):
    bridge = pytest.importorskip('cv_bridge')
    calls = []
    real = bridge.CvBridge.imgmsg_to_cv2
    monkeypatch.setattr(bridge.CvBridge, 'imgmsg_to_cv2', lambda *args: calls.append(args[1].encoding) or real(*args))
    for encoding in ('rgb8', 'rgba8', 'bgra8', 'bgr8', 'mono8', 'mono16'):
        channels, depth, _ = PACKED[encoding]
        decode_image(message(np.zeros((2, 2 * channels * depth), np.uint8), 2, 2, encoding))
        decode_image(message(np.zeros((2, 2 * channels * depth), np.uint8), 2, 2, encoding, padding=2))
    assert encodings.cv_bridge_is_used()
    assert calls == ['rgb8', 'rgb8', 'rgba8', 'bgra8']  # the trial, then one each where rows are not padded


class _Bridge:
    """A ``cv_bridge`` module whose converter answers with what it was given."""

    def __init__(self, answer):
        self.answer = answer

    def CvBridge(self):  # noqa: N802
        return self

    def imgmsg_to_cv2(self, msg, desired):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.usefixtures('fresh_bridge')
@pytest.mark.parametrize(
    'answer', [AttributeError('_ARRAY_API not found'), np.array([[[255, 0, 0]]], np.uint8), None], ids=repr
)
def test_a_cv_bridge_that_is_broken_is_not_used(monkeypatch, answer):
    monkeypatch.setitem(sys.modules, 'cv_bridge', _Bridge(answer))
    rows = np.arange(12, dtype=np.uint8).reshape(2, 6)
    np.testing.assert_array_equal(decode_image(message(rows, 2, 2, 'rgb8'))[0], [[2, 1, 0], [5, 4, 3]])
    assert not encodings.cv_bridge_is_used()


def picture(colour: bool = True) -> np.ndarray:
    """A smooth picture, which JPEG changes little."""
    y, x = np.mgrid[0:48, 0:64]
    planes = [2 * x + 40, 3 * y + 30, x + y + 20] if colour else [2 * x + y]
    return np.dstack(planes).astype(np.uint8).squeeze()


def compressed(image: np.ndarray, suffix: str) -> CompressedImage:
    data = cv2.imencode(suffix, image)[1]
    return CompressedImage(format=suffix.strip('.'), data=array.array('B', data.tobytes()))


@pytest.mark.parametrize('colour', [True, False], ids=['colour', 'grey'])
@pytest.mark.parametrize(('suffix', 'tolerance'), [('.jpg', 6), ('.png', 0)])
def test_a_compressed_picture_is_what_it_was(suffix, tolerance, colour):
    image = decode_compressed(compressed(picture(colour), suffix))
    np.testing.assert_allclose(image.astype(int), picture(colour).astype(int), atol=tolerance)


def test_a_picture_that_a_camera_padded_is_read():
    msg = compressed(picture(), '.jpg')
    msg.data = msg.data + array.array('B', bytes(32))
    assert decode_compressed(msg).shape == (48, 64, 3)


def test_the_format_is_read_from_the_data_and_not_from_its_name():
    msg = compressed(picture(), '.png')
    msg.format = 'bgr8; jpeg compressed bgr8'
    np.testing.assert_array_equal(decode_compressed(msg), picture())


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_a_picture_that_is_cut_short_is_refused(suffix):
    msg = compressed(picture(), suffix)
    for length in (len(msg.data) - 20, len(msg.data) // 2, 30):
        cut = CompressedImage(format='jpeg', data=msg.data[:length])
        with pytest.raises(EncodingError, match=r'cut short|without a frame header'):
            decode_compressed(cut)


@pytest.mark.parametrize('suffix', ['.bmp', '.tiff', '.webp'])
def test_another_format_is_refused_by_name(suffix):
    with pytest.raises(EncodingError, match=f"'{suffix[1:]}' cannot be read; send JPEG or PNG"):
        decode_compressed(compressed(picture(), suffix))


@pytest.mark.parametrize(('suffix', 'at'), [('.jpg', None), ('.png', 16)])
def test_a_header_that_promises_an_absurd_size_is_refused_before_decoding(monkeypatch, suffix, at):
    msg = compressed(picture(), suffix)
    data = bytearray(msg.data)
    if at is None:
        at = bytes(data).index(b'\xff\xc0') + 5
        data[at : at + 4] = b'\xff\xff\xff\xff'
    else:
        data[at : at + 8] = b'\x00\x01\x00\x00' * 2
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('decoded'))
    with pytest.raises(EncodingError, match=r'6553[56]x6553[56] pixels is not read'):
        decode_compressed(CompressedImage(format='x', data=array.array('B', bytes(data))))


@settings(deadline=None, max_examples=150)
@given(
    st.binary(max_size=200),
    st.sampled_from([b'', b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n']),
    st.sampled_from([b'', b'\xff\xd9', b'IEND']),
)
def test_garbage_raises_nothing_but_an_encoding_error(body, start, end):
    with pytest.raises(EncodingError):
        decode_compressed(CompressedImage(format='jpeg', data=array.array('B', start + body + end)))


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(['.jpg', '.png']), st.data())
def test_a_changed_byte_gives_a_picture_or_an_encoding_error(suffix, draw):
    msg = compressed(picture(), suffix)
    msg.data[draw.draw(st.integers(0, len(msg.data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        image = decode_compressed(msg)
    except EncodingError:
        return
    assert image.dtype == np.uint8


def frame_of(image: np.ndarray, current: int = 7) -> Frame:
    encoding = 'bgr8' if image.ndim == 3 else 'mono8'
    return Frame(7, 1_700_000_000_123_456_789, 0, image, encoding, 'ring', 0, lambda: current)


@pytest.mark.parametrize('colour', [True, False], ids=['colour', 'grey'])
def test_a_frame_survives_the_way_through_an_image_message(colour):
    msg = encode_image(frame_of(picture(colour)))
    assert (msg.header.stamp.sec, msg.header.stamp.nanosec) == (1_700_000_000, 123_456_789)
    assert msg.header.frame_id == 'endoscope_optical'
    assert (msg.width, msg.height, msg.step) == (64, 48, 192 if colour else 64)
    np.testing.assert_array_equal(decode_image(msg), picture(colour))


@pytest.mark.parametrize('colour', [True, False], ids=['colour', 'grey'])
@pytest.mark.parametrize(('codec', 'tolerance'), [('jpeg', 8), ('png', 0)])
def test_a_frame_survives_the_way_through_a_compressed_message(codec, tolerance, colour):
    msg = encode_compressed(frame_of(picture(colour)), format=codec)
    assert msg.format.strip() == (f'bgr8; {codec} compressed bgr8' if colour else f'mono8; {codec} compressed')
    assert (msg.header.stamp.sec, msg.header.frame_id) == (1_700_000_000, 'endoscope_optical')
    np.testing.assert_allclose(decode_compressed(msg).astype(int), picture(colour).astype(int), atol=tolerance)


def test_a_lower_quality_gives_fewer_bytes():
    sizes = [len(encode_compressed(frame_of(picture()), quality).data) for quality in (20, 80, 95)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


@pytest.mark.parametrize('encode', [encode_image, encode_compressed])
def test_a_frame_that_was_overwritten_while_it_was_read_is_not_sent(encode):
    with pytest.raises(FrameOverwritten, match='frame 7 was overwritten'):
        encode(frame_of(picture(), current=0))


def test_writing_an_image_message_does_not_go_byte_by_byte():
    frame = frame_of(np.zeros((1080, 1920, 3), np.uint8))
    start = time.perf_counter()
    encode_image(frame)
    assert time.perf_counter() - start < 0.1  # 5 ms; 270 ms and more through an ndarray or bytes
