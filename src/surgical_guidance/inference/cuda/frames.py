"""Brings camera frames to the device: one DMA a frame, straight from the slot of the ring, for all models together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import EncodingError
from surgical_guidance.inference.cuda.arguments import Encoding
from surgical_guidance.inference.cuda.driver import Cuda

_BYTES = {Encoding.bgr8: 3, Encoding.rgb8: 3, Encoding.mono8: 1, Encoding.nv12: 1, Encoding.yuyv: 2}
"""Of one pixel in a row."""

_LARGEST = 3840 * 2160 * 3
"""Memory that is taken when the first frame comes [bytes]: no camera that changes its resolution needs more."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a frame lies in device memory.

    :param address: of its first byte.
    :param step: bytes a row.
    """

    address: int
    width: int
    height: int
    step: int
    encoding: Encoding


class DeviceFrames:
    """The newest frame on the device. Used by the thread of CUDA.

    The ring that frames come from is page-locked when its first frame comes, once; another ring takes its place.
    """

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._stream = cuda.stream(first=True)
        self.uploaded = cuda.event()
        self._memory, self._size = 0, 0
        self._locked: NDArray[np.uint8] | None = None
        self._asked: NDArray[np.uint8] | None = None
        self._key: tuple[str, int] | None = None
        self._layout = Layout(0, 0, 0, 0, Encoding.bgr8)
        self._readers: dict[int, bool] = {}

    @property
    def locked(self) -> bool:
        """Whether the ring of the newest frame is page-locked, so that it is read by DMA."""
        return self._locked is not None

    def add_reader(self) -> int:
        """Give an event that its owner records when it has read the frame."""
        event = self._cuda.event()
        self._readers[event] = False
        return event

    def remove_reader(self, event: int) -> None:
        """Wait for this reader no more."""
        del self._readers[event]
        self._cuda.destroy_event(event)

    def upload(self, image: NDArray[np.uint8], encoding: str, key: tuple[str, int] | None = None) -> Layout:
        """Bring a frame to the device, unless it is there already; whoever reads it there waits for ``uploaded``.

        :param image: rows of the frame as they lie in memory; of nv12 the rows of chroma follow those of luma.
        :param key: what tells it from other frames; None: it is another one.
        :raises EncodingError: if it is not a frame of that encoding.
        """
        if key is not None and key == self._key:
            return self._layout
        layout = self._laid_out(image, encoding)
        size = layout.step * image.shape[0]
        for event, used in self._readers.items():
            if used:
                self._cuda.wait(self._stream, event)
        if size > self._size:
            self._cuda.synchronise(self._stream)
            if self._memory:
                self._cuda.free(self._memory)
            self._size = max(size, _LARGEST)
            self._memory = self._cuda.allocate(self._size)
        self._lock(image)
        self._layout = Layout(self._memory, layout.width, layout.height, layout.step, layout.encoding)
        self._cuda.copy_in(self._memory, image.ctypes.data, size, self._stream)
        self._cuda.record(self.uploaded, self._stream)
        self._key = key
        return self._layout

    def read_by(self, event: int) -> None:
        """Tell that a reader's event has been recorded."""
        self._readers[event] = True

    def close(self) -> None:
        """Give everything back."""
        self._cuda.synchronise(self._stream)
        self._unlock()
        if self._memory:
            self._cuda.free(self._memory)
        self._memory = self._size = 0
        self._cuda.destroy_event(self.uploaded)
        self._cuda.destroy_stream(self._stream)

    @staticmethod
    def _laid_out(image: NDArray[np.uint8], encoding: str) -> Layout:
        try:
            kind = Encoding[encoding]
        except KeyError:
            raise EncodingError(
                f'{encoding!r} has no way to the GPU', remedy=f'use {", ".join(Encoding.__members__)}'
            ) from None
        pixel = _BYTES[kind]
        rows, columns = image.shape[:2]
        width = columns if image.ndim == 3 else columns // pixel
        height = rows * 2 // 3 if kind == Encoding.nv12 else rows
        inner = image.strides[1:]
        dense = inner == ((1,) if image.ndim == 2 else (pixel, 1)) and image.strides[0] >= width * pixel
        fits = image.ndim == 2 or image.shape[2] == pixel
        if not dense or not fits or image.dtype != np.uint8 or (kind == Encoding.nv12 and rows % 3):
            raise EncodingError(f'{image.dtype} {image.shape} with steps {image.strides} is no frame of {encoding}')
        return Layout(0, width, height, image.strides[0], kind)

    def _lock(self, image: NDArray[np.uint8]) -> None:
        """Page-lock all the memory that a frame is a part of, if that was not tried yet."""
        whole = image
        while isinstance(whole.base, np.ndarray):
            whole = whole.base
        if whole is self._asked:
            return
        self._unlock()
        self._asked = whole  # kept, so that it is not unmapped while it is locked
        flat = whole.reshape(-1).view(np.uint8)
        if self._cuda.lock(flat, read_only=not _writable(whole)):
            self._locked = flat

    def _unlock(self) -> None:
        locked, self._locked, self._asked = self._locked, None, None
        if locked is not None:
            self._cuda.synchronise(self._stream)
            self._cuda.unlock(locked)


def _writable(memory: NDArray[np.uint8]) -> bool:
    """Tell whether the memory that an array looks at may be written; the array itself may be marked read-only."""
    if memory.base is None:
        return bool(memory.flags.owndata or memory.flags.writeable)
    try:
        return not memoryview(memory.base).readonly  # type: ignore[arg-type]  # whatever it is; else a TypeError
    except TypeError:
        return bool(memory.flags.writeable)
