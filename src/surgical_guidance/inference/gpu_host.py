"""What all models on a GPU share: the thread that owns CUDA, the kernels, the newest frame on the device."""

from __future__ import annotations

import threading
from collections.abc import Callable

from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.frames import DeviceFrames
from surgical_guidance.inference.cuda.kernels import Kernels
from surgical_guidance.inference.cuda.owner import CudaOwner
from surgical_guidance.inference.cuda.scratch import Scratch
from surgical_guidance.inference.cuda.seam import open_cuda
from surgical_guidance.inference.cuda.streams import Streams
from surgical_guidance.inference.trt_plans import LoadedPlans


class GpuHost:
    """The GPU of this process.

    ``owner`` does all work on it; the rest is for its thread alone.

    :param open_device: opens CUDA, in that thread.
    :raises EngineError: if there is no GPU that works.
    """

    def __init__(self, open_device: Callable[[], Cuda] = open_cuda) -> None:
        self.owner = CudaOwner(open_device)
        try:
            self.kernels, self.frames, self.scratch, self.streams, self.plans = self.owner.call(self._make)
        except BaseException:
            self.owner.close()
            raise

    @staticmethod
    def _make(cuda: Cuda) -> tuple[Kernels, DeviceFrames, Scratch, Streams, LoadedPlans]:
        kernels = Kernels(cuda)
        try:
            return kernels, DeviceFrames(cuda), Scratch(cuda), Streams(cuda), LoadedPlans(cuda)
        except BaseException:
            kernels.close()
            raise

    def close(self) -> None:
        """Give everything back and close CUDA. All paths must be closed before."""
        try:
            if not self.owner.lost:
                self.owner.call(self._unmake)
        finally:
            self.owner.close()

    def _unmake(self, cuda: Cuda) -> None:
        self.frames.close()
        self.scratch.close()
        self.kernels.close()


_lock = threading.Lock()
_host: GpuHost | None = None
_users = 0


def join_host() -> GpuHost:
    """Give the process's GPU; each who has it must :func:`leave_host`.

    :raises EngineError: if there is no GPU that works.
    """
    global _host, _users  # noqa: PLW0603  (a process has one)
    with _lock:
        if _host is None:
            _host = GpuHost()
        _users += 1
        return _host


def leave_host() -> None:
    """Tell that one user of the process's GPU is gone; with the last one it is closed."""
    global _host, _users  # noqa: PLW0603
    with _lock:
        _users -= 1
        if _users == 0 and _host is not None:
            host, _host = _host, None
            host.close()
