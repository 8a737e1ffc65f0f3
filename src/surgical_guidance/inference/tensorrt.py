"""TensorRT, all of it from 8.6 to 11 and TensorRT-RTX: runs plans that ``surgical-guidance engine build`` made.

What differs between versions is asked with ``hasattr``. Where TensorRT and ``dims`` speak of bindings, engines of all
versions here are asked by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.scratch import Scratch
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.profiles import Shapes, choose_profile, shape_text
from surgical_guidance.inference.trt_library import TrtLibrary
from surgical_guidance.inference.trt_plans import LoadedPlan, LoadedPlans

_TYPES = {
    'FLOAT': np.float32, 'HALF': np.float16, 'INT8': np.int8, 'INT32': np.int32, 'INT64': np.int64,
    'BOOL': np.bool_, 'UINT8': np.uint8,
}  # fmt: skip
"""Names of ``DataType`` that have a NumPy type; bfloat16 and fp8 have none and cannot be inputs or outputs here."""


class TensorRtEngine:
    """A plan in TensorRT, at one size. See :class:`surgical_guidance.inference.device_engine.DeviceEngine`.

    Engines of the same plan share what is loaded. Each has an execution context of its own whose optimisation profile
    stays what it is. So a camera that changes its resolution goes on with another engine at the next frame, and what
    was recorded as a graph for either stays good.

    :param library: that runs it.
    :param path: of the plan or its sidecar.
    :param cuda: the device.
    :param plans: what is loaded already.
    :param scratch: memory for intermediate values, shared by all engines of a stream.
    :param stream: all work goes there.
    :param wanted: what the inputs shall be, for those that the plan leaves open; an open batch of any other is 1.
    :raises EngineError: if the plan is damaged, or not for this library, this GPU or these shapes.
    """

    def __init__(
        self,
        library: TrtLibrary,
        path: Path,
        cuda: Cuda,
        plans: LoadedPlans,
        scratch: Scratch,
        stream: int,
        wanted: Mapping[str, tuple[int, ...]],
    ) -> None:
        self._library, self._cuda, self._scratch, self._stream = library, cuda, scratch, stream
        self._where = str(path)
        self._plans = plans
        self._loaded: LoadedPlan | None = None
        self._context: Any = None
        self._has_scratch = False
        loaded = self._loaded = plans.join(library, path)
        self._failed, self._engine = loaded.failed, loaded.engine
        self._precision = loaded.plan.precision
        loaded.said.clear()
        try:
            with library.listening(loaded.said):
                self._make_context()
                self.inputs, self.outputs = self._bind_shapes(wanted)
        except BaseException:
            self.close()
            raise
        # The RTX library compiles kernels while it runs, which no graph may hold: it tells when that is over.
        ask = getattr(self._context, 'is_stream_capturable', None)
        self.capturable = True if ask is None else bool(ask(stream))

    def bind(self, name: str, address: int) -> None:
        """Say where in device memory an input or output lies."""
        if not self._context.set_tensor_address(name, address):
            raise self._failed(f'{name} cannot be bound')

    def enqueue(self, stream: int) -> None:
        """Give one run to the stream."""
        if self._context is None:
            raise EngineError('the engine is closed', where=self._where)
        if not self._context.execute_async_v3(stream):
            raise self._failed('the network cannot be run')

    def describe(self) -> str:
        """Tell in one line what runs it."""
        return f'{self._library.describe()} {self._precision}'

    def close(self) -> None:
        """Give everything back, what was made last first."""
        self._context = None
        if self._has_scratch:
            self._scratch.leave(self._stream)
            self._has_scratch = False
        self._engine = None
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            self._plans.leave(loaded)

    def _make_context(self) -> None:
        """Make a context whose scratch memory is ours: engines of one stream share it."""
        module, engine = self._library.module, self._engine
        strategies = getattr(module, 'ExecutionContextAllocationStrategy', None)
        if strategies is not None and hasattr(strategies, 'USER_MANAGED'):
            self._context = engine.create_execution_context(strategies.USER_MANAGED)
        else:  # 8.6
            self._context = engine.create_execution_context_without_device_memory()
        if self._context is None:
            raise self._failed('no execution context can be made')
        by_name = 'device_memory_size_v2' if hasattr(engine, 'device_memory_size_v2') else 'device_memory_size'
        size = int(getattr(engine, by_name))
        address = self._scratch.join(self._stream, max(size, 1))
        self._has_scratch = True
        if hasattr(self._context, 'set_device_memory'):
            self._context.set_device_memory(address, size)
        else:
            self._context.device_memory = address
        if hasattr(self._context, 'nvtx_verbosity'):
            self._context.nvtx_verbosity = module.ProfilingVerbosity.NONE  # its markers cost time in every launch

    def _bind_shapes(self, wanted: Mapping[str, tuple[int, ...]]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        module, engine, context = self._library.module, self._engine, self._context
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        takes = [name for name in names if engine.get_tensor_mode(name) == module.TensorIOMode.INPUT]
        declared = {name: tuple(engine.get_tensor_shape(name)) for name in takes}
        shapes = {
            name: tuple(
                own if own >= 0 else (wanted[name][axis] if axis < len(wanted.get(name, ())) else 1)
                for axis, own in enumerate(declared[name])
            )
            for name in takes
        }
        is_open = [name for name in takes if -1 in declared[name]]
        if is_open:
            index = choose_profile(
                [self._profile(number, is_open) for number in range(engine.num_optimization_profiles)],
                {name: shapes[name] for name in is_open},
                self._where,
            )
            if index != context.active_optimization_profile and not context.set_optimization_profile_async(
                index, self._stream
            ):  # the first context of a plan has the first profile, each other one has none
                raise self._failed(f'profile {index} cannot be chosen')
            self._cuda.synchronise(self._stream)
        for name in is_open:
            if not context.set_input_shape(name, shapes[name]):
                raise self._failed(f'{name} cannot be {shape_text(shapes[name])}')
        missing = context.infer_shapes()
        if missing:
            raise self._failed(f'the shapes of {", ".join(missing)} are not known')
        inputs = {name: self._tensor(name, shapes[name]) for name in takes}
        gives = [name for name in names if name not in inputs]
        return inputs, {name: self._tensor(name, tuple(context.get_tensor_shape(name))) for name in gives}

    def _profile(self, number: int, names: list[str]) -> Shapes:
        """Give the shapes of one profile: input -> smallest, usual, largest."""
        get = self._engine.get_tensor_profile_shape
        return {name: tuple(tuple(shape) for shape in get(name, number)) for name in names}

    def _tensor(self, name: str, shape: tuple[int, ...]) -> Tensor:
        kind = self._engine.get_tensor_dtype(name).name
        if kind not in _TYPES:
            raise EngineError(
                f'{name} is {kind}', where=self._where, remedy='keep inputs and outputs FP32 or FP16 when converting'
            )
        if any(side < 0 for side in shape):
            raise EngineError(
                f'the shape of {name} depends on its values ({shape_text(shape)})',
                where=self._where,
                remedy='leave such parts (NMS, TopK of variable length) outside the network',
            )
        return Tensor(name, np.dtype(_TYPES[kind]), shape)
