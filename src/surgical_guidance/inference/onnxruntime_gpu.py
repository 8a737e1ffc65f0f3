"""ONNX Runtime on an NVIDIA GPU: its CUDA, TensorRT and TensorRT-RTX providers, bound to our memory and our stream."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import onnxruntime as ort

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.engine import Tensor
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.onnxruntime import (
    ERRORS_ONLY,
    first_line,
    open_sides,
    outputs_of,
    read_network,
    tensor_of,
)

PROVIDERS: Mapping[str, str] = {
    'onnxruntime-cuda': 'CUDAExecutionProvider',
    'onnxruntime-tensorrt': 'TensorrtExecutionProvider',
    'onnxruntime-tensorrt-rtx': 'NvTensorRTRTXExecutionProvider',
}
"""Engine -> the provider of ONNX Runtime that it is."""

_NOT_TO_WAIT = 'disable_synchronize_execution_providers'  # run option: we wait for the stream ourselves


class OnnxRuntimeGpuEngine:
    """A network in ONNX Runtime on the GPU. See :class:`surgical_guidance.inference.device_engine.DeviceEngine`.

    With the CUDA provider a run can be part of our own graph. The other two record graphs of their own.

    :param kind: one of :data:`PROVIDERS`.
    :param manifest: what the model is.
    :param stream: all work goes there.
    :param own_graph: let the provider record a graph of its own, in place of ours.
    :param options: of the provider, in place of what is set here.
    :raises EngineError: if ONNX Runtime has not this provider here, or it cannot run the network.
    """

    def __init__(
        self,
        kind: str,
        manifest: Manifest,
        stream: int,
        *,
        own_graph: bool = False,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._where = str(manifest.model_path)
        provider = PROVIDERS[kind]
        self._provider = provider
        if provider not in ort.get_available_providers():
            raise EngineError(
                f'ONNX Runtime {ort.__version__} has no {provider} here',
                where=self._where,
                remedy='pip install onnxruntime-gpu in place of onnxruntime',
            )
        _find_libraries()
        self._sha256 = manifest.sha256
        model = read_network(manifest.model_path, manifest.sha256)
        chosen = provider_options(provider, stream, own_graph=own_graph) | dict(options or {})
        shapes = {manifest.input.name: manifest.input.shape}
        self._session, self.whole = self._load(model, [(provider, chosen)], shapes)
        self.capturable = provider == 'CUDAExecutionProvider' and not own_graph and self.whole
        self.inputs: Mapping[str, Tensor] = {n.name: tensor_of(n, self._where) for n in self._session.get_inputs()}
        self.outputs: Mapping[str, Tensor] = outputs_of(self._session, self.inputs, self._where)
        self._binding = self._session.io_binding()
        self._run_options = ort.RunOptions()
        self._run_options.add_run_config_entry(_NOT_TO_WAIT, '1')
        self._stream = stream

    def bind(self, name: str, address: int) -> None:
        """Say where in device memory an input or output lies."""
        tensor = self.inputs.get(name) or self.outputs[name]
        bind = self._binding.bind_input if name in self.inputs else self._binding.bind_output
        bind(name, 'cuda', 0, tensor.dtype.type, tensor.shape, address)

    def enqueue(self, stream: int) -> None:
        """Give one run to the stream that the engine was made for."""
        try:
            self._session.run_with_iobinding(self._binding, self._run_options)
        except Exception as error:
            raise EngineError(f'the network cannot be run ({first_line(error)})', where=self._where) from error

    def describe(self) -> str:
        """Tell in one line what runs it."""
        part = '' if self.whole else ', partly on the processor'
        return f'ONNX Runtime {ort.__version__} {self._provider.removesuffix("ExecutionProvider")}{part}'

    def close(self) -> None:
        """Let the session go."""
        self._binding = self._session = None

    def _load(self, model: bytes, providers: Sequence[Any], shapes: Mapping[str, tuple[int, ...]]) -> tuple[Any, bool]:
        """Make a session; tell whether all of the network runs on the GPU."""
        try:
            sides = open_sides(model, self._sha256, shapes, self._where)
        except EngineError:
            raise
        except Exception as error:
            raise self._refused(error) from error
        for whole in (True, False):
            options = ort.SessionOptions()
            options.log_severity_level = ERRORS_ONLY + 1 if whole else ERRORS_ONLY  # the first try may fail in silence
            for side, size in sides.items():
                options.add_free_dimension_override_by_name(side, size)
            options.add_session_config_entry('session.disable_cpu_ep_fallback', '1' if whole else '0')
            try:
                session = ort.InferenceSession(model, options, providers=providers)
            except Exception as error:
                if not whole:
                    raise self._refused(error) from error
                continue
            if providers[0][0] not in session.get_providers():  # it says so in its log alone
                raise EngineError(
                    f'{self._provider} does not start: its libraries are missing or do not fit the driver',
                    where=self._where,
                    remedy='install the CUDA and cuDNN that this onnxruntime-gpu was built for',
                )
            return session, whole
        raise AssertionError

    def _refused(self, error: Exception) -> EngineError:
        return EngineError(
            f'{self._provider} of ONNX Runtime {ort.__version__} cannot load this network ({first_line(error)})',
            where=self._where,
            remedy='run it with engine onnxruntime to see whether it is the network or the GPU',
        )


@cache
def _find_libraries() -> None:
    """Load CUDA and cuDNN where they came as Python packages; what is missing shows when a session is made."""
    ort.set_default_logger_severity(ERRORS_ONLY)
    if hasattr(ort, 'preload_dlls'):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            ort.preload_dlls()


def provider_options(provider: str, stream: int, *, own_graph: bool) -> dict[str, str]:
    """Give the options of a provider for live work on one stream."""
    common = {'device_id': '0', 'user_compute_stream': str(stream), 'has_user_compute_stream': '1'}
    if provider == 'CUDAExecutionProvider':
        return {
            **common,
            'enable_cuda_graph': str(int(own_graph)),
            'cudnn_conv_algo_search': 'EXHAUSTIVE',
            'cudnn_conv_use_max_workspace': '1',
            'do_copy_in_default_stream': '1',
        }
    if provider == 'TensorrtExecutionProvider':
        return {
            **common,
            'trt_fp16_enable': '1',
            'trt_engine_cache_enable': '1',
            'trt_cuda_graph_enable': str(int(own_graph)),
        }
    return {**common, 'enable_cuda_graph': str(int(own_graph))}
