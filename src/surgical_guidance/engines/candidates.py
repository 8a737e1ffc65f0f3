"""The engines that ``engine bench`` compares: what this host has, in the precisions there are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from surgical_guidance.engines.artefact import read_artefact
from surgical_guidance.engines.convert import to_half
from surgical_guidance.engines.device import need_device
from surgical_guidance.engines.inspection import inputs_of
from surgical_guidance.engines.make import make
from surgical_guidance.engines.measure import Candidate
from surgical_guidance.engines.options import CALIBRATED, Options, Precision
from surgical_guidance.engines.runner import DeviceRunner, plan_runner, provider_runner
from surgical_guidance.engines.shapes import live
from surgical_guidance.engines.source import Source, file_sha256
from surgical_guidance.inference.engine import Engine, make_engine
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.onnxruntime_gpu import PROVIDERS
from surgical_guidance.inference.trt_library import LIBRARIES, load


class EngineTimes:
    """An engine of the inference room, as something to time.

    :param engine: loaded.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        rng = np.random.default_rng(0)
        self._inputs = {
            name: (rng.random(tensor.shape, np.float32) * 255.0).astype(tensor.dtype)
            for name, tensor in engine.inputs.items()
        }
        self._outputs = {name: np.empty(tensor.shape, tensor.dtype) for name, tensor in engine.outputs.items()}
        self._given: Any = {}

    def write(self) -> None:
        """Write a picture into the inputs."""
        for name, value in self._inputs.items():
            np.copyto(self._engine.input(name), value)

    def infer(self) -> None:
        """Run, and wait until it is done."""
        self._given = self._engine.infer()

    def read(self) -> None:
        """Copy the results out."""
        for name, target in self._outputs.items():
            np.copyto(target, self._given[name])

    def close(self) -> None:
        """Let the engine go."""
        self._engine.close()


def candidates(
    source: Source, folder: Path, calibrated: Path | None = None, threads: tuple[int, ...] = (1, 2)
) -> Iterator[Candidate]:
    """Give what can be compared of a model: the processor's engines, then those of a GPU.

    :param folder: for networks that are converted on the way.
    :param calibrated: what ``engine calibrate`` made of it.
    """
    # The same network for all: what a processor takes in its place is another one, with its argmax outside.
    manifest = source.need_manifest('bench').model_copy(update={'processor': None})
    variants: list[tuple[Precision, Manifest]] = [('fp32', manifest)]
    if calibrated is not None:
        variants.append((read_artefact(calibrated).precision, _with_file(manifest, calibrated)))
    for count in threads:
        for precision, own in variants:
            yield Candidate(f'ONNX Runtime CPU, {count} thread{"s" * (count > 1)}', precision,
                            _on_processor('onnxruntime', own, count))  # fmt: skip
    yield Candidate(f'OpenVINO CPU, {threads[-1]} threads', 'fp32', _on_processor('openvino', manifest, threads[-1]))
    half = folder / 'half.onnx'
    half.write_bytes(to_half(_copy(source.graph), source.path).SerializeToString())
    variants.insert(1, ('fp16', _with_file(manifest, half)))
    for kind in PROVIDERS:
        for precision, own in variants:
            yield Candidate(kind, precision, _on_provider(kind, own))
    for library in LIBRARIES:
        for precision, _ in variants:
            yield Candidate(library, precision, _on_plan(source, library, precision, calibrated))


def _on_processor(kind: str, manifest: Manifest, threads: int) -> Callable[[], EngineTimes]:
    return lambda: EngineTimes(make_engine(kind, manifest, threads))


def _on_provider(kind: str, manifest: Manifest) -> Callable[[], DeviceRunner]:
    def load_it() -> DeviceRunner:
        runner = provider_runner(kind, manifest)
        runner.fill()
        return runner

    return load_it


def _on_plan(source: Source, library: str, precision: Precision, calibrated: Path | None) -> Callable[[], DeviceRunner]:
    def load_it() -> DeviceRunner:
        need_device('running it')
        spec = source.need_manifest('bench').input
        profiles = live(inputs_of(source.graph), source.sizes, str(source.path))
        ranges = calibrated if precision in CALIBRATED else None
        made = make(source, Options(precision=precision, profiles=profiles), load(library), ranges)
        runner = plan_runner(made.path, library, {spec.name: spec.shape})
        runner.fill()
        return runner

    return load_it


def _copy(network: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    return copy


def _with_file(manifest: Manifest, file: Path) -> Manifest:
    """Give the manifest for another file of the same network."""
    return manifest.model_copy(update={'file': str(file.resolve()), 'sha256': file_sha256(file), 'processor': None})


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder for converted networks."""
    return tempfile.TemporaryDirectory(prefix='surgical-guidance-')
