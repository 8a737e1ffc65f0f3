"""H.264 for real-time: no picture waits for another, key frames only when somebody needs one."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import HostError
from surgical_guidance.relay.video.ladder import Rung
from surgical_guidance.relay.video.rtp_clock import CLOCK_RATE

NOMINAL_RATE = 30  # Hz; for rate control only, the true times are in the frames
BUFFER_S = 0.25  # of the bit rate: what a key frame may take at once

OPTIONS: dict[str, dict[str, str]] = {
    'libx264': {'preset': 'superfast', 'tune': 'zerolatency'},
    'h264_nvenc': {'preset': 'p3', 'tune': 'ull', 'zerolatency': '1', 'rc': 'cbr', 'forced-idr': '1', 'delay': '0'},
    'h264_v4l2m2m': {'num_capture_buffers': '4'},
}
"""Encoders we know, the software one and those of NVIDIA's cards and of Linux boards, with their options."""


class Encoder:
    """Encodes pictures of one size.

    :param codec: a key of :data:`OPTIONS`.
    :raises HostError: if the encoder cannot be opened here.
    """

    def __init__(self, codec: str, rung: Rung) -> None:
        self.rung = rung
        try:
            self._context = av.CodecContext.create(codec, 'w')
            self._context.width, self._context.height = rung.width, rung.height
            self._context.pix_fmt = 'yuv420p'
            self._context.bit_rate = rung.bit_rate
            self._context.time_base = Fraction(1, CLOCK_RATE)
            self._context.framerate = Fraction(NOMINAL_RATE, 1)
            self._context.gop_size = 36_000  # key frames come when they are asked for
            self._context.max_b_frames = 0
            self._context.options = OPTIONS[codec] | _rate_limit(codec, rung)
            if codec == 'libx264':
                self._context.profile = 'Baseline'  # what every browser decodes
                self._context.thread_count = 1  # slices of several threads cost more in all; here cores are short
            self._context.open()
        except (av.FFmpegError, ValueError) as error:
            raise HostError(f'this encoder cannot be used here ({_said(error)})', where=codec) from error
        self._last = -1

    def encode(self, i420: NDArray[np.uint8], captured_ns: int, *, key: bool) -> tuple[bytes, bool]:
        """Encode one picture.

        :param i420: ``uint8 (height * 3 / 2, width)``.
        :return: the access unit (Annex B), and whether it is a key frame. Empty if the encoder keeps it.
        :raises HostError: if the encoder fails.
        """
        frame = av.VideoFrame.from_numpy_buffer(i420, format='yuv420p')
        frame.time_base = Fraction(1, CLOCK_RATE)
        frame.pts = self._last = max(captured_ns * CLOCK_RATE // NS_PER_S, self._last + 1)
        frame.pict_type = PictureType.I if key else PictureType.NONE
        try:
            packets = self._context.encode(frame)
        except av.FFmpegError as error:
            raise HostError(f'the encoder failed ({error})', where=self._context.codec.name) from error
        return b''.join(map(bytes, packets)), any(packet.is_keyframe for packet in packets)


def to_i420(image: NDArray[np.uint8], width: int, height: int, into: NDArray[np.uint8]) -> None:
    """Scale a picture of the frame path (``bgr8`` or ``mono8``) and write it as I420, BT.601, limited range."""
    while (
        image.shape[1] > 2 * width and image.shape[0] > 2 * height
    ):  # means of 2 x 2: fast, unlike an area of any size
        image = np.asarray(cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2)), np.uint8)
    if image.shape[1] != width or image.shape[0] != height:
        image = np.asarray(cv2.resize(image, (width, height)), np.uint8)
    if image.ndim == 2:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420, dst=into)


def _said(error: Exception) -> str:
    """Give what FFmpeg says, without its arguments."""
    return str(getattr(error, 'strerror', None) or error).partition(':')[0]


def _rate_limit(codec: str, rung: Rung) -> dict[str, str]:
    if codec != 'libx264':
        return {}
    kbit = rung.bit_rate // 1000
    return {
        'x264-params': f'keyint=infinite:scenecut=0:vbv-maxrate={kbit}:vbv-bufsize={int(kbit * BUFFER_S)}'
        ':colormatrix=smpte170m:colorprim=smpte170m:transfer=smpte170m:range=tv'
    }
