"""Scratch memory that engines share: those that run one after another on the same stream never need it at once."""

from __future__ import annotations

from surgical_guidance.inference.cuda.driver import Cuda


class Scratch:
    """One block of device memory a stream, as large as the largest engine there asks. Used by the thread of CUDA."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._blocks: dict[int, tuple[int, int, int]] = {}  # stream -> address, size, users
        self._outgrown: dict[
            int, list[int]
        ] = {}  # stream -> blocks too small for a later engine, in use by earlier ones

    def join(self, stream: int, size: int) -> int:
        """Give the address of a block of at least this size [bytes] for work on a stream.

        An engine that was given a smaller block before keeps it: the block that grows is another one.
        """
        address, had, users = self._blocks.get(stream, (0, 0, 0))
        if size > had:
            if users:
                self._outgrown.setdefault(stream, []).append(address)
            address, had = self._cuda.allocate(size), size
        self._blocks[stream] = address, had, users + 1
        return address

    def leave(self, stream: int) -> None:
        """Tell that one engine of a stream is gone; with the last one the memory is given back."""
        address, size, users = self._blocks[stream]
        if users > 1:
            self._blocks[stream] = address, size, users - 1
            return
        del self._blocks[stream]
        for block in (*self._outgrown.pop(stream, []), address):
            self._cuda.free(block)

    def close(self) -> None:
        """Give everything back."""
        for stream, (address, size, _) in list(self._blocks.items()):
            self._blocks[stream] = address, size, 1
            self.leave(stream)
