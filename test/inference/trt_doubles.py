"""A TensorRT made of the real classes: every call on it must exist and have the form that the real one takes."""

from __future__ import annotations

import re
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest

from surgical_guidance.inference.trt_library import TrtLibrary

_FORM = re.compile(r'\w+\(self: [\w.]+(?P<rest>.*)\) -> ')


def double(cls: type, **told: Any) -> Any:
    """Make a stand-in for an object of a real class.

    What the class lacks cannot be called, read or set; what it has takes as many arguments as its documentation says.

    :param told: method or property -> what it gives, or a function that works it out.
    """
    made = create_autospec(cls, instance=True, spec_set=True)
    for name in (name for name in dir(cls) if not name.startswith('_') and callable(getattr(cls, name))):
        getattr(made, name).side_effect = _checked(cls, name, told.pop(name, None))
    for name, value in told.items():
        setattr(made, name, value)
    return made


def _checked(cls: type, name: str, told: Any) -> Any:
    counts = argument_counts(getattr(cls, name).__doc__ or '')

    def call(*arguments: Any) -> Any:
        assert any(low <= len(arguments) <= high for low, high in counts), (
            f'{cls.__name__}.{name} takes {counts} arguments, not {len(arguments)}'
        )
        return told(*arguments) if callable(told) else told

    return call


def argument_counts(documentation: str) -> list[tuple[int, int]]:
    """Read from what pybind11 writes how many arguments a method takes, for each of its forms, at least and at most."""
    counts = []
    for match in _FORM.finditer(documentation):
        rest = re.sub(r'\[[^\[\]]*\]', '', re.sub(r'\[[^\[\]]*\]', '', match['rest']))
        arguments = [part for part in re.sub(r'<[^>]*>', '', rest).split(',') if part.strip()]
        optional = sum('=' in part for part in arguments)
        counts.append((len(arguments) - optional, len(arguments)))
    return counts


class Dims(tuple):
    """Shapes as the library gives them."""

    __slots__ = ()


class Double:
    """One TensorRT with one plan in it; a test changes ``tensors`` and the other fields before it is loaded.

    ``tensors``: name -> (is input, type, shape, profiles). ``says``: what it reports before it gives None.
    """

    def __init__(self, module: ModuleType) -> None:
        self.real = module
        self.tensors: dict[str, tuple[bool, str, tuple[int, ...], list[tuple[tuple[int, ...], ...]]]] = {
            'image': (True, 'HALF', (1, 3, 32, 32), []),
            'logits': (False, 'FLOAT', (1, 4, 32, 32), []),
        }
        self.engine_says = self.run_says = ''
        self.missing: list[str] = []
        self.scratch = 5000
        self.runs = True
        self.profile = 0
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.given: dict[str, Any] = {}
        self.loaded = 0
        self.contexts: list[Any] = []
        self.chosen: list[tuple[int, int]] = []
        """Profiles that were chosen, each with the stream."""
        self.recorder: Any = None
        self.context = self.engine = self.runtime = None
        self.validity: Any = None

    def library(self) -> TrtLibrary:
        real = self.real
        module = SimpleNamespace(**{name: getattr(real, name) for name in dir(real) if not name.startswith('__')})
        module.__name__ = real.__name__.split('.')[-1].replace('_bindings', '')
        module.__version__ = real.__version__
        module.Runtime = self._make_runtime
        return TrtLibrary(module)

    def _make_runtime(self, logger: Any) -> Any:
        assert isinstance(logger, self.real.ILogger)
        told: dict[str, Any] = {'deserialize_cuda_engine': self._load}
        if hasattr(self.real.Runtime, 'get_engine_validity'):
            told['get_engine_validity'] = lambda content: self.validity or (self.real.EngineValidity.VALID, 0)
        self.runtime = double(self.real.Runtime, **told)
        return self.runtime

    def _load(self, content: bytes) -> Any:
        if self.engine_says:
            self.runtime.error_recorder.report_error(self.real.ErrorCodeTRT.INVALID_ARGUMENT, self.engine_says)
            return None
        self.loaded += 1
        self.contexts.clear()
        names = list(self.tensors)
        modes = self.real.TensorIOMode
        told: dict[str, Any] = {
            'num_io_tensors': len(names),
            'num_optimization_profiles': max(len(t[3]) for t in self.tensors.values()) or 1,
            'get_tensor_name': lambda index: names[index],
            'get_tensor_mode': lambda name: modes.INPUT if self.tensors[name][0] else modes.OUTPUT,
            'get_tensor_dtype': lambda name: getattr(self.real.DataType, self.tensors[name][1]),
            'get_tensor_shape': lambda name: Dims(self.tensors[name][2]),
            'get_tensor_profile_shape': lambda name, index: [Dims(s) for s in self.tensors[name][3][index]],
            'create_execution_context': self._make_context,
            'device_memory_size_v2': self.scratch,
        }
        self.engine = double(self.real.ICudaEngine, **told)
        return self.engine

    def _make_context(self, strategy: Any) -> Any:
        number = len(self.contexts)
        assert strategy == self.real.ExecutionContextAllocationStrategy.USER_MANAGED
        told: dict[str, Any] = {
            'set_device_memory': lambda address, size: self.given.update(scratch=address, scratch_size=size),
            'set_input_shape': lambda name, shape: self.shapes.update({name: tuple(shape)}) or True,
            'set_optimization_profile_async': self._choose,
            'infer_shapes': lambda: self.missing,
            'get_tensor_shape': self._shape,
            'set_tensor_address': lambda name, address: self.addresses.update({name: address}) or True,
            'execute_async_v3': lambda stream: self._run(stream, number),
        }
        if hasattr(self.real.IExecutionContext, 'is_stream_capturable'):
            told['is_stream_capturable'] = True
        told['active_optimization_profile'] = -1 if self.contexts else 0
        self.profile = told['active_optimization_profile']
        self.context = double(self.real.IExecutionContext, **told)
        self.contexts.append(self.context)
        return self.context

    def _choose(self, index: int, stream: int) -> bool:
        self.profile = index
        self.chosen.append((index, stream))
        return True

    def _shape(self, name: str) -> Dims:
        picture = next(iter(self.shapes.values()), (1,))
        return Dims(
            picture[axis] if side == -1 and axis < len(picture) else side
            for axis, side in enumerate(self.tensors[name][2])
        )

    def _run(self, stream: int, context: int) -> bool:
        if self.run_says:
            self.runtime.error_recorder.report_error(self.real.ErrorCodeTRT.FAILED_EXECUTION, self.run_says)
            return False
        self.given.setdefault('streams', []).append(stream)
        self.given.setdefault('ran', []).append(context)
        return True


@pytest.fixture(params=['tensorrt', 'tensorrt_rtx'])
def trt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Double:
    """Give a double of each real library in turn."""
    rtx = pytest.importorskip('tensorrt_rtx')
    if request.param == 'tensorrt_rtx':
        return Double(rtx)
    from tensorrt_classes import tensorrt_classes

    return Double(tensorrt_classes(tmp_path_factory.mktemp('tensorrt')))
