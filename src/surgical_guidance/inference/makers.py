"""How each engine is made, and how to tell without making one whether this host can."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.engine import Engine
from surgical_guidance.inference.manifest import Manifest


@cache
def gpu_missing() -> str:
    """Tell why there is no GPU that works; '' where there is one. Looks once a process."""
    from surgical_guidance.inference.cuda.libcuda import LibCuda

    if not importlib.util.find_spec('pycuda') and not _has('cuda.bindings'):
        return 'neither PyCUDA nor cuda-bindings is installed'
    try:
        driver = LibCuda()
        driver('cuInit', 0)
        driver('cuDeviceGet', 0)
    except EngineError as error:
        return error.what
    return ''


def provider_missing(name: str) -> str:
    """Tell why a GPU provider of ONNX Runtime does not run here."""
    import onnxruntime

    from surgical_guidance.inference.onnxruntime_gpu import PROVIDERS

    if PROVIDERS[name] not in onnxruntime.get_available_providers():
        return f'ONNX Runtime {onnxruntime.__version__} has no {PROVIDERS[name]} (onnxruntime-gpu has)'
    return gpu_missing()


def make_provider(name: str) -> Callable[[Manifest, int], Engine]:
    """Make engines of a GPU provider of ONNX Runtime."""

    def make(manifest: Manifest, _threads: int) -> Engine:
        from surgical_guidance.inference.gpu_engine import GpuEngine
        from surgical_guidance.inference.onnxruntime_gpu import OnnxRuntimeGpuEngine

        return GpuEngine(manifest, lambda _cuda, _host, stream: OnnxRuntimeGpuEngine(name, manifest, stream))

    return make


def tensorrt_missing(library: str) -> str:
    """Tell why a TensorRT does not run here."""
    from surgical_guidance.inference.trt_library import load

    if not importlib.util.find_spec(library):
        return f'{library} is not installed'
    reason = gpu_missing()
    if reason:
        return reason
    try:
        load(library)
    except EngineError as error:
        return error.what
    return ''


def make_tensorrt(library: str) -> Callable[[Manifest, int], Engine]:
    """Make engines of a TensorRT, from the deployed plan of a model."""

    def make(manifest: Manifest, _threads: int) -> Engine:
        from surgical_guidance.inference.gpu_engine import GpuEngine
        from surgical_guidance.inference.tensorrt import TensorRtEngine
        from surgical_guidance.inference.trt_library import load

        loaded = load(library)
        plan = deployed_plan(manifest, loaded.name, loaded.version)
        wanted = {manifest.input.name: manifest.input.shape}
        return GpuEngine(
            manifest,
            lambda cuda, host, stream: TensorRtEngine(loaded, plan, cuda, host.plans, host.scratch, stream, wanted),
        )

    return make


def deployed_plan(manifest: Manifest, library: str, version: str) -> Path:
    """Give the deployed plan of a model.

    :raises EngineError: if there is none for this library.
    """
    from surgical_guidance.inference.plan import deployed, deployed_folder

    for marker in deployed(manifest.name, manifest.sha256, library, version):
        return marker
    raise EngineError(
        f'no verified plan of {manifest.name} is deployed for {library} {version}',
        where=str(deployed_folder()),
        remedy=f'surgical-guidance engine build {manifest.name}, then engine verify with --deploy',
    )


def openvino_missing() -> str:
    """Tell why OpenVINO does not run here."""
    return '' if importlib.util.find_spec('openvino') else 'openvino is not installed'


def make_openvino(manifest: Manifest, threads: int) -> Engine:
    """Make an engine of OpenVINO."""
    from surgical_guidance.inference.openvino import OpenVinoEngine

    return OpenVinoEngine(manifest.model_path, manifest.sha256, threads, {manifest.input.name: manifest.input.shape})


def make_onnxruntime(manifest: Manifest, threads: int) -> Engine:
    """Make an engine of ONNX Runtime on the processor."""
    from surgical_guidance.inference.onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine(manifest.model_path, manifest.sha256, threads, {manifest.input.name: manifest.input.shape})


def _has(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
