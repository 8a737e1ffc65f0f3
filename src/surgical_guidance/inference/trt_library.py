"""TensorRT, whichever of it is here: ``tensorrt`` (8.6 to 11) or ``tensorrt_rtx``, and what it says.

One code path serves all of them: what differs between versions is asked with ``hasattr``, never by version numbers. The
library tells hardly anything by exceptions. It returns None or False and logs, so whoever calls it listens::

    library = load('auto')
    with library.listening() as said:
        engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        what, remedy = explain(said.cause())

The library keeps the first logger of a process for ever; therefore each has exactly one here, which passes on what it
hears to everybody who listens.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.trt_words import Said

LIBRARIES = ('tensorrt', 'tensorrt_rtx')
"""What can be asked for beside ``auto``, which takes the first that loads."""


class TrtLibrary:
    """A TensorRT that is loaded.

    :param module: the Python module.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self.name: str = module.__name__
        self.version: str = module.__version__
        self._listeners: list[Said] = []
        self._lock = threading.Lock()
        self.logger = _logger(module, self._hear)

    @property
    def rtx(self) -> bool:
        """Whether it is TensorRT-RTX: builds without a GPU, for the GPUs that are asked for."""
        return hasattr(self.module.IBuilderConfig, 'set_compute_capability') and hasattr(
            self.module, 'ComputeCapability'
        )

    @property
    def always_strongly_typed(self) -> bool:
        """Whether every network is strongly typed: then the flags for FP16 and INT8 are gone."""
        return not hasattr(self.module.BuilderFlag, 'FP16')

    def describe(self) -> str:
        """Name it for people."""
        return f'{"TensorRT-RTX" if self.rtx else "TensorRT"} {self.version}'

    @contextmanager
    def listening(self, said: Said | None = None) -> Iterator[Said]:
        """Collect what the library says while the block runs, in whichever thread it says it.

        :param said: gets it; None: a new one does.
        """
        said = said if said is not None else Said()
        with self._lock:
            self._listeners.append(said)
        try:
            yield said
        finally:
            with self._lock:
                self._listeners.remove(said)

    def recorder(self, said: Said) -> Any:
        """Make an ``IErrorRecorder`` that writes into ``said``: for a ``Runtime`` and what it makes.

        An object with a recorder tells the recorder instead of the logger. Never give it to a ``Builder``: TensorRT-RTX
        1.7 then crashes when the network is destroyed; its errors come by the logger.
        """
        return _recorder(self.module, said)

    def _hear(self, severity: Any, text: str) -> None:
        levels = self.module.ILogger.Severity
        with self._lock:
            for said in self._listeners:
                if severity in (levels.INTERNAL_ERROR, levels.ERROR):
                    said.error(text)
                elif severity == levels.WARNING:
                    said.warning(text)


@lru_cache(maxsize=len(LIBRARIES) + 1)
def load(name: str = 'auto') -> TrtLibrary:
    """Load a TensorRT, once a process.

    :param name: one of :data:`LIBRARIES`, or ``auto``.
    :raises EngineError: if there is none, with the reason for each.
    """
    if name != 'auto' and name not in LIBRARIES:
        raise EngineError(f'there is no library {name!r}', remedy=f'use auto, {", ".join(LIBRARIES)}')
    if name == 'auto':
        return _first_that_loads()
    try:
        return TrtLibrary(importlib.import_module(name))
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(
            f'{name} does not load ({_first_line(error)})',
            remedy=f'pip install {name.replace("_", "-")}, of a version for this driver and this Python',
        ) from error


def _first_that_loads() -> TrtLibrary:
    reasons = []
    for name in LIBRARIES:
        try:
            return load(name)
        except EngineError as error:
            reasons.append(error.what)
    raise EngineError(
        f'there is no TensorRT here: {"; ".join(reasons)}',
        remedy='pip install tensorrt-rtx (builds without a GPU), or tensorrt on a host with an NVIDIA GPU',
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _logger(module: Any, hear: Any) -> Any:
    class Logger(module.ILogger):
        """Passes on what the library says; called from any of its threads."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            hear(severity, msg)

    return Logger()


def _recorder(module: Any, said: Said) -> Any:
    class Recorder(module.IErrorRecorder):
        """Keeps the errors of one runtime, engine or context."""

        def __init__(self) -> None:
            module.IErrorRecorder.__init__(self)
            self._codes: list[Any] = []

        def num_errors(self) -> int:
            return len(self._codes)

        def get_error_code(self, index: int) -> Any:
            return self._codes[index][0]

        def get_error_desc(self, index: int) -> str:
            return str(self._codes[index][1])

        def has_overflowed(self) -> bool:
            return False

        def clear(self) -> None:
            self._codes.clear()

        def report_error(self, code: Any, text: str) -> bool:
            del self._codes[:-_KEPT]
            self._codes.append((code, text))
            said.error(text)
            return False

    return Recorder()


_KEPT = 100  # errors of one recorder
