"""Has the library build a plan: TensorRT 8.6 to 11 and TensorRT-RTX by one way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from surgical_guidance.engines import shapes
from surgical_guidance.engines.device import need_device
from surgical_guidance.engines.options import Options
from surgical_guidance.engines.progress import Progress, monitor
from surgical_guidance.errors import EngineError, HostError
from surgical_guidance.inference.plan import PlanTensor
from surgical_guidance.inference.trt_library import TrtLibrary
from surgical_guidance.inference.trt_words import Said, explain, one_line

_MIB = 1 << 20
_AS_NUMPY = {'float': 'float32', 'half': 'float16'}


class Cancelled(Exception):
    """The build was stopped by whoever asked for it. Nothing is left of it."""


@dataclass(frozen=True)
class Built:
    """A plan and what it takes and gives.

    :param layers: of the network before the library fused them.
    """

    plan: bytes
    inputs: tuple[PlanTensor, ...]
    outputs: tuple[PlanTensor, ...]
    layers: int


def build(library: TrtLibrary, network: onnx.ModelProto, options: Options, progress: Progress, where: Path) -> Built:
    """Build a plan. Ctrl-C stops the library at its next step.

    The library works in a thread of its own, so that this one can hear Ctrl-C: an exception in a call-back of the
    library would be the end of the process.

    :param where: the network came from, for errors.
    :raises EngineError: in the library's own words, with what to do.
    :raises Cancelled: if it was stopped.
    """
    results: list[Built | BaseException] = []

    done = threading.Event()

    def work() -> None:
        try:
            results.append(_built(library, network, options, progress, where))
        except BaseException as error:  # noqa: BLE001  (it is raised again below, in the thread that asked)
            results.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name='engine build', daemon=True).start()
    _wait(done, progress.cancel)
    result = results[0]
    if progress.cancelled:
        raise Cancelled
    if isinstance(result, BaseException):
        raise result
    return result


def _wait(done: threading.Event, cancel: Callable[[], None]) -> None:
    """Wait for a thread; Ctrl-C cancels the work and the waiting goes on until it has stopped.

    By an event, not by joining it: a join that Ctrl-C ends leaves the thread marked as ended (Python 3.11).
    """
    while not done.is_set():
        try:
            done.wait()
        except KeyboardInterrupt:
            cancel()


def _built(library: TrtLibrary, network: onnx.ModelProto, options: Options, progress: Progress, where: Path) -> Built:
    module = library.module
    with library.listening() as said:
        builder = _builder(library, said, where)
        definition = builder.create_network(_network_flags(module))
        parser = module.OnnxParser(definition, library.logger)
        watcher = monitor(module, progress)
        try:
            _parse(parser, network, where)
            inputs = tuple(_tensor(definition.get_input(index)) for index in range(definition.num_inputs))
            shapes.check(options.profiles, inputs, str(where))
            config = _configured(library, builder, options, watcher, str(where))
            plan = builder.build_serialized_network(definition, config)
            if plan is None:
                what, remedy = explain(said.cause())
                raise EngineError(f'{library.describe()} cannot build it: {what}', where=str(where), remedy=remedy)
            outputs = tuple(_tensor(definition.get_output(index)) for index in range(definition.num_outputs))
            return Built(bytes(plan), inputs, outputs, definition.num_layers)
        finally:
            plan = config = None  # what was made last goes first; the watcher must live longer than all of them
            del parser
            del definition
            del builder


def _builder(library: TrtLibrary, said: Said, where: Path) -> Any:
    if not library.rtx:
        need_device(f'a build with {library.describe()}')
    try:
        return library.module.Builder(library.logger)
    except (TypeError, RuntimeError) as error:  # its factory gave nothing
        what, remedy = explain(said.cause() or str(error))
        raise EngineError(f'{library.describe()} does not start: {what}', where=str(where), remedy=remedy) from error


def _network_flags(module: Any) -> int:
    """Ask for a strongly typed network with its batch dimension, where that must be asked for."""
    flags = module.NetworkDefinitionCreationFlag
    return sum(1 << int(getattr(flags, name)) for name in ('EXPLICIT_BATCH', 'STRONGLY_TYPED') if hasattr(flags, name))


def _parse(parser: Any, network: onnx.ModelProto, where: Path) -> None:
    if parser.parse(network.SerializeToString()):
        return
    what = _first_fault(parser)
    raise EngineError(
        f'TensorRT cannot read the network: {what}',
        where=str(where),
        remedy='export it with other operators, or leave this part outside the network',
    )


def _first_fault(parser: Any) -> str:
    """Tell the parser's first error. Its errors must be gone before the parser is: they live in it."""
    if not parser.num_errors:
        return 'it does not say why'
    fault = parser.get_error(0)
    node = f'node {fault.node()}'
    if hasattr(fault, 'node_name'):
        node += f' ({fault.node_name() or "without a name"}, {fault.node_operator()})'
    return f'{node}: {one_line(fault.desc())}'


def _configured(library: TrtLibrary, builder: Any, options: Options, watcher: Any, where: str) -> Any:
    module = library.module
    config = builder.create_builder_config()
    if watcher is not None:
        config.progress_monitor = watcher
    config.profiling_verbosity = module.ProfilingVerbosity.DETAILED  # for `engine inspect`; costs nothing at run time
    if options.effort is not None and hasattr(config, 'builder_optimization_level'):
        config.builder_optimization_level = options.effort
    if options.workspace_mb is not None:
        config.set_memory_pool_limit(module.MemoryPoolType.WORKSPACE, options.workspace_mb * _MIB)
    if hasattr(config, 'max_aux_streams'):
        config.max_aux_streams = 0  # several models share the device; the scheduler decides what runs beside what
    for profile in options.profiles:
        shape = builder.create_optimization_profile()
        for name, wanted in profile.items():
            shape.set_shape(name, wanted.min, wanted.opt, wanted.max)
        if config.add_optimization_profile(shape) < 0:
            raise EngineError('the library refuses the profile', where=where, remedy='give it smaller shapes')
    _set_precision(module, config, options)
    _set_dla(module, builder, config, options, where)
    _set_target(library, config, options, where)
    _set_compatible(library, config, options, where)
    return config


def _set_precision(module: Any, config: Any, options: Options) -> None:
    """Allow a precision where networks are not strongly typed (8.6): else the network says it itself."""
    if hasattr(module.NetworkDefinitionCreationFlag, 'STRONGLY_TYPED') or not hasattr(module.BuilderFlag, 'FP16'):
        return
    wanted = {'fp16': ('FP16',), 'int8': ('FP16', 'INT8'), 'fp8': ('FP16', 'FP8')}.get(options.precision, ())
    for name in wanted:
        if not hasattr(module.BuilderFlag, name):
            raise EngineError(f'this TensorRT has no {name}', remedy='use fp16, or a later version')
        config.set_flag(getattr(module.BuilderFlag, name))


def _set_dla(module: Any, builder: Any, config: Any, options: Options, where: str) -> None:
    if options.dla is None:
        return
    if builder.num_DLA_cores <= options.dla:  # TensorRT-RTX would take the option and do nothing with it
        raise HostError(
            f'there is no DLA core {options.dla}: this device has {builder.num_DLA_cores}',
            where=where,
            remedy='leave --dla out; Jetson Xavier and Orin have two',
        )
    config.default_device_type = module.DeviceType.DLA
    config.DLA_core = options.dla
    config.set_flag(module.BuilderFlag.GPU_FALLBACK)


def _set_target(library: TrtLibrary, config: Any, options: Options, where: str) -> None:
    if not options.target:
        return
    if not library.rtx:
        found = need_device(f'a build with {library.describe()}')
        if options.target != found.capability:
            raise EngineError(
                f'TensorRT builds for the GPU of this host, which is {found.capability}, not for {options.target}',
                where=where,
                remedy='build it on the device, or use TensorRT-RTX',
            )
        return
    capabilities = library.module.ComputeCapability
    known = sorted(name.lower() for name in dir(capabilities) if name.startswith('SM'))
    wanted = options.target.lower().split(',')
    for name in wanted:
        if name not in known:
            raise EngineError(
                f'{library.describe()} does not build for {name!r}', where=where, remedy=f'use {", ".join(known)}'
            )
    config.num_compute_capabilities = len(wanted)
    for index, name in enumerate(wanted):
        config.set_compute_capability(getattr(capabilities, name.upper()), index)


def _set_compatible(library: TrtLibrary, config: Any, options: Options, where: str) -> None:
    if not options.version_compatible:
        return
    flags = library.module.BuilderFlag
    if library.rtx or not hasattr(flags, 'VERSION_COMPATIBLE'):
        raise EngineError(
            f'{library.describe()} makes no version-compatible plans',
            where=where,
            remedy='leave --version-compatible out and build again after each update',
        )
    config.set_flag(flags.VERSION_COMPATIBLE)


def _tensor(tensor: Any) -> PlanTensor:
    dtype = tensor.dtype.name.lower()
    return PlanTensor(name=tensor.name, dtype=_AS_NUMPY.get(dtype, dtype), shape=tuple(tensor.shape))
