import tracemalloc

import av
import cv2
import numpy as np
import pytest

from surgical_guidance.camera.draw import Painter
from surgical_guidance.errors import EncodingError

# Y'CbCr to R'G'B': ITU-R BT.601-7 2.5, BT.709-6 3 (Kr, Kb).
KR_KB = {'ITU601': (0.299, 0.114), 'ITU709': (0.2126, 0.0722)}
RANGES = {'limited': 1, 'full': 2}


def colourful(width, height):
    """Smooth patches of all colours, so that 4:2:0 loses nothing that a test would see."""
    rng = np.random.default_rng(7)
    return cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


def in_format(bgr, layout, matrix='ITU601', extent='limited'):
    frame = av.VideoFrame.from_ndarray(bgr, 'bgr24')
    return frame.reformat(
        format=layout, dst_colorspace=matrix, src_color_range=RANGES['full'], dst_color_range=RANGES[extent]
    )


def exact(frame, matrix, extent):
    """What a yuv420p picture shows, by the standard's formula in floating point."""
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8)
        .reshape(plane.height, plane.line_size)[:, : plane.width]
        .astype(float)
        for plane in frame.planes
    )
    u, v = (np.repeat(np.repeat(chroma, 2, 0), 2, 1) - 128 for chroma in (u, v))
    if extent == 'limited':
        y, u, v = (y - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    kr, kb = KR_KB[matrix]
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.stack([blue, green, red], -1), 0, 255)


def drawn(frame, size=None):
    painter = Painter(size)
    width, height = painter.size(frame)
    image = np.zeros((height, width, 3), np.uint8)
    painter.draw(frame, image)
    return image


@pytest.mark.parametrize('matrix', KR_KB)
@pytest.mark.parametrize('extent', RANGES)
def test_colours_follow_the_matrix_and_the_range_that_the_stream_names(matrix, extent):
    frame = in_format(colourful(320, 240), 'yuv420p', matrix, extent)
    error = np.abs(drawn(frame) - exact(frame, matrix, extent))
    assert error.max() <= 4
    assert error.mean() < 1.5


def test_the_wrong_matrix_would_have_been_seen():
    frame = in_format(colourful(320, 240), 'yuv420p', 'ITU709')
    assert np.abs(drawn(frame) - exact(frame, 'ITU601', 'limited')).max() > 20


def test_a_stream_that_names_no_matrix_is_bt601():
    frame = in_format(colourful(320, 240), 'yuv420p')
    frame.colorspace = 2  # AVCOL_SPC_UNSPECIFIED
    assert np.abs(drawn(frame) - exact(frame, 'ITU601', 'limited')).max() <= 2


@pytest.mark.parametrize(
    'layout',
    ['yuv420p', 'nv12', 'yuvj420p', 'yuv422p', 'yuvj422p', 'yuv444p', 'yuyv422', 'yuv420p10le', 'bgr24', 'rgba'],
)
def test_every_pixel_format_gives_the_picture(layout):
    extent = 'full' if layout.startswith('yuvj') else 'limited'
    bgr = colourful(320, 240)
    frame = in_format(bgr, layout, extent='full' if layout in ('bgr24', 'rgba') else extent)
    assert np.abs(drawn(frame).astype(int) - bgr).mean() < 3


def test_grey_stays_grey():
    grey = colourful(64, 48)[..., 0]
    assert np.array_equal(drawn(av.VideoFrame.from_ndarray(grey, 'gray')), cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))


@pytest.mark.parametrize('layout', ['yuv420p', 'nv12'])
@pytest.mark.parametrize('size', [(322, 242), (321, 241), (18, 2)])
def test_padded_rows_and_odd_sizes_are_drawn_straight(layout, size):
    bgr = cv2.GaussianBlur(colourful(*size), (0, 0), 3)
    frame = in_format(bgr, layout)
    assert any(plane.line_size > plane.width for plane in frame.planes)
    assert np.abs(drawn(frame).astype(int) - bgr).mean() < 4


def test_a_picture_can_be_scaled():
    bgr = colourful(640, 360)
    large = drawn(in_format(bgr, 'yuv420p', 'ITU709'), (960, 540))
    assert np.abs(large.astype(int) - cv2.resize(bgr, (960, 540))).mean() < 4


def test_a_stream_may_change_its_size_and_matrix():
    painter = Painter()
    for size, matrix in (
        ((320, 240), 'ITU601'),
        ((640, 360), 'ITU709'),
        ((320, 240), 'ITU709'),
        ((320, 240), 'ITU601'),
    ):
        frame = in_format(colourful(*size), 'yuv420p', matrix)
        image = np.zeros((*size[::-1], 3), np.uint8)
        painter.draw(frame, image)
        assert np.abs(image - exact(frame, matrix, 'limited')).max() <= 4


@pytest.mark.parametrize('matrix', KR_KB)
def test_no_memory_of_picture_size_is_taken_once_it_runs(matrix):
    frame = in_format(colourful(1280, 720), 'yuv420p', matrix)
    image = np.zeros((720, 1280, 3), np.uint8)
    painter = Painter()
    for _ in range(3):
        painter.draw(frame, image)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for _ in range(50):
        painter.draw(frame, image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - before < 100_000


def test_the_filter_graph_keeps_its_buffer():
    """What libswscale takes is not Python's: its buffer must come back, one frame after another."""
    frame = in_format(colourful(1280, 720), 'yuv420p', 'ITU709')
    image = np.zeros((720, 1280, 3), np.uint8)
    painter = Painter()
    painter.draw(frame, image)
    graph, addresses = painter._graph, set()

    class Spy:
        def push(self, picture):
            graph.push(picture)

        def pull(self):
            picture = graph.pull()
            addresses.add(picture.planes[0].buffer_ptr)
            return picture

    painter._graph = Spy()
    for _ in range(20):
        painter.draw(frame, image)
    assert len(addresses) <= 2


def test_what_cannot_be_converted_is_named(monkeypatch):
    frame = in_format(colourful(64, 48), 'yuv420p', 'ITU709')

    def refuse(*_):
        raise ValueError('no way')

    monkeypatch.setattr(Painter, '_make_graph', refuse)
    with pytest.raises(EncodingError, match='yuv420p cannot be converted'):
        drawn(frame)
