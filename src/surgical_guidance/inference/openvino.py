"""OpenVINO on the processor: an optional extra, faster than ONNX Runtime for some networks on x86."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.onnxruntime import read_network


class OpenVinoEngine:
    """A network in OpenVINO, its inputs and outputs bound to fixed memory. See :class:`Engine`.

    :param path: of the ONNX file.
    :param sha256: what the file must be.
    :param threads: that one run may use.
    :param shapes: what the inputs shall be, for those that the network leaves open; an open batch of any other is 1.
    :raises EngineError: if OpenVINO is not here, or the file is not a network that it can run.
    """

    def __init__(self, path: Path, sha256: str, threads: int, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.passed_over: tuple[tuple[str, str], ...] = ()
        self._where = str(path)
        self._threads = threads
        try:
            import openvino
        except ImportError as error:
            raise EngineError(
                f'OpenVINO does not load ({error})', where=self._where, remedy='pip install openvino'
            ) from error
        self._version = openvino.__version__.split('-')[0]
        content = read_network(path, sha256)
        try:
            core = openvino.Core()
            network = core.read_model(content)
            self._fix_shapes(network, shapes)
            # FP32: the processor's bfloat16 would give other results than every other engine.
            options = {
                'INFERENCE_NUM_THREADS': threads,
                'PERFORMANCE_HINT': 'LATENCY',
                'NUM_STREAMS': 1,
                'INFERENCE_PRECISION_HINT': 'f32',
            }
            self._request = core.compile_model(network, 'CPU', options).create_infer_request()
            model = self._request.get_compiled_model()
            self.inputs: Mapping[str, Tensor] = {port.get_any_name(): _tensor(port) for port in model.inputs}
            self.outputs: Mapping[str, Tensor] = {port.get_any_name(): _tensor(port) for port in model.outputs}
            self._memory: dict[str, NDArray[Any]] = {}
            for tensor in (*self.inputs.values(), *self.outputs.values()):
                self._memory[tensor.name] = np.zeros(tensor.shape, tensor.dtype)
                shared = openvino.Tensor(self._memory[tensor.name], shared_memory=True)
                self._request.set_tensor(tensor.name, shared)
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(
                f'OpenVINO {self._version} cannot load this network ({_last_line(error)})',
                where=self._where,
                remedy='run it with engine onnxruntime to see whether it is the network or OpenVINO',
            ) from error
        self._results = {name: self._memory[name] for name in self.outputs}

    def input(self, name: str) -> NDArray[Any]:
        """Give the memory of an input."""
        return self._memory[name]

    def infer(self) -> Mapping[str, NDArray[Any]]:
        """Run on what lies in the inputs."""
        if self._request is None:
            raise EngineError('the engine is closed', where=self._where)
        try:
            self._request.infer()
        except Exception as error:
            raise EngineError(f'the network cannot be run ({_last_line(error)})', where=self._where) from error
        return self._results

    def describe(self) -> str:
        """Tell in one line what runs it and on what."""
        return f'OpenVINO {self._version} CPU, {self._threads} thread{"s" * (self._threads > 1)}'

    def close(self) -> None:
        """Let it go."""
        self._request = None

    @staticmethod
    def _fix_shapes(network: Any, shapes: Mapping[str, tuple[int, ...]]) -> None:
        fixed = {}
        for port in network.inputs:
            if port.partial_shape.is_dynamic:
                wanted = shapes.get(port.get_any_name())
                fixed[port.get_any_name()] = wanted or [
                    1 if side.is_dynamic else side.get_length() for side in port.partial_shape
                ]
        if fixed:
            network.reshape(fixed)


def _tensor(port: Any) -> Tensor:
    if port.partial_shape.is_dynamic:
        raise EngineError(f'{port.get_any_name()} has no fixed shape ({port.partial_shape})')
    return Tensor(port.get_any_name(), np.dtype(port.element_type.to_dtype()), tuple(port.shape))


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]
