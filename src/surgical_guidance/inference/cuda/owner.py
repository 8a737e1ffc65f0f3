"""The one thread of a process that owns everything of CUDA.

CUDA's current context belongs to a thread, and with PyCUDA a thread that ends with one ends the process. So one thread
opens CUDA, does all the work on it, and closes it, whatever happens; others hand it jobs.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.faults import CudaError, DeviceLost
from surgical_guidance.inference.cuda.seam import open_cuda

T = TypeVar('T')
_END_S = 5.0  # work on the GPU that takes longer than this hangs


class _Job:
    """One call, its result and whether it is done."""

    __slots__ = ('do', 'done', 'error', 'result')

    def __init__(self, do: Callable[[Cuda], object]) -> None:
        self.do = do
        self.done = threading.Event()
        self.result: object = None
        self.error: BaseException | None = None


class CudaOwner:
    """Owns CUDA of one device.

    :param open_device: opens it, in the thread.
    :raises EngineError: if it cannot be opened.
    """

    def __init__(self, open_device: Callable[[], Cuda] = open_cuda) -> None:
        self._jobs: deque[_Job | None] = deque()
        self._waiting = threading.Semaphore(0)
        self._lost: str = ''
        self._closed = False
        self._open_error: EngineError | None = None
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._own, args=(open_device,), name='cuda', daemon=True)
        self._thread.start()
        self._opened.wait()
        if self._open_error is not None:
            self._thread.join(_END_S)
            raise self._open_error
        atexit.register(self.close)

    @property
    def lost(self) -> str:
        """Why nothing works any more; '' as long as it does."""
        return self._lost

    def call(self, do: Callable[[Cuda], T]) -> T:
        """Do something on the device; returns when it is done, and raises what it raises.

        :raises DeviceLost: if nothing works there any more.
        :raises EngineError: if this owner is closed.
        """
        if threading.current_thread() is self._thread:
            raise EngineError('the thread of CUDA cannot wait for itself', where='GPU')
        if self._closed:
            raise EngineError('the GPU is closed', where='GPU', remedy='configure the stage again')
        job = _Job(do)
        self._jobs.append(job)
        self._waiting.release()
        job.done.wait()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    def close(self) -> None:
        """End the thread; CUDA is closed when this returns. Twice is as good as once.

        :raises EngineError: if work on the GPU hangs.
        """
        atexit.unregister(self.close)
        if not self._closed:
            self._closed = True
            self._jobs.append(None)
            self._waiting.release()
        self._thread.join(_END_S)
        if self._thread.is_alive():
            raise EngineError(f'the GPU has not answered for {_END_S:g} s', where='GPU', remedy='end this process')

    def _own(self, open_device: Callable[[], Cuda]) -> None:
        try:
            cuda = open_device()
        except EngineError as error:
            self._open_error = error
            return
        except Exception as error:  # noqa: BLE001  (whatever it is, it is told to whoever asked for the device)
            self._open_error = EngineError(f'the GPU cannot be used ({type(error).__name__}: {error})', where='GPU')
            return
        finally:
            self._opened.set()
        try:
            self._serve(cuda)
        finally:
            self._close(cuda)

    def _serve(self, cuda: Cuda) -> None:
        while True:
            self._waiting.acquire()
            job = self._jobs.popleft()
            if job is None:
                return
            try:
                if self._lost:
                    raise DeviceLost(self._lost)  # noqa: TRY301  (goes to whoever waits for the job)
                job.result = job.do(cuda)
            except CudaError as error:
                if error.device_lost:
                    self._lost = error.what
                    job.error = DeviceLost(error.what)
                    job.error.__cause__ = error
                else:
                    job.error = error
            except BaseException as error:  # noqa: BLE001  (goes to whoever waits for the job)
                job.error = error
            finally:
                job.done.set()
                del job  # what it holds shall not live until the next one comes

    def _close(self, cuda: Cuda) -> None:
        try:
            cuda.close()
        except Exception as error:  # noqa: BLE001  (of a lost device nothing can be given back)
            self._lost = self._lost or str(error)
        while self._jobs:
            job = self._jobs.popleft()
            if job is not None:
                job.error = EngineError('the GPU is closed', where='GPU')
                job.done.set()
