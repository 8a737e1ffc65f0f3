"""Decoded video pictures, drawn into the frame ring.

Two ways, both without a new picture-sized buffer once they run:

- OpenCV, straight into the slot: what it can convert right, which is 4:2:0 and YUYV in BT.601 limited range (SD, raw
  cameras, everything without a tag).
- libswscale, into a buffer that its filter graph keeps, and one copy into the slot: every other format, matrix and
  range (BT.709, full range, 10 bit, ...), and scaling.

A stream that does not name its matrix is taken as BT.601, as OpenCV, libswscale and most encoders without a setting do.
"""

from __future__ import annotations

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from surgical_guidance.errors import EncodingError

_BT601 = 'bt601'
_MATRICES = {1: 'bt709', 4: 'fcc', 5: _BT601, 6: _BT601, 7: 'smpte240m', 9: 'bt2020', 10: 'bt2020'}
"""AVColorSpace (ITU-T H.273, MatrixCoefficients) to the names of the scale filter."""
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_STRAIGHT = ('yuv420p', 'nv12', 'yuyv422')
"""Pixel formats that OpenCV converts: software decoders, hardware decoders, cameras without compression."""


def _plane(plane: VideoPlane, channels: int = 1) -> NDArray[np.uint8]:
    """View a plane without the padding of its rows: ``(height, width)``, or ``(height, width, channels)``."""
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[
        :, : plane.width * channels
    ]
    return rows if channels == 1 else rows.reshape(plane.height, plane.width, channels)


class Painter:
    """Draws the pictures of one source. Not for several threads at once.

    :param size: width and height to scale to [px]; None: as they are.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self._size = size
        self._chroma = np.empty((0, 0, 2), np.uint8)
        self._graph: av.filter.Graph | None = None
        self._graph_key: tuple[object, ...] = ()

    def size(self, picture: VideoFrame) -> tuple[int, int]:
        """Width and height that a picture is drawn with [px]."""
        return self._size or (picture.width, picture.height)

    def draw(self, picture: VideoFrame, image: NDArray[np.uint8]) -> None:
        """Draw a picture as bgr8.

        :param image: ``uint8 (height, width, 3)``, of the size that :meth:`size` gives.
        :raises EncodingError: if its pixel format cannot be converted.
        """
        layout = picture.format.name
        matrix = _MATRICES.get(picture.colorspace, _BT601)
        full_range = picture.color_range == _FULL_RANGE or layout.startswith('yuvj')
        as_it_is = self.size(picture) == (picture.width, picture.height)
        even = not (picture.width % 2 or picture.height % 2)
        upright = all(plane.line_size > 0 for plane in picture.planes)
        if layout in _STRAIGHT and matrix == _BT601 and not full_range and as_it_is and even and upright:
            self._draw_601(picture, image)
        else:
            self._draw_scaled(picture, image, matrix, full_range)

    def _draw_601(self, picture: VideoFrame, image: NDArray[np.uint8]) -> None:
        planes = picture.planes
        if len(planes) == 1:  # yuyv422
            cv2.cvtColor(_plane(planes[0], 2), cv2.COLOR_YUV2BGR_YUYV, image)
            return
        if len(planes) == 2:  # nv12
            chroma = _plane(planes[1], 2)
        else:
            if self._chroma.shape[:2] != (picture.height // 2, picture.width // 2):
                self._chroma = np.empty((picture.height // 2, picture.width // 2, 2), np.uint8)
            chroma = self._chroma
            cv2.merge((_plane(planes[1]), _plane(planes[2])), chroma)
        cv2.cvtColorTwoPlane(_plane(planes[0]), chroma, cv2.COLOR_YUV2BGR_NV12, image)

    def _draw_scaled(self, picture: VideoFrame, image: NDArray[np.uint8], matrix: str, full_range: bool) -> None:
        key = (picture.width, picture.height, picture.format.name, matrix, full_range)
        try:
            if self._graph is None or key != self._graph_key:
                self._graph = self._make_graph(picture, matrix, full_range)
                self._graph_key = key
            self._graph.push(picture)
            np.copyto(image, _plane(self._graph.pull().planes[0], 3))
        except (av.FFmpegError, ValueError) as error:
            self._graph = None
            raise EncodingError(
                f'pictures in the format {picture.format.name} cannot be converted ({error})'
            ) from error

    def _make_graph(self, picture: VideoFrame, matrix: str, full_range: bool) -> av.filter.Graph:
        width, height = self.size(picture)
        graph = av.filter.Graph()
        graph.threads = 1  # the other cores are for the models
        source_range = 'pc' if full_range else 'tv'
        scale = f'w={width}:h={height}:flags=bilinear:in_color_matrix={matrix}:in_range={source_range}:out_range=pc'
        if picture.format.is_rgb or picture.format.name.startswith('gray'):
            scale = f'w={width}:h={height}:flags=bilinear'  # no matrix, and the range is the full one
        graph.link_nodes(
            graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base='1/1000'),
            graph.add('scale', scale),
            graph.add('format', 'bgr24'),
            graph.add('buffersink'),
        ).configure()
        return graph
