"""Image messages of others to pixels of the frame path, and frames to image messages for others.

A message from the network can say anything, so size, step and length are checked before a byte of the picture is
looked at, here, whoever converts afterwards: ``cv_bridge`` trusts them (the one on PyPI reads padded rows askew). It is
used where it is installed and sound, for the colours it converts well; everywhere else this module does it itself.

Colours from YUV are converted with the BT.601 matrix in limited range, as ``cv_bridge`` and OpenCV do.
"""

from __future__ import annotations

import array
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from surgical_guidance.clock import to_time
from surgical_guidance.contract import OPTICAL_FRAME
from surgical_guidance.errors import EncodingError, FrameOverwritten
from surgical_guidance.frames.frame import Frame

MAX_PIXELS = 8192 * 8192
"""The largest picture that is read [px]: twice an 8K frame. Beyond it the header is wrong, or meant to hurt."""

JPEG_QUALITY = 80


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the pixels of an encoding lie in memory.

    :param channels: values of a pixel in a row.
    :param depth: bytes of a value.
    :param to_bgr: OpenCV's code that makes ``bgr8`` of it; None where it is ``bgr8`` or ``mono8`` already.
    :param block: pixels (across, down) that share their colour; the size must be a multiple of it.
    """

    channels: int
    depth: int = 1
    to_bgr: int | None = None
    block: tuple[int, int] = (1, 1)

    @property
    def colour_plane(self) -> bool:
        """Whether the colours follow the grey picture as a plane of half its height, and do not stand between it."""
        return self.block[1] == 2


_LAYOUTS = {
    'bgr8': _Layout(3),
    'mono8': _Layout(1),
    'rgb8': _Layout(3, to_bgr=cv2.COLOR_RGB2BGR),
    'bgra8': _Layout(4, to_bgr=cv2.COLOR_BGRA2BGR),
    'rgba8': _Layout(4, to_bgr=cv2.COLOR_RGBA2BGR),
    'mono16': _Layout(1, 2),
    'bgr16': _Layout(3, 2),
    'rgb16': _Layout(3, 2, cv2.COLOR_RGB2BGR),
    'bgra16': _Layout(4, 2, cv2.COLOR_BGRA2BGR),
    'rgba16': _Layout(4, 2, cv2.COLOR_RGBA2BGR),
    'yuyv': _Layout(2, to_bgr=cv2.COLOR_YUV2BGR_YUYV, block=(2, 1)),
    'yuv422_yuy2': _Layout(2, to_bgr=cv2.COLOR_YUV2BGR_YUYV, block=(2, 1)),
    'uyvy': _Layout(2, to_bgr=cv2.COLOR_YUV2BGR_UYVY, block=(2, 1)),
    'yuv422': _Layout(2, to_bgr=cv2.COLOR_YUV2BGR_UYVY, block=(2, 1)),
    'nv12': _Layout(1, to_bgr=cv2.COLOR_YUV2BGR_NV12, block=(2, 2)),
    'nv21': _Layout(1, to_bgr=cv2.COLOR_YUV2BGR_NV21, block=(2, 2)),
}
"""Named as in ``sensor_msgs/image_encodings.hpp``, and ``nv12`` as Isaac ROS names it.

Left out on purpose: ``8UC3`` and the like do not say the order of their colours, ``16UC1`` and ``32FC1`` are depth, and
raw Bayer patterns need a white balance.
"""

READABLE = tuple(_LAYOUTS)
"""Encodings that :func:`decode_image` reads."""

_BRIDGED = frozenset({'rgb8', 'bgra8', 'rgba8'})
"""What every ``cv_bridge``, also the one on PyPI, converts well where rows are not padded and bytes are not swapped."""


def decode_image(msg: Image) -> NDArray[np.uint8]:
    """Give the picture of a raw image message.

    :returns: ``uint8 (height, width, 3)`` in the order blue, green, red, or ``uint8 (height, width)`` for the mono
        encodings. 16 bits are scaled to 8. Read-only where it is a view into the message and not a copy, which it is
        for ``bgr8`` and ``mono8``.
    :raises EncodingError: if the encoding is not one of :data:`READABLE`, or size, step and length do not fit together.
    """
    layout = _LAYOUTS.get(msg.encoding)
    if layout is None:
        raise EncodingError(
            f'images in the encoding {msg.encoding[:32]!r} cannot be read',
            remedy=f'send one of {", ".join(READABLE)}',
        )
    row = _check(msg, layout)
    plain = msg.step == row and not msg.is_bigendian
    if plain and msg.encoding in _BRIDGED and (bridge := _bridge()) is not None:
        return np.asarray(bridge.imgmsg_to_cv2(msg, 'bgr8'), np.uint8)
    return _convert(msg, layout)


def decode_compressed(msg: CompressedImage) -> NDArray[np.uint8]:
    """Decode a JPEG or PNG image message. What it is is read from its data; ``format`` is not relied on.

    :returns: ``uint8 (height, width, 3)`` in the order blue, green, red, or ``uint8 (height, width)`` where it has no
        colours. Not turned by EXIF: what the camera sent is the coordinate frame of everything that follows.
    :raises EncodingError: if it is something else, is cut short or broken, or is larger than :data:`MAX_PIXELS`.
    """
    data = memoryview(msg.data)
    size, end = _compressed_size(data, msg.format)
    if not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise EncodingError(f'a compressed image of {size[0]}x{size[1]} pixels is not read')
    if end not in bytes(data[-_TAIL:]):  # the decoders would fill the missing part with grey and say nothing
        raise EncodingError('the compressed image is cut short')
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise EncodingError(f'the compressed image cannot be decoded ({error.err})') from error
    if image is None:
        raise EncodingError('the compressed image is broken')
    return np.asarray(image, np.uint8)


def encode_image(frame: Frame) -> Image:
    """Give a frame as a raw image message: stamped with its capture, in the camera's optical frame.

    :raises FrameOverwritten: if the next frame came into the slot while this one was read.
    """
    msg = Image(height=frame.height, width=frame.width, encoding=frame.encoding, is_bigendian=0)
    msg.step = frame.image.strides[1] * frame.width
    msg.header.stamp = to_time(frame.stamp_ns)
    msg.header.frame_id = OPTICAL_FRAME
    msg.data = _byte_array(np.ascontiguousarray(frame.image))
    _check_intact(frame)
    return msg


def encode_compressed(
    frame: Frame,
    quality: int = JPEG_QUALITY,
    format: Literal['jpeg', 'png'] = 'jpeg',  # noqa: A002  (the message's name)
) -> CompressedImage:
    """Give a frame as a compressed image message: stamped with its capture, in the camera's optical frame.

    :param quality: of JPEG, 1 to 100. PNG is without loss.
    :raises FrameOverwritten: if the next frame came into the slot while this one was read.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if format == 'jpeg' else []
    done, data = cv2.imencode(f'.{format}', frame.image, options)
    if not done:
        raise EncodingError(f'a frame of {frame.width}x{frame.height} {frame.encoding} cannot be written as {format}')
    _check_intact(frame)
    # The form that compressed_image_transport writes and reads; the pixel format at its end is only for colours.
    inside = frame.encoding if frame.encoding != 'mono8' else ''
    msg = CompressedImage(format=f'{frame.encoding}; {format} compressed {inside}')
    msg.header.stamp = to_time(frame.stamp_ns)
    msg.header.frame_id = OPTICAL_FRAME
    msg.data = _byte_array(data)
    return msg


def cv_bridge_is_used() -> bool:
    """Whether this host has a ``cv_bridge`` that works."""
    return _bridge() is not None


def _check(msg: Image, layout: _Layout) -> int:
    """Check size, step and length against each other; give the bytes that the pixels of a row fill."""
    what = f'an image of {msg.width}x{msg.height} {msg.encoding}'
    across, down = layout.block
    if not 0 < msg.width * msg.height <= MAX_PIXELS:
        raise EncodingError(f'{what} is not read', remedy=f'send 1 to {MAX_PIXELS} pixels')
    if msg.width % across or msg.height % down:
        raise EncodingError(f'{what} cannot be: its size must be a multiple of {across}x{down}')
    row = int(msg.width * layout.channels * layout.depth)
    if msg.step < row:
        raise EncodingError(f'{what} says rows of {msg.step} bytes and needs {row}', remedy='set its step')
    wanted = msg.step * _rows(msg, layout)
    if len(msg.data) != wanted:
        raise EncodingError(f'{what} with a step of {msg.step} holds {len(msg.data)} bytes and not {wanted}')
    return row


def _rows(msg: Image, layout: _Layout) -> int:
    return int(msg.height * 3 // 2 if layout.colour_plane else msg.height)


def _convert(msg: Image, layout: _Layout) -> NDArray[np.uint8]:
    """Convert a checked message without ``cv_bridge``."""
    dtype = np.dtype(np.uint8) if layout.depth == 1 else np.dtype('>u2' if msg.is_bigendian else '<u2')
    shape: tuple[int, ...] = (_rows(msg, layout), msg.width)
    strides: tuple[int, ...] = (msg.step, layout.channels * layout.depth)
    if layout.channels > 1:
        shape, strides = (*shape, layout.channels), (*strides, layout.depth)
    pixels: NDArray[Any] = np.ndarray(shape, dtype, msg.data, strides=strides)
    pixels.flags.writeable = False
    if layout.depth == 2:
        pixels = cv2.convertScaleAbs(pixels.astype(np.uint16), alpha=255 / 65535)
    if layout.to_bgr is not None:
        pixels = cv2.cvtColor(pixels, layout.to_bgr)
    return np.asarray(pixels, np.uint8)


@cache
def _bridge() -> Any:
    """Give ``cv_bridge``'s converter, or None where it is missing or does not turn one red pixel into a red pixel.

    One that was built for another NumPy or OpenCV than the installed ones imports, and fails at its first use.
    """
    red = Image(height=1, width=1, encoding='rgb8', step=3, data=array.array('B', [255, 0, 0]))
    try:
        from cv_bridge import CvBridge

        bridge = CvBridge()
        sound = np.array_equal(bridge.imgmsg_to_cv2(red, 'bgr8'), [[[0, 0, 255]]])
    except Exception:  # noqa: BLE001  (whatever is wrong with it: then it is not used, and the doctor says so)
        return None
    return bridge if sound else None


_JPEG, _PNG = b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n'
_TAIL = 64  # some cameras pad their JPEG to a multiple of 16 or 64 bytes
_MAX_SEGMENTS = 256  # before the size in a JPEG; cameras write fewer than ten


def _compressed_size(data: memoryview, name: str) -> tuple[tuple[int, int], bytes]:
    """Read what a compressed image says of itself: its size (width, height) and the mark that it must end with."""
    if bytes(data[:8]) == _PNG and len(data) >= 24:
        return struct.unpack_from('>II', data, 16), b'IEND'
    if bytes(data[:3]) == _JPEG:
        return _jpeg_size(data), b'\xff\xd9'
    raise EncodingError(
        f'a compressed image in the format {name[:48]!r} cannot be read', remedy='send JPEG or PNG of 8 bits'
    )


def _jpeg_size(data: memoryview) -> tuple[int, int]:
    """Find the frame header (SOFn) of a JPEG: ITU-T T.81, B.1 and B.2.2."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if at + 9 > len(data) or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # not a table
            height, width = struct.unpack_from('>HH', data, at + 5)
            return width, height
        at += 1 if marker == 0xFF else 2 + struct.unpack_from('>H', data, at + 2)[0]  # 0xFF: a fill byte
    raise EncodingError('the compressed image is a JPEG without a frame header')


def _byte_array(values: NDArray[np.uint8]) -> array.array[int]:
    """Make the one type that the ``uint8[]`` setters take quickly; bytes or an ndarray cost up to 0.7 s a frame."""
    data = array.array('B')
    data.frombytes(values.data)
    return data


def _check_intact(frame: Frame) -> None:
    if not frame.intact:
        raise FrameOverwritten(f'frame {frame.sequence} was overwritten while it was read', where=frame.ring)
