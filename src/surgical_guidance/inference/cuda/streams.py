"""Streams by name: whatever runs one after another anyway shares one, and with it one block of scratch memory."""

from __future__ import annotations

from surgical_guidance.inference.cuda.driver import Cuda


class Streams:
    """The streams of models. One model at several sizes has one. Used by the thread of CUDA."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._streams: dict[tuple[str, bool], tuple[int, int]] = {}  # -> stream, users

    def join(self, name: str, *, first: bool) -> int:
        """Give the stream of this name; each who has it must :meth:`leave`.

        :param first: its work goes before that of others.
        """
        stream, users = self._streams.get((name, first)) or (self._cuda.stream(first=first), 0)
        self._streams[name, first] = stream, users + 1
        return stream

    def leave(self, name: str, *, first: bool) -> None:
        """Tell that one user is gone; with the last one the stream is given back."""
        stream, users = self._streams.pop((name, first))
        if users > 1:
            self._streams[name, first] = stream, users - 1
        else:
            self._cuda.destroy_stream(stream)
