"""Which engines there are, which this host really runs, and why the others were passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from surgical_guidance.errors import EngineError, ModelError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest

Make = Callable[[Manifest, int], Engine]


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to run a network.

    :param missing: why this host cannot; '' where it may. Cheap, and changes nothing.
    :param make: loads a model with so many threads.
    :param by_auto: whether ``auto`` tries it.
    :param on_processor: it takes the network that a manifest has for processors.
    """

    missing: Callable[[], str]
    make: Make
    by_auto: bool = True
    on_processor: bool = False


def backends() -> Mapping[str, Backend]:
    """Give all ways by name, the best first."""
    from surgical_guidance.inference import makers

    return {
        'tensorrt': Backend(lambda: makers.tensorrt_missing('tensorrt'), makers.make_tensorrt('tensorrt')),
        'tensorrt-rtx': Backend(lambda: makers.tensorrt_missing('tensorrt_rtx'), makers.make_tensorrt('tensorrt_rtx')),
        # These two build an engine while they load, for minutes: only where they are asked for.
        'onnxruntime-tensorrt': _provider('onnxruntime-tensorrt', by_auto=False),
        'onnxruntime-tensorrt-rtx': _provider('onnxruntime-tensorrt-rtx', by_auto=False),
        'onnxruntime-cuda': _provider('onnxruntime-cuda', by_auto=True),
        # On two cores about as fast as ONNX Runtime for most networks, and one more thing to go wrong.
        'openvino': Backend(makers.openvino_missing, makers.make_openvino, by_auto=False, on_processor=True),
        'onnxruntime': Backend(lambda: '', makers.make_onnxruntime, on_processor=True),
    }


def _provider(name: str, *, by_auto: bool) -> Backend:
    from surgical_guidance.inference import makers

    return Backend(lambda: makers.provider_missing(name), makers.make_provider(name), by_auto)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a model.

    :param manifest: of the network that it runs.
    :param passed_over: better ones, each with the reason.
    """

    name: str
    engine: Engine
    manifest: Manifest
    passed_over: tuple[tuple[str, str], ...]


def choose(kind: str, manifest: Manifest, threads: int, known: Mapping[str, Backend] | None = None) -> Choice:
    """Load a model into the engine that is asked for, or into the best that really loads it.

    :param kind: ``auto`` or the name of one.
    :raises EngineError: if the one that is asked for is not here, or cannot load the model.
    :raises ModelError: if the model fits no engine.
    """
    known = known if known is not None else backends()
    if kind != 'auto':
        backend = known.get(kind)
        if backend is None:
            raise EngineError(f'there is no engine {kind!r}', where='engine', remedy=f'use auto, {", ".join(known)}')
        reason = backend.missing()
        if reason:
            raise EngineError(f'{kind} does not run here: {reason}', where='engine', remedy='use auto')
        return _made(kind, backend, manifest, threads, ())
    passed_over: list[tuple[str, str]] = []
    last: ModelError | None = None
    for name, backend in known.items():
        if not backend.by_auto:
            continue
        reason = backend.missing()
        if not reason:
            try:
                return _made(name, backend, manifest, threads, tuple(passed_over))
            except ModelError as error:
                reason, last = error.what, error
        passed_over.append((name, reason))
    if last is not None:
        raise last  # the one that every host has tells best what is wrong with the model
    raise EngineError('no engine runs here', where='engine', remedy='; '.join(f'{n}: {why}' for n, why in passed_over))


def _made(
    name: str, backend: Backend, manifest: Manifest, threads: int, passed_over: tuple[tuple[str, str], ...]
) -> Choice:
    own = manifest.on_processor if backend.on_processor else manifest
    engine = backend.make(own, threads)
    engine.passed_over = passed_over
    return Choice(name, engine, own, passed_over)


def surveyed(known: Mapping[str, Backend] | None = None) -> Iterator[tuple[str, str]]:
    """Give each engine and why it does not run here; '' where it may."""
    for name, backend in (known if known is not None else backends()).items():
        yield name, backend.missing()
